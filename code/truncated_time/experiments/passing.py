"""Trained in chunks of 24 steps, read for 64 times as long: what a chunk should begin with.

Linear recurrences, with gates and without, learn the echo language. They differ in the state that a
training chunk begins with; all make the same number of updates on as many steps. Then each reads
streams of 1536 steps from their beginning.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn

from tbptt.pytorch.diagonal import DiagonalCell
from truncated_time.experiments.shared.echo import BATCH, CHUNK, CLIP, HIDDEN, PERIOD, WORDS
from truncated_time.experiments.shared.gated import GatedCell
from truncated_time.tasks import echo_language

UPDATES, TIMES, ROWS = 600, 64, 128
# What a chunk begins with. Noise has a size; "unscored" leaves out the first answers of a chunk,
# whose evidence lies in another sequence.
STARTS = (
    "zeros", "noise 1", "noise 10", "fitted", "passed", "passed, unscored", "carried",
)  # fmt: skip
# Cell, the modulus of its slowest channel at first, and its starts. States of the first live
# shorter than a chunk: its control.
MODELS = (
    ("diagonal", 0.9, ("zeros", "passed", "carried")),
    ("diagonal", 0.999, STARTS),
    ("gated", 0.999, STARTS),
)
RATES = (0.01, 0.03, 0.1)
PACKAGES = ("torch", "numpy")
SIZE = 2 * HIDDEN
# Positions from 1 on: the last of each stretch over which a loss is a mean.
ENDS = (PERIOD - 1, 12, *(CHUNK << doubled for doubled in range(7)))


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: every model, start, rate and seed."""
    return [
        {"cell": cell, "slowest": slowest, "start": start, "rate": rate, "seed": seed}
        for seed in range(seeds)
        for cell, slowest, starts in MODELS
        for start, rate in itertools.product(starts, RATES)
    ]


class Model(nn.Module):
    """A recurrence, and a small network that reads its state and names the next word."""

    def __init__(self, cell: str, slowest: float) -> None:
        super().__init__()
        kinds = {"diagonal": DiagonalCell, "gated": GatedCell}
        self.cell = kinds[cell](WORDS, HIDDEN, slowest=slowest)
        self.readout = nn.Sequential(nn.Linear(SIZE, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, WORDS))

    def losses(self, words: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Read ``(steps + 1, rows)`` words; return losses and states of every step."""
        states = self.cell.at_once(nn.functional.one_hot(words[:-1], WORDS).float(), state).outputs
        logits = self.readout(states).movedim(2, 1)
        return nn.functional.cross_entropy(logits, words[1:], reduction="none"), states


class Start:
    """What a chunk begins with, given where the chunks before it ended."""

    def __init__(self, name: str, seed: int) -> None:
        self.name, _, size = name.partition(" ")
        self.size = float(size) if self.name == "noise" else 0.0
        self.rng = torch.Generator().manual_seed(seed)
        self.last = torch.zeros(BATCH, SIZE)
        self.mean, self.square = torch.zeros(SIZE), torch.zeros(SIZE, SIZE)
        self.seen = 0

    def draw(self) -> Tensor:
        """Return ``(BATCH, SIZE)`` states."""
        if self.name == "zeros":
            return torch.zeros(BATCH, SIZE)
        if self.name == "noise":
            return self.size * torch.randn(BATCH, SIZE, generator=self.rng)
        if self.name == "fitted" and self.seen:
            spread = self.square - torch.outer(self.mean, self.mean)
            values, vectors = torch.linalg.eigh(spread)
            root = vectors * values.clamp(min=0).sqrt()
            drawn: Tensor = torch.randn(BATCH, SIZE, generator=self.rng) @ root.T
            return self.mean + drawn
        if self.name.startswith("passed"):  # a row continues what another row ended with
            return self.last.roll(1, 0)
        return self.last

    def keep(self, states: Tensor) -> None:
        """Note the final states of a chunk."""
        self.last = states.detach()
        self.seen += 1
        share = max(1 / self.seen, 0.05)  # of this chunk in the running moments
        self.mean += share * (self.last.mean(0) - self.mean)
        self.square += share * (self.last.T @ self.last / BATCH - self.square)


def train(cell: str, slowest: float, start: str, rate: float, seed: int) -> Model:
    """Train one model; every start reads the same words."""
    torch.manual_seed(seed)
    model, begin = Model(cell, slowest), Start(start, seed)
    adam = torch.optim.Adam(model.parameters(), rate)
    stream = torch.from_numpy(echo_language(UPDATES * CHUNK, BATCH, period=PERIOD, seed=seed))
    for update in range(UPDATES):
        words = stream[update * CHUNK : (update + 1) * CHUNK + 1]
        losses, states = model.losses(words, begin.draw())
        losses[PERIOD - 1 if start.endswith("unscored") else 0 :].mean().backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        adam.step()
        adam.zero_grad()
        begin.keep(states[-1])
    return model


def read(model: Model, seed: int, rows: int = ROWS) -> tuple[Tensor, Tensor]:
    """Read new streams from their beginning; return the losses and the sizes of the states.

    Returns
    -------
    tuple of Tensor, shape (steps, rows)
        In nats a word; and the root mean square of a row's state.
    """
    stream = torch.from_numpy(echo_language(TIMES * CHUNK, rows, period=PERIOD, seed=seed))
    state, losses, sizes = torch.zeros(rows, SIZE), [], []
    with torch.no_grad():
        for first in range(0, TIMES * CHUNK, 4 * CHUNK):
            loss, states = model.losses(stream[first : first + 4 * CHUNK + 1], state)
            state = states[-1]
            losses.append(loss)
            sizes.append(states.square().mean(2).sqrt())
    return torch.cat(losses), torch.cat(sizes)


def run(cell: str, slowest: float, start: str, rate: float, seed: int) -> list[dict[str, Any]]:
    """Train one model and read on.

    Returns
    -------
    list of dict
        For each stretch of positions, ``first`` to ``last`` (counted from 1), the mean ``loss`` in
        nats a word on test streams, that on ``validation`` streams, and the ``size`` of the states.
    """
    torch.set_num_threads(1)
    model = train(cell, slowest, start, rate, seed)
    losses, sizes = read(model, seed + 1000)
    validation, _ = read(model, seed + 2000)
    return [
        {"cell": cell, "slowest": slowest, "start": start, "rate": rate, "seed": seed,
         "first": first + 1, "last": last, "loss": _mean(losses[first:last]),
         "validation": _mean(validation[first:last]), "size": _mean(sizes[first:last])}
        for first, last in itertools.pairwise((0, *ENDS))
    ]  # fmt: skip


def _mean(values: Tensor) -> float:
    return round(values.mean().item(), 4)
