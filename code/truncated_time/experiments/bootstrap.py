"""Synthetic gradients on the echo language, in chunks that are shorter than its lag.

Plain and leaky networks read 24,000 steps in 32 rows and update after every chunk of 4. A small
network for each says what will come back from beyond a chunk, and learns from what comes back from
the next one. The same without it is the chunked loop.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn

from truncated_time.experiments.ahead import KEEP, OFTEN
from truncated_time.experiments.shared.adam import Adam
from truncated_time.experiments.shared.echo import BATCH, CLIP, HIDDEN, PERIOD
from truncated_time.experiments.shared.fleet import Fleet, backpropagated
from truncated_time.tasks import echo_language

STEPS, EARLY, LAST, INNER = 24_000, 6000, 960, 64
WAYS = ("bootstrapped", "chunks")
RATES = (0.0001, 0.0003, 0.001, 0.003, 0.01)
QUICKER = 3  # by how much the predictions learn faster than the network
PACKAGES = ("torch", "numpy")


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: with and without predictions, every network and seed; a run is all rates."""
    return [
        {"network": network, "way": way, "seed": seed}
        for seed, network, way in itertools.product(range(seeds), KEEP, WAYS)
    ]


def run(network: str, way: str, seed: int) -> list[dict[str, Any]]:
    """Train one network at every rate.

    Returns
    -------
    list of dict
        For each ``rate`` and number of ``steps`` the mean ``loss`` in nats a word over the last 960
        of them, and how far the predictions ``missed`` their targets: the squared distance over
        what the targets themselves are long, 1 for no prediction at all.
    """
    torch.set_num_threads(1)
    losses, missed = learn(network, way, seed, RATES, STEPS)
    return [
        {"network": network, "way": way, "seed": seed, "rate": rate, "steps": done,
         "loss": round(float(losses[done - LAST : done, place].mean()), 4),
         "missed": round(float(missed[done - LAST : done, place].mean()), 4)}
        for place, rate in enumerate(RATES)
        for done in (EARLY, STEPS)
    ]  # fmt: skip


class Synthesisers:
    """A small network for each of a fleet, which begins by predicting nothing."""

    def __init__(self, rates: tuple[float, ...], seed: int) -> None:
        torch.manual_seed(seed)
        first, last = nn.Linear(HIDDEN, INNER), torch.zeros(HIDDEN, INNER + 1)
        inner = torch.cat([first.weight, first.bias[:, None]], dim=1).detach()
        self.weights = [w.repeat(len(rates), 1, 1).requires_grad_() for w in (inner, last)]
        self._adam = Adam([QUICKER * rate for rate in rates], [w.detach() for w in self.weights])

    def __call__(self, state: Tensor) -> Tensor:
        """Predict what comes back to states ``(networks, batch, hidden)``."""
        one = torch.ones_like(state[..., :1])
        inner = torch.relu(torch.cat([state, one], dim=2) @ self.weights[0].mT)
        return torch.cat([inner, one], dim=2) @ self.weights[1].mT

    def learn(self, state: Tensor, target: Tensor) -> None:
        """Take a step towards the targets of these states."""
        missed = (self(state) - target).square().mean(dim=(1, 2)).sum()
        self._adam.step(torch.autograd.grad(missed, self.weights), clip=CLIP)


def learn(
    network: str, way: str, seed: int, rates: tuple[float, ...], steps: int
) -> tuple[Tensor, Tensor]:
    """Return losses and shares that were missed, each ``(steps, rates)``."""
    fleet, synthesisers = Fleet(rates, seed, keep=KEEP[network]), Synthesisers(rates, seed)
    stream = torch.from_numpy(echo_language(steps, BATCH, period=PERIOD, seed=seed))
    losses, missed = [], []
    for first in range(0, steps, OFTEN):
        before, done, errors = fleet.state, [], []
        readouts = torch.zeros_like(fleet.readouts)
        for t in range(first, min(first + OFTEN, steps)):
            step, loss, error, of_readout = fleet.advance(stream[t], stream[t + 1])
            losses.append(loss)
            readouts += of_readout
            done.append(step)
            errors.append(error)
        beyond = synthesisers(fleet.state).detach() if way == "bootstrapped" else None
        units, target = backpropagated(done, errors, keep=fleet.keep, beyond=beyond)
        if way == "bootstrapped":
            off = (synthesisers(before).detach() - target).square().sum(dim=(1, 2))
            synthesisers.learn(before, target)
        else:
            off = target.square().sum(dim=(1, 2))
        missed += [off / target.square().sum(dim=(1, 2)).clamp(min=1e-12)] * len(done)
        fleet.update(units / (BATCH * OFTEN), readouts / (BATCH * OFTEN))
    return torch.stack(losses), torch.stack(missed)
