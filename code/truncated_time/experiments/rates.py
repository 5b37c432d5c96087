"""The digits again: each way to update at several learning rates, and the best for longer.

Batches of 8 and chunks of 4, as in ``digits``, which has the runs at its one rate. The rate at
which a way of updating does best is trained 40 epochs, others 16.
"""

from __future__ import annotations

from typing import Any, Literal

from truncated_time.experiments import digits

PACKAGES = digits.PACKAGES
# Way to update, learning rate, epochs. At 0.01 and 16 epochs see ``digits``.
SETTINGS: tuple[tuple[Literal["each", "once", "last"], float, int], ...] = (
    ("each", 0.001, 16), ("each", 0.003, 40),
    ("once", 0.003, 16), ("once", 0.01, 40), ("once", 0.03, 16),
    ("last", 0.003, 16), ("last", 0.03, 16),
)  # fmt: skip


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: every way to update, its rate, and every seed."""
    return [
        {"update": update, "learning_rate": rate, "epochs": epochs, "seed": seed}
        for update, rate, epochs in SETTINGS
        for seed in range(seeds)
    ]


def run(
    update: Literal["each", "once", "last"], learning_rate: float, epochs: int, seed: int
) -> list[dict[str, Any]]:
    """Train one network as ``digits`` does, at this rate and for so long.

    Returns
    -------
    list of dict
        For every epoch ``train_loss``, ``frozen_loss`` and ``test_accuracy``, as there.
    """
    rows = digits.run(update, digits.BATCH, digits.CHUNK, seed, learning_rate, epochs)
    return [
        {"update": update, "learning_rate": learning_rate, "seed": seed}
        | {key: row[key] for key in ("epoch", "train_loss", "frozen_loss", "test_accuracy")}
        for row in rows
    ]
