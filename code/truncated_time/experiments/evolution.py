"""Evolution strategies on the echo language: moves drawn for each unroll, or once a sequence.

Plain networks read 6000 steps in 32 rows, sequences of 24 steps in unrolls of 4, with an update
after each. Every row has a pair of moved networks of its own; at the start of a sequence they begin
in the state of the network itself, whose losses are those that are reported.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor

from truncated_time.experiments.shared.echo import BATCH, CHUNK, PERIOD
from truncated_time.experiments.shared.fleet import Fleet
from truncated_time.tasks import echo_language

STEPS, LAST, UNROLL = 6000, 960, 4
WAYS, SPREADS = ("PES", "NRES"), (0.03, 0.1)
RATES = (0.0003, 0.001, 0.003, 0.01, 0.03)
PACKAGES = ("torch", "numpy")


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: both strategies, every spread and every seed; a run is all rates of one."""
    return [
        {"way": way, "spread": spread, "seed": seed}
        for seed, way, spread in itertools.product(range(seeds), WAYS, SPREADS)
    ]


def run(way: str, spread: float, seed: int) -> list[dict[str, Any]]:
    """Train one network at every rate.

    Returns
    -------
    list of dict
        For each ``rate`` the mean ``loss`` in nats a word over the last 960 steps.
    """
    torch.set_num_threads(1)
    losses = learn(way, spread, seed, RATES, STEPS)
    return [
        {"way": way, "spread": spread, "seed": seed, "rate": rate, "loss": round(loss, 4)}
        for rate, loss in zip(RATES, losses[-LAST:].mean(dim=0).tolist(), strict=True)
    ]


def learn(way: str, spread: float, seed: int, rates: tuple[float, ...], steps: int) -> Tensor:
    """Return the losses ``(steps, rates)`` of one run, of the networks that were not moved."""
    fleet, generator = Fleet(rates, seed), torch.Generator().manual_seed(seed)
    stream = torch.from_numpy(echo_language(steps, BATCH, period=PERIOD, seed=seed))
    shape = fleet.units.shape
    move = summed = torch.zeros(shape[0], BATCH, *shape[1:])
    sides = [fleet.state, fleet.state]
    losses = []
    for first in range(0, steps, UNROLL):
        begins = first % CHUNK == 0
        if begins or way == "PES":
            # The same at every rate, so that runs of one seed differ in it alone.
            drawn = spread * torch.randn(BATCH, *shape[1:], generator=generator)
            move = drawn.expand(shape[0], *drawn.shape)
        summed = move if begins or way == "NRES" else summed + move
        sides = [fleet.state, fleet.state] if begins else sides
        of_row = torch.zeros(2, shape[0], BATCH)
        readouts = torch.zeros_like(fleet.readouts)
        for t in range(first, first + UNROLL):
            fleet.state = fleet.step(stream[t], fleet.state).after
            losses.append(fleet.losses(fleet.state, stream[t + 1])[0].mean(dim=1))
            for place, sign in enumerate((1, -1)):
                moved = fleet.units[:, None] + sign * move
                sides[place] = fleet.step(stream[t], sides[place], moved).after
                loss, _, of_readout = fleet.losses(sides[place], stream[t + 1])
                of_row[place] += loss
                readouts += of_readout / 2
        share = (of_row[0] - of_row[1]) / (2 * spread**2)
        units = torch.einsum("nb,nbsw->nsw", share, summed)
        fleet.update(units / (BATCH * UNROLL), readouts / (BATCH * UNROLL))
    return torch.stack(losses)
