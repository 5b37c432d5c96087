"""The price of never going back: numbers carried, and time per step against a backward pass.

A plain network and a diagonal recurrence of growing size, 24 steps of 8 rows. Each ratio is of two
calls, one after the other in the same process; the backward pass is autograd's, through a graph of
all 24 steps.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tbptt.pytorch import backward
from tbptt.pytorch.diagonal import DiagonalCell
from tbptt.pytorch.forward_mode import RTRL, EProp, Method, accumulate
from tbptt.schedule import Truncation

SIZES, FEATURES, STEPS, BATCH, REPEATS = (8, 16, 32, 64), 2, 24, 8, 5
CELLS, WAYS = ("plain", "diagonal"), ("RTRL", "traces")
PACKAGES = ("torch",)
TIMED = True


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: every cell, size, method and seed."""
    return [
        {"cell": cell, "size": size, "way": way, "seed": seed}
        for seed, cell, size, way in itertools.product(range(seeds), CELLS, SIZES, WAYS)
    ]


def run(cell: str, size: int, way: str, seed: int) -> dict[str, Any]:
    """Time a method against a backward pass.

    Returns
    -------
    dict
        ``numbers`` that are carried for each row, the ``weights`` of the cell, ``ms`` per step, and
        the median ``ratio`` to a backward pass.
    """
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    model, state, method = problem(cell, size, way)
    x, errors = torch.randn(STEPS, BATCH, FEATURES), torch.randn(STEPS, *state.shape)

    def loss_fn(outputs: Tensor) -> Tensor:
        return (errors * outputs).sum()

    def ahead() -> None:
        accumulate(model, loss_fn, x, state, method)

    def back() -> None:
        backward(model, loss_fn, x, state, Truncation(STEPS, STEPS), derived=False)

    taken = [(seconds(ahead), seconds(back)) for _ in range(REPEATS + 1)][1:]  # the first warms up
    carried = accumulate(model, loss_fn, x, state, method).carried
    return {
        "cell": cell, "size": size, "way": way, "seed": seed,
        "numbers": carried[0][0].numel(), "weights": sum(w.numel() for w in model.parameters()),
        "ms": round(1000 * statistics.median(first for first, _ in taken) / STEPS, 3),
        "ratio": round(statistics.median(first / second for first, second in taken), 2),
    }  # fmt: skip


def problem(cell: str, size: int, way: str) -> tuple[nn.Module, Tensor, Method]:
    """Make a cell of so many units, a state and a method."""
    if cell == "plain":
        method: Method = RTRL() if way == "RTRL" else EProp()
        return nn.RNNCell(FEATURES, size), torch.zeros(BATCH, size), method
    model = DiagonalCell(FEATURES, size)
    # All that a channel has it keeps by itself: the traces are the whole influence.
    traces = EProp(lambda x, heard, state: model(x, state), units=size)
    return model, torch.zeros(BATCH, 2 * size), RTRL() if way == "RTRL" else traces


def seconds(call: Callable[[], None]) -> float:
    """Time a call."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin
