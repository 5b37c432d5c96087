"""What a network without a signal learns: four kinds of sequences by two initial states.

The published setting, small enough to be settled in every cell for every seed.
"""

from __future__ import annotations

import itertools
from typing import Any, get_args

from truncated_time.experiments import initial_state
from truncated_time.tasks.labelled import DataType

PACKAGES = ("torch", "numpy")
SETTING: dict[str, Any] = {
    "hidden_size": 64, "epochs": 20, "bptt_size": 5, "num_layers": 1, "learning_rate": 0.005,
    "examples_per_class": 8, "sequence_length": 4000,
}  # fmt: skip


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: every cell of the table, every seed."""
    cells = itertools.product(range(seeds), get_args(DataType), ("Zeros", "Random"))
    return [
        {"data_type": data, "initial_state_type": start, "seed": seed}
        for seed, data, start in cells
    ]


def run(data_type: DataType, initial_state_type: str, seed: int) -> list[dict[str, Any]]:
    """Train one network.

    Returns
    -------
    list of dict
        Mean loss and accuracy of every epoch, with updates and with the weights frozen.
    """
    rows = initial_state.run(
        seed=seed, data_type=data_type, initial_state_type=initial_state_type, **SETTING
    )
    means = initial_state.summary(rows)
    return [
        {"data_type": data_type, "initial_state_type": initial_state_type, "seed": seed,
         "epoch": epoch, **{name: values[epoch - 1] for name, values in means.items()}}
        for epoch in range(1, len(means["train_loss"]) + 1)
    ]  # fmt: skip
