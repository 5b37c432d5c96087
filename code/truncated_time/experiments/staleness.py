"""How a stored state grows old as the weights move, and how much of that a burn-in undoes.

One network learns from a replay, as in ``burnin``. At three moments it reads the same probe
episodes and stores its states. After more and more updates each start is compared with the true
state, the one that the current weights have when they read the episode from its beginning.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor

from truncated_time.experiments import burnin
from truncated_time.experiments.burnin import EPISODE, WINDOW, Episodes, Model

PACKAGES = burnin.PACKAGES
STORED = (300, 1000, 3000)  # updates made when the probes are stored
AGES = (0, 1, 3, 10, 30, 100, 300)
BURNS = (0, 5, 10, 20, 40)
AT = EPISODE - WINDOW  # the window of the probes: the last one, so that the past is long
PROBES = 64
# What trains the network whose states grow old.
RECIPE: dict[str, Any] = {"start": "stored", "burn": 20, "life": 256}


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: one for each seed."""
    return [{"seed": seed} for seed in range(seeds)]


def run(seed: int) -> list[dict[str, Any]]:
    """Train one network, and compare starts on the way.

    Returns
    -------
    list of dict
        For each moment of storing (``stored``, in updates), ``age``, ``start`` and ``burn``: how
        far the ``state`` is from the true one, relative to that one's size; the excess loss of the
        word (``near``) and of the room (``far``), over the window, in nats; and how far the
        ``gradient`` of the window's loss is from the true one, relative to its size.
    """
    torch.set_num_threads(1)
    probes: dict[int, Episodes] = {}
    rows = []
    for update, model in burnin.train(**RECIPE, seed=seed, updates=STORED[-1] + AGES[-1]):
        if update in STORED:
            probes[update] = burnin.act(model, burnin.words_of(PROBES, seed + 3000))
        for stored, old in probes.items():
            if update - stored in AGES:
                rows += [
                    {"seed": seed, "stored": stored, "age": update - stored, **row}
                    for row in compare(model, old)
                ]
    return sorted(rows, key=lambda row: (row["stored"], row["age"]))


def compare(model: Model, old: Episodes) -> list[dict[str, Any]]:
    """Compare all starts of one window with the true state."""
    at, row = torch.full((PROBES,), AT), torch.arange(PROBES)
    truth = burnin.begin(model, old, "true", 0, at, row)
    losses, gradient = window(model, old, truth)
    rows = []
    for start, burn in itertools.product(("zeros", "stored"), BURNS):
        state = burnin.begin(model, old, start, burn, at, row)
        other, moved = window(model, old, state)
        near, far = (other - losses).tolist()
        rows.append(
            {"start": start, "burn": burn, "state": apart(state, truth), "near": round(near, 5),
             "far": round(far, 5), "gradient": apart(moved, gradient)}
        )  # fmt: skip
    return rows


def window(model: Model, old: Episodes, state: Tensor) -> tuple[Tensor, Tensor]:
    """Return the two losses over the probes' window, and the gradient of their mean."""
    steps = slice(AT, AT + WINDOW)
    words = old.words[AT : AT + WINDOW + 1]
    losses = model.losses(words, old.rooms[steps], state).mean((1, 2))
    grads = torch.autograd.grad(losses.mean(), list(model.parameters()))
    return losses.detach(), torch.cat([part.flatten() for part in grads])


def apart(value: Tensor, truth: Tensor) -> float:
    """Return the distance, relative to the size of the truth."""
    share: float = ((value - truth).norm() / truth.norm()).item()
    return round(share, 5)
