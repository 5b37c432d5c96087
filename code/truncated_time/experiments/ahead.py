"""Gradients that never go back, each at its best rate: RTRL, SnAp-1, UORO, e-prop and RFLO.

Plain and leaky networks read 6000 steps of the echo language in 32 rows and update every 4 steps,
the state and what is carried along handed on. Next to them are chunks of 4, whose errors stay
inside, chunks of 24, which update every 24, and networks of which only the readout learns.

What RTRL carries along is worked out by going back over the steps before, each with the weights it
had: the same numbers, up to what is left after 120 steps, in a tenth of the time.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from truncated_time.experiments.shared.echo import BATCH, CHUNK, PERIOD
from truncated_time.experiments.shared.fleet import Fleet, Step, backpropagated
from truncated_time.tasks import echo_language

STEPS, LAST, OFTEN, BACK = 6000, 960, 4, 120
KEEP = {"plain": 0.0, "leaky": 0.8}
WAYS = ("readout", "chunks 4", "chunks 24", "RTRL", "SnAp-1", "UORO", "e-prop", "RFLO")
RATES = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03)
# The best of each lies inside.
HIGHER = {"RTRL": (0.1,), "chunks 24": (0.1, 0.3), "readout": (0.1, 0.3, 1.0)}
PACKAGES = ("torch", "numpy")
Ahead = Callable[[Step, Tensor], Tensor]  # a step and its errors, to a gradient


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: every network, way and seed; a run is all rates of one."""
    return [
        {"network": network, "way": way, "seed": seed}
        for seed, network, way in itertools.product(range(seeds), KEEP, WAYS)
        # Of plain units the traces are those of one step, random feedback or not.
        if (network, way) != ("plain", "RFLO")
    ]


def run(network: str, way: str, seed: int) -> list[dict[str, Any]]:
    """Train one network at every rate.

    Returns
    -------
    list of dict
        For each ``rate`` the mean ``loss`` in nats a word over the last 960 steps, infinite if it
        diverged.
    """
    torch.set_num_threads(1)
    rates = RATES + HIGHER.get(way, ())
    losses = learn(network, way, seed, rates, STEPS)[-LAST:].mean(dim=0).nan_to_num(nan=torch.inf)
    return [
        {"network": network, "way": way, "seed": seed, "rate": rate, "loss": round(loss, 4)}
        for rate, loss in zip(rates, losses.tolist(), strict=True)
    ]


def learn(network: str, way: str, seed: int, rates: tuple[float, ...], steps: int) -> Tensor:
    """Return the losses ``(steps, rates)`` of one run."""
    fleet = Fleet(rates, seed, keep=KEEP[network], feedback=way == "RFLO")
    stream = torch.from_numpy(echo_language(steps, BATCH, period=PERIOD, seed=seed))
    every = CHUNK if way == "chunks 24" else OFTEN
    ahead = METHODS[way](fleet, seed) if way in METHODS else None
    losses: list[Tensor] = []
    done: list[Step] = []
    for first in range(0, steps, every):
        done, errors = (done[-BACK:] if way == "RTRL" else []), []
        units, readouts = torch.zeros_like(fleet.units), torch.zeros_like(fleet.readouts)
        for t in range(first, min(first + every, steps)):
            step, loss, error, of_readout = fleet.advance(stream[t], stream[t + 1])
            losses.append(loss)
            readouts += of_readout
            if ahead is None:
                done.append(step)
                errors.append(error)
            else:
                units += ahead(step, error)
        if way == "RTRL" or way.startswith("chunks"):
            units, _ = backpropagated(done, errors, keep=fleet.keep)
        fleet.update(units / (BATCH * every), readouts / (BATCH * every))
    return torch.stack(losses)


def traces(fleet: Fleet, *, alone: bool) -> Ahead:
    """Carry a number for each weight on, through what a unit keeps, and hears of itself."""
    carried = torch.zeros(*fleet.state.shape, fleet.units.shape[2])

    def ahead(step: Step, error: Tensor) -> Tensor:
        nonlocal carried
        kept = torch.full_like(step.slope, fleet.keep)
        if not alone:
            kept += step.slope * fleet.recurrent.diagonal(dim1=1, dim2=2)[:, None]
        carried = kept[..., None] * carried + step.slope[..., None] * step.sent[..., None, :]
        return torch.einsum("nbs,nbsw->nsw", error, carried)

    return ahead


def uoro(fleet: Fleet, seed: int) -> Ahead:
    """Carry two vectors on, whose product has the influence as its mean."""
    generator = torch.Generator().manual_seed(seed)
    by_state = torch.zeros_like(fleet.state)
    by_weights = torch.zeros(*fleet.state.shape, fleet.units.shape[2])

    def ahead(step: Step, error: Tensor) -> Tensor:
        nonlocal by_state, by_weights
        # The same signs at every rate, so that runs of one seed differ in it alone.
        signs = torch.randint(0, 2, step.slope.shape[1:], generator=generator) * 2.0 - 1
        moved = (fleet.by_state(step.slope) @ by_state[..., None]).squeeze(-1)
        fresh = (signs * step.slope)[..., None] * step.sent[..., None, :]
        p = _balance(by_weights.flatten(2), moved)
        q = _balance(fresh.flatten(2), signs.expand_as(moved))
        by_state = p * moved + q * signs
        by_weights = by_weights / p[..., None] + fresh / q[..., None]
        size = (error * by_state).sum(dim=2)
        return torch.einsum("nb,nbsw->nsw", size, by_weights)

    return ahead


def _balance(weights: Tensor, states: Tensor) -> Tensor:
    """Return the factor ``(networks, batch, 1)`` that makes both sides equally long."""
    tiny = torch.finfo(states.dtype).tiny ** 0.5
    ratio = (weights.norm(dim=2) + tiny) / (states.norm(dim=2) + tiny)
    factor: Tensor = ratio.sqrt()[..., None].clamp(tiny, 1 / tiny)
    return factor


METHODS: dict[str, Callable[[Fleet, int], Ahead]] = {
    "SnAp-1": lambda fleet, seed: traces(fleet, alone=False),
    "UORO": uoro,
    "e-prop": lambda fleet, seed: traces(fleet, alone=True),
    "RFLO": lambda fleet, seed: traces(fleet, alone=True),
}
