"""What exact truncation costs: each way to a gradient and a baseline, in one process.

A row is one method on one workload: the median of its calls, the median of the baseline's calls
made in turn with them, and the median of the paired ratios. `baseline` says compared with what:

* ``fused``: full backpropagation through PyTorch's own ``nn.RNN``, ``nn.GRU`` or ``nn.LSTM``;
* ``loop``: full backpropagation by autograd over a Python loop of the cell;
* ``epochwise``: the plain chunked loop, `k2` steps to a chunk;
* ``errors``: a backward pass for each error;
* ``recipe``: the recipe of the PyTorch forum, for ``k1 = 1`` over-counted errors and all.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from tbptt.pytorch import backward, chunked_loss
from tbptt.schedule import Truncation
from truncated_time import recipes

# Timed one after the other, alone on the machine, and never taken from an earlier run.
TIMED = True
PACKAGES = ("torch", "numpy")


class Workload(NamedTuple):
    """Sizes of a network and of its sequences."""

    cell: str
    batch: int
    steps: int
    k2: int
    hidden: int
    features: int
    words: int


# Of "Styles of Truncated Backpropagation": 2.16 times the epochwise step, it says.
PUBLISHED = Workload("RNN", 200, 40, 20, 4, 50, 10_000)
PLAIN, GATED, LONG = (Workload(cell, 32, 200, 20, 100, 100, 100) for cell in ("RNN", "GRU", "LSTM"))
LONGER = Workload("LSTM", 8, 1000, 20, 64, 64, 100)


def add_arguments(parser: argparse._ArgumentGroup) -> None:
    """Add what only this experiment asks."""
    parser.add_argument("--repeats", type=int, default=15, help="paired calls for each row")
    parser.add_argument("--device", default="cpu", help="where to run: cpu or cuda")


def grid(seeds: int, repeats: int = 15, device: str = "cpu") -> list[dict[str, Any]]:
    """List the rows: workload, way to read out, interval `k1` and baseline."""
    rows: list[tuple[Workload, str, int, str]] = [
        (PUBLISHED, "whole", 1, "epochwise"),
        (PUBLISHED, "chunked", 1, "epochwise"),
        *((work, "whole", 1, "fused") for work in (PLAIN, GATED, LONG, LONGER)),
        *((work, "whole", 1, "loop") for work in (PLAIN, GATED, LONG)),
        *((work, "whole", 1, "errors") for work in (PLAIN, GATED, LONG)),
        (PLAIN, "whole", 1, "recipe"),
        # Work k2 / k1: the same reach, fewer passes.
        *(
            (work, "whole", k1, "fused")
            for work in (PLAIN, GATED, LONG)
            for k1 in (2, 4, 5, 10, 20)
        ),
    ]
    return [
        {**work._asdict(), "readout": readout, "k1": k1, "baseline": baseline,
         "repeats": repeats, "device": device, "seed": seed}
        for work, readout, k1, baseline in rows for seed in range(seeds)
    ]  # fmt: skip


def run(
    readout: str, k1: int, baseline: str, repeats: int, device: str, seed: int, **sizes: Any
) -> dict[str, Any]:
    """Time one method and its baseline.

    Returns
    -------
    dict
        The setting; ``milliseconds`` and ``baseline_milliseconds``, medians; and ``ratio``, the
        median over pairs of calls.
    """
    torch.manual_seed(seed)
    task = _Task(Workload(**sizes), readout, device)
    ours, theirs = task.ours(k1), getattr(task, baseline)
    for warm in (theirs, ours):
        warm()
    pairs = [(_seconds(theirs, device), _seconds(ours, device)) for _ in range(repeats)]
    return {
        **sizes, "readout": readout, "k1": k1, "baseline": baseline, "device": device, "seed": seed,
        "milliseconds": round(1e3 * median(own for _, own in pairs), 2),
        "baseline_milliseconds": round(1e3 * median(other for other, _ in pairs), 2),
        "ratio": round(median(own / other for other, own in pairs), 3),
    }  # fmt: skip


def _seconds(call: Callable[[], None], device: str) -> float:
    def ready() -> float:
        if device != "cpu":
            torch.cuda.synchronize()
        return time.perf_counter()

    began = ready()
    call()
    return ready() - began


class _Task:
    """One gradient of one workload, by each of the methods."""

    def __init__(self, work: Workload, readout: str, device: str) -> None:
        self._work, self._chunked = work, readout == "chunked"
        self._cell: Any = getattr(nn, work.cell + "Cell")(work.features, work.hidden, device=device)
        self._fused: Any = getattr(nn, work.cell)(work.features, work.hidden, device=device)
        self._readout = nn.Linear(work.hidden, work.words, device=device)
        self._x = torch.randn(work.steps, work.batch, work.features, device=device)
        self._y = torch.randint(work.words, (work.steps, work.batch), device=device)
        zero = torch.zeros(work.batch, work.hidden, device=device)
        self._state: Tensor | tuple[Tensor, Tensor] = (zero, zero) if work.cell == "LSTM" else zero

    def _sum(self, logits: Tensor, targets: Tensor) -> Tensor:
        logits, targets = logits.flatten(0, -2), targets.flatten()
        loss: Tensor = nn.functional.cross_entropy(logits, targets, reduction="sum")
        return loss

    def _loss(self, outputs: Tensor) -> Tensor:
        total = self._sum(self._readout(outputs), self._y)
        return total / self._y.numel()

    def _loss_at(self, t: int, out: Tensor) -> Tensor:
        total = self._sum(self._readout(out), self._y[t])
        return total / self._y.numel()

    def ours(self, k1: int) -> Callable[[], None]:
        """Return the engine's gradient."""
        truncation = Truncation(k1, self._work.k2)
        scale = 1 / self._y.numel()

        def call() -> None:
            loss: Callable[[Tensor], Tensor] = self._loss
            if self._chunked:
                loss = chunked_loss(self._readout, self._sum, self._y, chunk=1, scale=scale)
            backward(self._cell, loss, self._x, self._state, truncation)

        return call

    def fused(self) -> None:
        """Full backpropagation through PyTorch's fused loop."""
        self._loss(self._fused(self._x)[0]).backward()

    def loop(self) -> None:
        """Full backpropagation through a loop over the cell."""
        state, outputs = self._state, []
        for x in self._x:
            state = self._cell(x, state)
            outputs.append(recipes.output(state))
        self._loss(torch.stack(outputs)).backward()

    def epochwise(self) -> None:
        """Go through in chunks of `k2` steps, read out a chunk at a time."""
        state, k = self._state, self._work.k2
        for begin in range(0, self._work.steps, k):
            outputs = []
            for x in self._x[begin : begin + k]:
                state = self._cell(x, state)
                outputs.append(recipes.output(state))
            loss = self._sum(self._readout(torch.stack(outputs)), self._y[begin : begin + k])
            (loss / self._y.numel()).backward()
            state = recipes.detached(state)

    def errors(self) -> None:
        """Loop over errors."""
        truncation = Truncation.true(self._work.k2)
        recipes.loop_over_errors(self._cell, self._loss_at, self._x, self._state, truncation)

    def recipe(self) -> None:
        """Walk back by hand."""
        if not isinstance(self._state, Tensor):
            raise TypeError("The recipe knows states of one Tensor alone, and no LSTM.")
        truncation = Truncation.true(self._work.k2)
        recipes.forum_recipe(self._cell, self._loss_at, self._x, self._state, truncation)
