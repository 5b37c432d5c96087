"""What truncation does to learning, on a language whose floor and lag are known exactly.

A plain network learns the echo language: the next word repeats the one 6 steps before. All styles
see the same streams and update as often, every 24 steps, so they differ in reach alone.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn

from tbptt.pytorch import backward
from tbptt.schedule import Truncation
from truncated_time.experiments.shared.echo import (
    BATCH,
    CHUNK,
    CLIP,
    HIDDEN,
    LEARNING_RATE,
    PERIOD,
    WORDS,
    intervals,
)
from truncated_time.tasks import echo_language

UPDATES = 400
REACHES = tuple(range(1, 13))
EVERY = 20
PACKAGES = ("torch", "numpy")


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: every style, reach and seed."""
    return [
        {"style": style, "k1": k1, "k2": k2, "seed": seed}
        for seed, k2 in itertools.product(range(seeds), REACHES)
        for style, k1 in intervals(k2).items()
    ]


def run(style: str, k1: int, k2: int, seed: int) -> list[dict[str, Any]]:
    """Train once.

    Returns
    -------
    list of dict
        The setting, and for every 20 updates their mean ``loss`` in nats a word.
    """
    torch.set_num_threads(1)
    losses = train(Truncation(k1, k2), seed)
    return [
        {"style": style, "k1": k1, "k2": k2, "seed": seed, "updates": first + EVERY,
         "loss": round(sum(losses[first : first + EVERY]) / EVERY, 4)}
        for first in range(0, UPDATES, EVERY)
    ]  # fmt: skip


def train(
    truncation: Truncation,
    seed: int,
    updates: int = UPDATES,
    rate: float = LEARNING_RATE,
    *,
    readout_alone: bool = False,
) -> list[float]:
    """Train a network on its own stream; return the loss of each update."""
    torch.manual_seed(seed)
    words = torch.from_numpy(echo_language(updates * CHUNK, BATCH, period=PERIOD, seed=seed))
    cell, readout = nn.RNNCell(WORDS, HIDDEN), nn.Linear(HIDDEN, WORDS)
    weights = [*([] if readout_alone else cell.parameters()), *readout.parameters()]
    adam = torch.optim.Adam(weights, rate)
    state = torch.zeros(BATCH, HIDDEN)
    losses = []
    for inputs, targets in zip(
        *(torch.split(s, CHUNK) for s in (words[:-1], words[1:])), strict=True
    ):

        def loss_fn(outputs: Tensor, targets: Tensor = targets) -> Tensor:
            logits = readout(outputs)
            return nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())

        x = nn.functional.one_hot(inputs, WORDS).float()
        loss, _, state = backward(cell, loss_fn, x, state, truncation)
        nn.utils.clip_grad_norm_(weights, CLIP)
        adam.step()
        cell.zero_grad()
        readout.zero_grad()
        losses.append(float(loss))
    return losses
