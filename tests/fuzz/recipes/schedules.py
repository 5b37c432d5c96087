"""Sensible calls of schedules, costs, pictures, gates, random lengths and chosen reaches."""

import numpy as np
from hypothesis import strategies as st

from fuzz.recipes import numbers, recipe, size
from tbptt import Truncation
from tbptt.drawing import Drawing


def truncation(draw):
    k1 = size(draw)
    return Truncation(k1, k1 + size(draw, 5, least=0))


@recipe("tbptt.schedule.Truncation")
def letters(draw):
    k1 = size(draw)
    return {"k1": k1, "k2": k1 + size(draw, 5, least=0)}


@recipe("tbptt.schedule.Truncation.true")
def true(draw):
    return {"k2": size(draw)}


@recipe("tbptt.schedule.Truncation.epochwise")
def epochwise(draw):
    return {"k": size(draw)}


@recipe("tbptt.schedule.Truncation.passes")
@recipe("tbptt.schedule.Truncation.travelled")
@recipe("tbptt.schedule.Truncation.reach")
@recipe("tbptt.schedule.Truncation.lag_counts")
def over_steps(draw):
    return {"self": truncation(draw), "steps": size(draw, 20)}


@recipe("tbptt.cost.cost")
def cost(draw):
    names = ("steps", "hidden", "batch", "features", "states", "itemsize")
    return {"truncation": truncation(draw), **{name: size(draw) for name in names}}


@recipe("tbptt.cost.within_reach")
def within(draw):
    steps = size(draw, 12)
    return {"truncation": truncation(draw), "steps": steps, "lag": size(draw, steps - 1, least=0)}


@recipe("tbptt.cost.memory_distances")
def distances(draw):
    return {name: size(draw) for name in ("layers", "width", "segment")}


@recipe("tbptt.carried.carried")
@recipe("tbptt.carried.context_alike")
def carried(draw):
    return {"model": draw(st.sampled_from(["lstm", "mamba", "slstm"])), "width": size(draw)}


@recipe("tbptt.picture.one_picture")
def picture(draw):
    return {name: size(draw, 12) for name in ("window", "stride", "steps")}


@recipe("tbptt.random_lengths.draw_factors")
def factors(draw):
    chances = st.sampled_from([0, 0.5, np.float32(0.25), lambda length: 1 / (1 + length)])
    seeds = st.sampled_from([0, 7, np.random.default_rng(0)])
    return {
        "steps": size(draw, 12), "chance": draw(chances), "seed": draw(seeds),
        "compensate": draw(st.booleans()),
    }  # fmt: skip


@recipe("tbptt.random_lengths.weighting")
def weighting(draw):
    return {"factors": numbers(size(draw))}


def norms(draw):
    count = size(draw, 8, least=4)
    return count, 2.0 ** -np.arange(count), 2 - 2.0 ** -np.arange(count)


@recipe("tbptt.adaptive.decay_rate")
@recipe("tbptt.adaptive.bias_bound")
def decay(draw):
    count, shares, _ = norms(draw)
    return {"shares": shares, "first": size(draw, count - 3, least=0)}


@recipe("tbptt.adaptive.relative_bias")
def relative(draw):
    count, shares, sizes = norms(draw)
    return {"shares": shares, "sizes": sizes, "first": size(draw, count - 3, least=0)}


@recipe("tbptt.adaptive.choose_reach")
def choose(draw):
    return {**relative(draw), "tolerance": draw(st.sampled_from([0.1, 0.5, 1, np.float32(2)]))}


def blocks(draw, gates):
    features, units = size(draw, 3), size(draw, 3)
    return features, units, gates * units


@recipe("tbptt.gates.lstm_graph_to_keras")
def lstm_graph(draw):
    features, units, width = blocks(draw, 4)
    return {"kernel": numbers(features + units, width), "bias": numbers(width), "forget_bias": 1.0}


@recipe("tbptt.gates.lstm_keras_to_torch")
def lstm_keras(draw):
    features, units, width = blocks(draw, 4)
    return {
        "kernel": numbers(features, width), "recurrent_kernel": numbers(units, width),
        "bias": numbers(width),
    }  # fmt: skip


@recipe("tbptt.gates.gru_keras_to_torch")
def gru_keras(draw):
    features, units, width = blocks(draw, 3)
    return {
        "kernel": numbers(features, width), "recurrent_kernel": numbers(units, width),
        "bias": numbers(2, width),
    }  # fmt: skip


@recipe("tbptt.gates.gru_graph_to_keras")
def gru_graph(draw):
    features, units, width = blocks(draw, 2)
    return {
        "gates_kernel": numbers(features + units, width), "gates_bias": numbers(width),
        "candidate_kernel": numbers(features + units, units), "candidate_bias": numbers(units),
    }  # fmt: skip


@recipe("tbptt.drawing.number")
def number(draw):
    return {"value": draw(st.floats(-1e6, 1e6))}


def drawing():
    return Drawing(100, 50, "a title")


@recipe("tbptt.drawing.Drawing")
def blank(draw):
    return {"width": size(draw, 100), "height": 10.5, "title": "a title"}


@recipe("tbptt.drawing.Drawing.text")
def text(draw):
    return {"self": drawing(), "x": size(draw), "y": 2.5, "words": "five"}


@recipe("tbptt.drawing.Drawing.heading")
def heading(draw):
    return {"self": drawing(), "headline": "five", "detail": "six" * size(draw)}


@recipe("tbptt.drawing.Drawing.row")
def row(draw):
    return {"self": drawing(), "y": size(draw), "placed": [(1, "a"), (2.5, "b")]}


@recipe("tbptt.drawing.Drawing.column")
def column(draw):
    return {"self": drawing(), "x": size(draw), "placed": [(1, "a"), (2.5, "b")]}


@recipe("tbptt.drawing.Drawing.path")
def path(draw):
    return {"self": drawing(), "data": draw(st.sampled_from(["", "M0 0h5"]))}


@recipe("tbptt.drawing.Drawing.bars")
def bars(draw):
    return {
        "self": drawing(), "spans": [(1, 2.5, 3)] * size(draw), "thickness": 2.0, "colour": "red",
        "round_caps": draw(st.booleans()),
    }  # fmt: skip


@recipe("tbptt.measured.measured_picture")
def measured(draw):
    meant = truncation(draw)
    return {"counts": meant.reach(size(draw, 12)).astype(int), "intended": meant}


@recipe("tbptt.rows.rows_picture")
def rows(draw):
    words = st.sampled_from(["continues", "carried", "zero", "random", "skips", "has no row"])
    row = st.lists(words, max_size=size(draw, 6))
    return {"borders": draw(st.lists(row, max_size=6))}
