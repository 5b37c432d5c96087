"""The leak on real data: handwritten digits, read pixel by pixel, one label for 64 steps.

Batches of digits are read in chunks, the state carried from each to the next, from a random state.
The weights are updated after every chunk, or once for each batch. Chunk lengths are compared with
batches of 8, batch sizes with chunks of 4.
"""

from __future__ import annotations

import itertools
from typing import Any, Literal

import numpy as np
import torch

from truncated_time.experiments.shared.chunked import Classifier, one_pass
from truncated_time.tasks import digits

PACKAGES = ("torch", "numpy", "scikit-learn")
HIDDEN, TRAINING, EPOCHS, LEARNING_RATE = 64, 480, 16, 0.01
BATCH, CHUNK = 8, 4
CHUNKS, BATCHES = (4, 8, 16), (16, 32)
UPDATES: tuple[Literal["each", "once", "last"], ...] = ("each", "once", "last")


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: every size, every way to update, every seed."""
    sizes = [(BATCH, chunk) for chunk in CHUNKS] + [(batch, CHUNK) for batch in BATCHES]
    return [
        {"update": update, "batch": batch, "chunk": chunk, "seed": seed}
        for seed, (batch, chunk), update in itertools.product(range(seeds), sizes, UPDATES)
    ]


def run(
    update: Literal["each", "once", "last"],
    batch: int,
    chunk: int,
    seed: int,
    learning_rate: float = LEARNING_RATE,
    epochs: int | None = None,
) -> list[dict[str, Any]]:
    """Train one network on some digits, and ask it about the others.

    Parameters
    ----------
    update, batch, chunk, seed
        As in the grid.
    learning_rate : float, optional
        Of Adam.
    epochs : int, optional
        How many; ``EPOCHS`` if unset. A longer run begins as a shorter one does.

    Returns
    -------
    list of dict
        For every epoch the loss after the last pixel, in nats: ``train_loss`` with updates and
        ``frozen_loss`` on the same digits without; and ``test_accuracy`` on the held-out ones.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    pixels, labels = digits()
    x, y = torch.from_numpy(pixels).transpose(0, 1).contiguous(), torch.from_numpy(labels)
    order = torch.randperm(len(y))
    train, test = order[:TRAINING], order[TRAINING:]
    net = Classifier(1, HIDDEN, classes=10)
    optimizer = torch.optim.Adam(net.parameters(), learning_rate)

    def last_losses(rows: torch.Tensor, optimizer: Any) -> float:
        losses = []
        for part in rows.split(batch):
            state = net.start("Random", len(part))
            done = one_pass(net, x[:, part], y[part], chunk, state, optimizer, update=update)
            losses.append(done.losses[-1].item())
        return round(float(np.mean(losses)), 4)

    rows = []
    for epoch in range(1, (epochs or EPOCHS) + 1):
        trained = last_losses(train[torch.randperm(TRAINING)], optimizer)
        frozen = last_losses(train, None)
        held_out = one_pass(net, x[:, test], y[test], chunk, net.start("Random", len(test)))
        rows.append(
            {"update": update, "batch": batch, "chunk": chunk, "seed": seed, "epoch": epoch,
             "train_loss": trained, "frozen_loss": frozen,
             "test_accuracy": round(held_out.accuracies[-1].item(), 4)}
        )  # fmt: skip
    return rows
