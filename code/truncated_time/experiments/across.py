"""What an exact gradient of a long sequence costs: loop, scan, chunks that hand errors on, cuts.

One network and one loss over 4096 steps, and each way to its gradient: autograd over a loop of the
cell, autograd over a scan, chunks from whose borders the state's error goes on (``chunkwise``), the
influence carried along, and plain chunks, which cut. ``copied`` is the chapter's loop, which makes
each chunk's loss in its turn; ``by hand`` is the same with borders that are no copies, but views
that keep the outputs of their chunks. A row has how far its gradient is from the
full one, in float64; how long it takes, as a ratio to the loop's time in the same process; and how
much memory a process of its own takes beyond what the task itself does.
"""

from __future__ import annotations

import math
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from tbptt.pytorch.chunkwise import chunkwise
from tbptt.pytorch.recurrences import MinGRU
from truncated_time.experiments.shared.peak import peak_kib

STEPS, BATCH, FEATURES, HIDDEN, LAG = 4096, 8, 4, 64, 64
REPEATS = 3
TIMED = True
PACKAGES = ("torch", "numpy")
# A way, and the steps of its chunks; 0 where there are none.
WAYS = (
    ("loop", 0), ("scan", 0),
    ("chunkwise", 16), ("chunkwise", 64), ("chunkwise", 256),
    ("chunkwise loop", 64), ("copied", 64), ("by hand", 64),
    ("cut", 16), ("cut", 64), ("cut", 256), ("cut", 1024),
    ("influence", 0),
)  # fmt: skip


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: every way, every seed."""
    return [{"way": way, "size": size, "seed": seed} for seed in range(seeds) for way, size in WAYS]


def run(way: str, size: int, seed: int) -> dict[str, Any]:
    """Measure one way.

    Returns
    -------
    dict
        The setting; ``off``, the distance of its gradient from the full one, over the length of
        that; ``ratio``, its time over the loop's; and ``mib``, its memory without the task's.
    """
    torch.set_num_threads(1)
    exact, task = Task(seed).double(), Task(seed)
    full = exact.gradient("scan", 0)
    off = float((exact.gradient(way, size) - full).norm() / full.norm())
    pairs = [(_seconds(task, "loop", 0), _seconds(task, way, size)) for _ in range(REPEATS)]
    idle, peak = (_peak(*of, seed) for of in (("idle", 0), (way, size)))
    return {
        "way": way, "size": size, "seed": seed, "steps": STEPS, "off": float(f"{off:.3g}"),
        "ratio": float(f"{median(own / loop for loop, own in pairs):.3g}"),
        "mib": round((peak - idle) / 1024, 1),
    }  # fmt: skip


def _seconds(task: Task, way: str, size: int) -> float:
    began = time.perf_counter()
    task.gradient(way, size)
    return time.perf_counter() - began


@cache  # the idle one is asked for by every way
def _peak(way: str, size: int, seed: int) -> int:
    child = [sys.executable, "-m", "truncated_time.experiments.across", way, str(size), str(seed)]
    done = subprocess.run(child, check=True, capture_output=True, text=True)
    return int(done.stdout)


class Task:
    """A minGRU whose units remember for 4 to 400 steps, asked for its input of 64 steps ago."""

    def __init__(self, seed: int, steps: int = STEPS) -> None:
        torch.manual_seed(seed)
        self.cell, self.readout = MinGRU(FEATURES, HIDDEN), nn.Linear(HIDDEN, FEATURES)
        kept = torch.exp(torch.linspace(math.log(4), math.log(400), HIDDEN))
        with torch.no_grad():
            # A gate of 1 / n on average forgets over n steps.
            self.cell.bias[:HIDDEN] = torch.logit(1 / kept)
        self.x = torch.randn(steps, BATCH, FEATURES)
        self.y = torch.cat([torch.zeros(LAG, BATCH, FEATURES), self.x[:-LAG]])
        self.state = self.cell.begin(BATCH)

    def double(self) -> Task:
        """Return the same task in float64."""
        self.cell.double(), self.readout.double()
        self.x, self.y, self.state = self.x.double(), self.y.double(), self.state.double()
        return self

    def gradient(self, way: str, size: int) -> Tensor:
        """Return the gradient of the cell's weights, made in a way."""
        for weight in (*self.cell.parameters(), *self.readout.parameters()):
            weight.grad = None
        getattr(self, way.replace(" ", "_"))(size)
        return torch.cat([_given(weight).flatten() for weight in self.cell.parameters()])

    def _loss(self, at: slice = slice(None)) -> Callable[[Tensor], Tensor]:
        """Return the loss of some steps, whose sum over all is the mean."""
        targets = self.y[at]
        return lambda out: (self.readout(out) - targets).square().sum() / self.y.numel()

    def idle(self, size: int) -> None:
        """Do what every way does at least: a few steps, so that all code is loaded."""
        outputs, _ = self.cell.at_once(self.x[:8], self.state)
        self._loss(slice(8))(outputs).backward()
        chunkwise(self.cell, self._loss(slice(8)), self.x[:8], self.state, 4)

    def loop(self, size: int) -> None:
        """Run step by step, then go back through all steps."""
        state, outputs = self.state, []
        for x in self.x:
            state = self.cell(x, state)
            outputs.append(state)
        self._loss()(torch.stack(outputs)).backward()

    def scan(self, size: int) -> None:
        """Run all steps at once, then go back through all of them."""
        outputs, _ = self.cell.at_once(self.x, self.state)
        self._loss()(outputs).backward()

    def chunkwise(self, size: int, at_once: bool = True) -> None:
        """Go back chunk by chunk, and hand the state's error across each border."""
        chunkwise(self.cell, self._loss(), self.x, self.state, size, at_once=at_once)

    def chunkwise_loop(self, size: int) -> None:
        """Do the same with a loop over the steps of each chunk."""
        self.chunkwise(size, at_once=False)

    def copied(self, size: int) -> None:
        """Do the same with each chunk's loss made in its turn."""
        self.by_hand(size, copy=True)

    def by_hand(self, size: int, copy: bool = False) -> None:
        """Do the same with borders that are views of outputs."""
        borders, parts = [self.state.clone()], self.x.split(size)
        with torch.no_grad():
            for part in parts:
                state = self.cell.at_once(part, borders[-1]).state
                borders.append(state.clone() if copy else state)
        behind = torch.zeros_like(self.state)
        for number in reversed(range(len(parts))):
            first = borders[number].requires_grad_()
            outputs, last = self.cell.at_once(parts[number], first)
            loss = self._loss(slice(number * size, (number + 1) * size))(outputs)
            torch.autograd.backward([loss, last], [torch.ones_like(loss), behind])
            behind = _given(first)

    def cut(self, size: int) -> None:
        """Carry the state from chunk to chunk, and cut it off."""
        state = self.state
        for begin in range(0, len(self.x), size):
            at = slice(begin, begin + size)
            outputs, state = self.cell.at_once(self.x[at], state.detach())
            self._loss(at)(outputs).backward()

    @torch.no_grad()
    def influence(self, size: int) -> None:
        """Carry along what each weight does to its own unit: two products a step, by hand."""
        weight, bias, read = self.cell.weight, self.cell.bias, self.readout.weight
        now, zero = self.state, self.x.new_zeros
        carried = zero(BATCH, 2, HIDDEN, FEATURES + 1)
        of_cell, of_read = zero(2, HIDDEN, FEATURES + 1), zero(FEATURES, HIDDEN + 1)
        one = zero(BATCH, 1) + 1
        for x, y in zip(self.x, self.y, strict=True):
            update, candidate = (x @ weight.T + bias).chunk(2, dim=1)
            update = torch.sigmoid(update)
            kept = 1 - update
            fresh = torch.stack([update * kept * (candidate - now), update], dim=1)
            asked = torch.cat([x, one], dim=1)[:, None, None]
            carried = kept[:, None, :, None] * carried + fresh[..., None] * asked
            now = kept * now + update * candidate
            error = 2 * (now @ read.T + self.readout.bias - y) / self.y.numel()
            of_cell += torch.einsum("bh,bghf->ghf", error @ read, carried)
            of_read += error.T @ torch.cat([now, one], dim=1)
        weight.grad, bias.grad = of_cell[..., :-1].flatten(0, 1), of_cell[..., -1].flatten()
        read.grad, self.readout.bias.grad = of_read[:, :-1], of_read[:, -1]


def _given(weight: Tensor) -> Tensor:
    if weight.grad is None:
        raise RuntimeError("This way has left a weight without its gradient.")
    return weight.grad


if __name__ == "__main__":
    torch.set_num_threads(1)
    measured = Task(int(sys.argv[3]))
    measured.gradient("idle", 0)
    if sys.argv[1] != "idle":
        measured.gradient(sys.argv[1], int(sys.argv[2]))
    print(peak_kib())
