"""Estimates drawn at random, on the budget of `ahead`: a coin's cuts, and smaller moves.

Plain networks read the same 6000 steps of the echo language in 32 rows. A coin cuts after a step
with a chance of one in 2, 4 or 8; the chunk's errors go back, each weighed by how rarely it comes
so far, and an update follows, so that a mean length of 4 makes as many updates as the others.
Evolution strategies go on where the grid of `evolution` ends.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from truncated_time.experiments import evolution
from truncated_time.experiments.shared.echo import BATCH, PERIOD
from truncated_time.experiments.shared.fleet import Fleet, Step, backpropagated
from truncated_time.tasks import echo_language

STEPS, LAST = evolution.STEPS, evolution.LAST
LENGTHS, SPREADS = (2, 4, 8), (0.003, 0.01)
RATES = {"coin": (0.0001, *evolution.RATES), "moves": evolution.RATES}
PACKAGES = evolution.PACKAGES


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: every way, its setting (a mean length or a spread) and every seed."""
    ways: list[tuple[str, tuple[float, ...]]] = [
        ("coin", LENGTHS), ("plain coin", LENGTHS),
        *((way, SPREADS) for way in evolution.WAYS),
    ]  # fmt: skip
    return [
        {"way": way, "setting": setting, "seed": seed}
        for seed in range(seeds)
        for way, settings in ways
        for setting in settings
    ]


def run(way: str, setting: float, seed: int) -> list[dict[str, Any]]:
    """Train one network at every rate.

    Returns
    -------
    list of dict
        For each ``rate`` the mean ``loss`` in nats a word over the last 960 steps, infinite if it
        diverged, and the number of ``updates``.
    """
    torch.set_num_threads(1)
    rates = RATES["moves" if way in evolution.WAYS else "coin"]
    if way in evolution.WAYS:
        losses = evolution.learn(way, setting, seed, rates, STEPS)
        updates = STEPS // evolution.UNROLL
    else:
        losses, updates = toss(int(setting), seed, rates, STEPS, compensate=way == "coin")
    means = losses[-LAST:].mean(dim=0).nan_to_num(nan=torch.inf).tolist()
    return [
        {"way": way, "setting": setting, "seed": seed, "rate": rate, "updates": updates,
         "loss": round(loss, 4)}
        for rate, loss in zip(rates, means, strict=True)
    ]  # fmt: skip


def toss(
    length: int, seed: int, rates: tuple[float, ...], steps: int, *, compensate: bool
) -> tuple[Tensor, int]:
    """Return the losses ``(steps, rates)`` of chunks that a coin ends, and how many there were."""
    fleet, rng = Fleet(rates, seed), np.random.default_rng(seed)
    stream = torch.from_numpy(echo_language(steps, BATCH, period=PERIOD, seed=seed))
    ends = rng.random(steps) < 1 / length
    ends[-1] = True
    # An error goes on with a chance of 1 - 1 / length, and counts for those that do not.
    louder = 1 / (1 - 1 / length) if compensate else 1.0
    done: list[Step] = []
    errors, losses, updates = [], [], 0
    readouts = torch.zeros_like(fleet.readouts)
    for t in range(steps):
        step, loss, error, of_readout = fleet.advance(stream[t], stream[t + 1])
        losses.append(loss)
        done.append(step)
        errors.append(error)
        readouts += of_readout
        if ends[t]:
            units, _ = backpropagated(done, errors, keep=fleet.keep, louder=louder)
            fleet.update(units / (BATCH * length), readouts / (BATCH * length))
            updates += 1
            done, errors, readouts = [], [], torch.zeros_like(readouts)
    return torch.stack(losses), updates
