"""The leak where every output of a chunk is scored, not its last alone.

The source of the initial-state chapter has a switch between the two, and ran one. Here is the
other: sequences, network, rate and passes of ``cures`` without a cure, on `SameRandom`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from truncated_time.experiments import cures
from truncated_time.experiments.shared.chunked import Classifier, sequences

PACKAGES = ("torch", "numpy")


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: every seed."""
    return [{"seed": seed} for seed in range(seeds)]


def one_pass(net: Classifier, x: Tensor, y: Tensor, optimizer: Any = None) -> float:
    """Go through all chunks once, from a random state; return the mean loss over all outputs."""
    state, losses = net.start("Random", len(y)), []
    with torch.set_grad_enabled(optimizer is not None):
        for part in x.split(cures.CHUNK):
            outputs, state = net.gru(part, state.detach())
            logits = net.readout(outputs)  # (steps, rows, classes)
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), y.repeat(len(part)))
            if optimizer is not None:
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(net.parameters(), 1.0)
                optimizer.step()
            losses.append(loss.item())
    return sum(losses) / len(losses)


def run(seed: int, passes: int = cures.EPOCHS, steps: int = cures.STEPS) -> list[dict[str, Any]]:
    """Train one network.

    Returns
    -------
    list of dict
        For every epoch ``train_loss``, with updates, and ``frozen_loss``, without, in nats.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    x, y = sequences("SameRandom", cures.EXAMPLES, steps, seed)
    net = Classifier(1, cures.HIDDEN)
    optimizer = torch.optim.Adam(net.parameters(), cures.LEARNING_RATE)
    rows = []
    for epoch in range(1, passes + 1):
        train_loss = one_pass(net, x, y, optimizer)
        rows.append(
            {"seed": seed, "epoch": epoch, "train_loss": round(train_loss, 4),
             "frozen_loss": round(one_pass(net, x, y), 4)}
        )  # fmt: skip
    return rows
