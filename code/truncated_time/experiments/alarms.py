"""How often the diagnosis is wrong: leaks that it misses, honest networks that it accuses.

After every epoch of training it is asked for its verdict. What is true is measured apart from it,
by the answers to sequences that the network has never seen, with the weights frozen.
"""

from __future__ import annotations

import itertools
from typing import Any, Literal

import torch

from tbptt.pytorch import diagnose
from truncated_time.experiments.shared.chunked import Classifier, one_pass, sequences

PACKAGES = ("torch", "numpy", "scikit-learn")
HIDDEN, STEPS, EXAMPLES, CHUNK = 64, 4000, 8, 5
TEST_EXAMPLES, TEST_STEPS = 64, 500
# Kind of data, initial state, learning rate, update, epochs.
TRAININGS: dict[str, tuple[Any, str, float, Literal["each", "last"], int]] = {
    "no signal": ("SameRandom", "Random", 0.01, "each", 10),
    "signal": ("DiffDistRandom", "Zeros", 0.005, "each", 10),
    "signal, random state": ("DiffDistRandom", "Random", 0.01, "each", 10),
    "signal, loss at the end": ("DiffDistRandom", "Random", 0.01, "last", 25),
}


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: every training, every seed."""
    return [
        {"training": training, "seed": seed}
        for seed, training in itertools.product(range(seeds), TRAININGS)
    ]


def run(training: str, seed: int) -> list[dict[str, Any]]:
    """Train one network, and diagnose it after every epoch.

    Returns
    -------
    list of dict
        For every epoch the evidence of :class:`tbptt.pytorch.Diagnosis`, its ``alarms`` and
        ``verdict``, and ``test_accuracy`` on new sequences.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    data_type, start, rate, update, epochs = TRAININGS[training]

    x, y = sequences(data_type, EXAMPLES, STEPS, seed)
    new = sequences(data_type, TEST_EXAMPLES, TEST_STEPS, seed + 1000)
    net = Classifier(1, HIDDEN)
    optimizer = torch.optim.Adam(net.parameters(), rate)
    rows = []
    for epoch in range(1, epochs + 1):
        done = one_pass(net, x, y, CHUNK, net.start(start, len(y)), optimizer, update=update)
        report = diagnose(
            net,
            x.split(CHUNK),
            y,
            fresh=net.start(start, len(y)),
            carried=done.state,
            # With one loss an epoch, that one is the training loss.
            train_loss=(done.losses[-1] if update == "last" else done.losses.mean()).item(),
        )
        test = one_pass(net, *new, CHUNK, net.start(start, 2 * TEST_EXAMPLES))
        rows.append(
            {"training": training, "seed": seed, "epoch": epoch,
             **{name: round(value, 4) for name, value in vars(report).items() if name != "alarms"},
             "alarms": " ".join(report.alarms), "verdict": report.verdict,
             "test_accuracy": round(test.accuracies[-1].item(), 4)}
        )  # fmt: skip
    return rows
