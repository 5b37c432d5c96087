"""Sensible calls of what watches loops, and of layers as cells."""

import torch
from hypothesis import strategies as st
from torch import nn

from fuzz.recipes import recipe, size
from fuzz.recipes.schedules import truncation
from tbptt.pytorch import watch

LAYERS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


def layer(draw):
    return LAYERS[draw(st.sampled_from(sorted(LAYERS)))](2, 2, size(draw, 3))


def looked_at():
    cell, state = nn.GRUCell(2, 2), torch.zeros(1, 2)
    with watch(cell) as seen:
        for x in torch.ones(3, 1, 2):
            state = cell(x, state)
        state.sum().backward()
    return seen


@recipe("tbptt.pytorch.watch")
def watched(draw):
    return {"model": layer(draw), "cell": None, "last": draw(st.sampled_from([None, 1, 5]))}


@recipe("tbptt.pytorch.Seen")
def seen(draw):
    return {"hooks": looked_at()._hooks}


@recipe("tbptt.pytorch.Seen.picture")
def picture(draw):
    return {"self": looked_at(), "intended": draw(st.sampled_from([None, truncation(draw)]))}


@recipe("tbptt.pytorch.as_cell")
def as_cell(draw):
    return {"layer": layer(draw)}


@recipe("tbptt.pytorch.StackedCell")
def stack(draw):
    return {"cells": [nn.GRUCell(2, 2) for _ in range(size(draw, 3))]}


@recipe("tbptt.pytorch.split_state")
def split(draw):
    state = torch.zeros(size(draw, 3), size(draw, 2), 2)
    return {"state": draw(st.sampled_from([state, (state, state)]))}


@recipe("tbptt.pytorch.join_state")
def join(draw):
    of = layer(draw)
    parts = of.num_layers * (2 if of.mode == "LSTM" else 1)
    return {"state": (torch.zeros(2, 2),) * parts, "layer": of}
