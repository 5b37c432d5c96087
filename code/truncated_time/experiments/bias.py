"""How far a truncated gradient is from the full one: direction and length over `k1` and `k2`.

The network reads 48 steps of the echo language, whose next word repeats the one 6 steps before,
once with fresh weights and once when it has learned the language.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn

from tbptt.pytorch import backward
from tbptt.pytorch.states import State
from tbptt.schedule import Truncation
from truncated_time.experiments.shared.echo import (
    CLIP,
    HIDDEN,
    LEARNING_RATE,
    PERIOD,
    WORDS,
    intervals,
)
from truncated_time.tasks import echo_language

CELLS = ("RNN", "GRU", "LSTM")
REACHES = (1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 48)
BATCH, STEPS, UPDATES = 64, 48, 400
PACKAGES = ("torch", "numpy")


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: every cell, untrained and trained, and every seed."""
    return [
        {"cell": cell, "weights": weights, "seed": seed}
        for seed, cell, weights in itertools.product(range(seeds), CELLS, ("fresh", "trained"))
    ]


def run(cell: str, weights: str, seed: int) -> list[dict[str, Any]]:
    """Compare all truncations on one network.

    Returns
    -------
    list of dict
        The setting, and for every style and reach the ``cosine`` with the full gradient of the
        cell's weights, and its ``length`` relative to it.
    """
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    net, readout = getattr(nn, cell + "Cell")(WORDS, HIDDEN), nn.Linear(HIDDEN, WORDS)
    learned = [*net.parameters(), *readout.parameters()]
    adam = torch.optim.Adam(learned, LEARNING_RATE)
    updates = UPDATES if weights == "trained" else 0
    stream = torch.from_numpy(echo_language((updates + 1) * STEPS, BATCH, period=PERIOD, seed=seed))
    zero = torch.zeros(BATCH, HIDDEN)
    state: State = (zero, zero) if cell == "LSTM" else zero
    whole = Truncation.epochwise(STEPS)

    def gradient(chunk: int, truncation: Truncation) -> tuple[Tensor, State]:
        adam.zero_grad()
        words = stream[chunk * STEPS : (chunk + 1) * STEPS + 1]

        def loss_fn(outputs: Tensor) -> Tensor:
            logits = readout(outputs)
            return nn.functional.cross_entropy(logits.flatten(0, 1), words[1:].flatten())

        x = nn.functional.one_hot(words[:-1], WORDS).float()
        *_, after = backward(net, loss_fn, x, state, truncation)
        shares = [weight.grad.flatten() for weight in net.parameters()]
        return torch.cat(shares), after

    for chunk in range(updates):
        _, state = gradient(chunk, whole)
        nn.utils.clip_grad_norm_(learned, CLIP)
        adam.step()
    full, _ = gradient(updates, whole)
    rows = []
    for k2 in REACHES:
        for style, k1 in intervals(k2).items():
            cut, _ = gradient(updates, Truncation(k1, k2))
            rows.append(
                {"cell": cell, "weights": weights, "seed": seed, "style": style, "k1": k1, "k2": k2,
                 "cosine": round(float(torch.cosine_similarity(cut, full, dim=0)), 4),
                 "length": round(float(cut.norm() / full.norm()), 4)}
            )  # fmt: skip
    return rows
