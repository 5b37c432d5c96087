"""A network learns to read its own initial state: the published run, with the published options.

Long sequences with one label each, read in chunks; every epoch is a pass with updates and one with
the weights frozen, each from a fresh initial state. The last line printed is a JSON object with the
mean loss per epoch of both.
"""

from __future__ import annotations

import argparse
import itertools
from typing import Any, get_args

import numpy as np
import torch

from truncated_time.experiments.shared.chunked import Classifier, one_pass, sequences
from truncated_time.experiments.shared.options import positive, rate, whole
from truncated_time.tasks.labelled import DataType

PACKAGES = ("torch", "numpy")
SEEDS = 1
# Losses are kept as means over blocks of chunks that grow: the first chunks change most.
EDGES = (0, 1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500, 700)


def add_arguments(parser: argparse._ArgumentGroup) -> None:
    """Add the published options, and the length and the seed."""
    parser.add_argument("--hidden-size", type=positive, default=512, help="units of each layer")
    parser.add_argument("--epochs", type=positive, default=25)
    parser.add_argument("--bptt-size", type=positive, default=10, help="steps of a chunk")
    parser.add_argument("--num-layers", type=positive, default=1)
    parser.add_argument("--initial-state-type", choices=("Zeros", "Random"), default="Random")
    parser.add_argument("--learning-rate", type=rate, default=0.002, help="of Adam")
    parser.add_argument("--data-type", choices=get_args(DataType), default="SameRandom")
    parser.add_argument("--examples-per-class", type=positive, default=32)
    parser.add_argument("--sequence-length", type=positive, default=10_000)
    parser.add_argument("--seed", type=whole, default=0, help="the first seed")


def grid(seeds: int, seed: int = 0, **options: Any) -> list[dict[str, Any]]:
    """List the runs: one for each seed."""
    return [{**options, "seed": number} for number in range(seed, seed + seeds)]


def run(
    seed: int,
    hidden_size: int,
    epochs: int,
    bptt_size: int,
    num_layers: int,
    initial_state_type: str,
    learning_rate: float,
    data_type: DataType,
    examples_per_class: int,
    sequence_length: int,
) -> list[dict[str, Any]]:
    """Train one network.

    Returns
    -------
    list of dict
        ``loss`` in nats and ``accuracy``, means over ``chunks`` chunks from ``first_chunk`` on,
        for every epoch and both passes (``updated`` 1 or 0).
    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    x, y = sequences(data_type, examples_per_class, sequence_length, seed)
    net = Classifier(1, hidden_size, num_layers)
    optimizer = torch.optim.Adam(net.parameters(), learning_rate)
    rows = []
    for epoch in range(1, epochs + 1):
        for updated in (1, 0):
            state = net.start(initial_state_type, len(y))
            done = one_pass(net, x, y, bptt_size, state, optimizer if updated else None)
            edges = [edge for edge in EDGES if edge < len(done.losses)] + [len(done.losses)]
            rows += [
                {"seed": seed, "epoch": epoch, "updated": updated,
                 "first_chunk": first, "chunks": stop - first,
                 "loss": round(done.losses[first:stop].mean().item(), 5),
                 "accuracy": round(done.accuracies[first:stop].mean().item(), 4)}
                for first, stop in itertools.pairwise(edges)
            ]  # fmt: skip
    return rows


def per_epoch(rows: list[dict[str, Any]], column: str, updated: int) -> list[float]:
    """Mean of a column over all chunks and seeds, one number an epoch."""
    means = []
    for epoch in sorted({int(row["epoch"]) for row in rows}):
        part = [r for r in rows if int(r["epoch"]) == epoch and int(r["updated"]) == updated]
        values, weights = ([float(row[key]) for row in part] for key in (column, "chunks"))
        means.append(round(float(np.average(values, weights=weights)), 5))
    return means


def summary(rows: list[dict[str, Any]]) -> dict[str, list[float]]:
    """Mean loss and accuracy per epoch, with updates and frozen, over all seeds."""
    return {
        "train_loss": per_epoch(rows, "loss", 1),
        "frozen_loss": per_epoch(rows, "loss", 0),
        "train_accuracy": per_epoch(rows, "accuracy", 1),
        "frozen_accuracy": per_epoch(rows, "accuracy", 0),
    }
