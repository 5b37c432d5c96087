"""What it costs to watch a loop: processor time on one thread, with `watch` and without.

A row is one loop, trained for the same updates with and without, in turn, and the median of the
paired ratios. A `bare` loop does nothing but run the cell and go back; a `whole` one reads words,
predicts the next one, clips and takes a step of Adam, as readers' loops do.
"""

from __future__ import annotations

import argparse
import itertools
import time
from contextlib import nullcontext
from statistics import median
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from tbptt.pytorch import watch

# Timed one after the other, alone on the machine, and never taken from an earlier run.
TIMED = True
PACKAGES = ("torch", "numpy")
BATCH, CHUNK, CHUNKS, WORDS = 32, 20, 5, 1000
HIDDEN = (100, 500)
CELLS = ("RNNCell", "GRUCell", "LSTMCell")
LAYERS = ("RNN", "GRU", "LSTM")
LOOPS = ("bare", "whole")


class Loop(NamedTuple):
    """What is run again and again."""

    model: nn.ModuleDict
    words: Tensor
    adam: torch.optim.Adam


def add_arguments(parser: argparse._ArgumentGroup) -> None:
    """Add what only this experiment asks."""
    parser.add_argument("--repeats", type=int, default=9, help="paired runs for each row")


def grid(seeds: int, repeats: int = 9) -> list[dict[str, Any]]:
    """List the rows: module, width and kind of loop."""
    return [
        {"module": module, "hidden": hidden, "loop": loop, "repeats": repeats, "seed": seed}
        for module, hidden, loop, seed in itertools.product(
            CELLS + LAYERS, HIDDEN, LOOPS, range(seeds)
        )
    ]


def run(module: str, hidden: int, loop: str, repeats: int, seed: int) -> dict[str, Any]:
    """Time chunks with and without `watch`.

    Returns
    -------
    dict
        The setting; ``milliseconds`` and ``watched_milliseconds`` of processor time for a chunk of
        20 steps, medians; and ``ratio``, the median over pairs of runs.
    """
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    trained = made(module, hidden)
    for watched in (False, True, False, True):
        _seconds(trained, loop, watched)
    pairs = [
        (_seconds(trained, loop, False), _seconds(trained, loop, True)) for _ in range(repeats)
    ]
    return {
        "module": module, "hidden": hidden, "loop": loop, "seed": seed,
        "milliseconds": round(1e3 * median(plain for plain, _ in pairs) / CHUNKS, 2),
        "watched_milliseconds": round(1e3 * median(own for _, own in pairs) / CHUNKS, 2),
        "ratio": round(median(own / plain for plain, own in pairs), 3),
    }  # fmt: skip


def made(module: str, hidden: int) -> Loop:
    """Return a language model around a cell or a layer, and its words."""
    model = nn.ModuleDict({
        "embed": nn.Embedding(WORDS, hidden),
        "recurrent": getattr(nn, module)(hidden, hidden),
        "readout": nn.Linear(hidden, WORDS),
    })  # fmt: skip
    words = torch.randint(WORDS, (CHUNKS * CHUNK + 1, BATCH))
    return Loop(model, words, torch.optim.Adam(model.parameters()))


def train(loop: Loop, kind: str) -> None:
    """Train on chunks of 20 steps, the state carried on and detached."""
    model, words, adam = loop
    recurrent, state = model["recurrent"], cast(Any, None)
    for first in range(0, CHUNKS * CHUNK, CHUNK):
        x = model["embed"](words[first : first + CHUNK])
        if isinstance(recurrent, nn.RNNBase):
            outputs, state = recurrent(x, state)
        else:
            steps = []
            for step in x:
                state = recurrent(step, state)
                steps.append(state[0] if isinstance(state, tuple) else state)
            outputs = torch.stack(steps)
        if kind == "bare":
            outputs.sum().backward()
        else:
            scores = model["readout"](outputs).flatten(0, 1)
            after = words[first + 1 : first + CHUNK + 1].flatten()
            nn.functional.cross_entropy(scores, after).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            adam.step()
        adam.zero_grad()
        state = tuple(p.detach() for p in state) if isinstance(state, tuple) else state.detach()


def _seconds(loop: Loop, kind: str, watched: bool) -> float:
    began = time.process_time()
    with watch(loop.model) if watched else nullcontext():
        train(loop, kind)
    return time.process_time() - began
