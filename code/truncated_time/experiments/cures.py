"""Which cures stop a network from reading its own state, and let it learn what is real.

Every cure is trained on `SameRandom` sequences, where there is nothing to learn and any fall of the
loss is the leak, and on `DiffDistRandom` sequences, where there is a signal. Some policies for the
state are also run with other chunk lengths.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tbptt.pytorch import online
from tbptt.schedule import Truncation
from truncated_time.experiments.shared.chunked import Carry, Classifier, one_pass, sequences

PACKAGES = ("torch", "numpy")
HIDDEN, STEPS, EXAMPLES, LEARNING_RATE = 64, 4000, 8, 0.01
CHUNK, CHUNKS = 5, (2, 10, 20, 50)
TEST_EXAMPLES, TEST_STEPS = 64, 500
EPOCHS = 10
# A cure with one update an epoch gets more epochs, one with an update a step fewer.
OTHER_EPOCHS = {"loss at the end": 40, "one update": 40, "true truncation": 3}
POLICIES = ("none", "zero state", "random state", "re-dealt")
CURES = (
    *POLICIES, "dropout", "small updates", "shuffled", "true truncation", "one update",
    "loss at the end",
)  # fmt: skip
SMALL, DROPOUT = 0.03, 0.5  # of the learning rate; of the carried state


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: every cure on both kinds of data, and the policies with other chunks."""
    runs = [
        {"cure": cure, "data_type": data, "chunk": CHUNK}
        for cure, data in itertools.product(CURES, ("SameRandom", "DiffDistRandom"))
    ]
    runs += [
        {"cure": cure, "data_type": "SameRandom", "chunk": chunk}
        for cure, chunk in itertools.product(POLICIES, CHUNKS)
    ]
    return [{**setting, "seed": seed} for seed, setting in itertools.product(range(seeds), runs)]


def carries(net: Classifier) -> dict[str, Carry]:
    """Say what becomes of the state between two chunks."""
    return {
        "zero state": torch.zeros_like,
        "random state": lambda state: net.start("Random", state.shape[1]),
        "re-dealt": lambda state: state[:, torch.randperm(state.shape[1])],
        "dropout": lambda state: nn.functional.dropout(state, DROPOUT),
    }


def shuffled_pass(
    net: Classifier, x: Tensor, y: Tensor, chunk: int, stored: Tensor, optimizer: Any
) -> Tensor:
    """Visit all chunks of all rows in random order, each from the state stored before it.

    Parameters
    ----------
    net, x, y, chunk, optimizer
        As for :func:`one_pass`; `chunk` divides the steps.
    stored : Tensor, shape (chunks + 1, layers, rows, hidden)
        The state before every chunk, as it was left at the last visit. Written to.

    Returns
    -------
    Tensor
        Losses, one an update.
    """
    chunks, rows = len(x) // chunk, x.shape[1]
    parts = x.reshape(chunks, chunk, rows, -1)
    losses = []
    order = torch.randperm(chunks * rows).split(rows)
    for visits in order:
        at, row = visits // rows, visits % rows
        logits, state = net(
            parts[at, :, row].transpose(0, 1), stored[at, :, row].transpose(0, 1).contiguous()
        )
        loss = nn.functional.cross_entropy(logits, y[row])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        stored[at + 1, :, row] = state.detach().transpose(0, 1)
        losses.append(loss.detach())
    return torch.stack(losses)


def true_pass(net: Classifier, x: Tensor, y: Tensor, reach: int, state: Tensor, opt: Any) -> Tensor:
    """Update at every step, each error through the last `reach` steps: one layer only."""

    def loss(outputs: Tensor, _: None) -> Tensor:
        return nn.functional.cross_entropy(net.readout(outputs[-1]), y)

    def cell(step: Tensor, before: Tensor) -> Tensor:
        after: Tensor = net.gru(step[None], before[None])[1][0]
        return after

    losses = []
    blocks = ((step[None], None) for step in x)
    for done in online(cell, loss, blocks, state[0], Truncation.true(reach)):
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        opt.step()
        opt.zero_grad()
        losses.append(done.loss)
    return torch.stack(losses)


def run(cure: str, data_type: Any, chunk: int, seed: int) -> list[dict[str, Any]]:
    """Train one network, and look at it after every epoch.

    Returns
    -------
    list of dict
        For every epoch ``train_loss`` (with updates) and ``frozen_loss`` (the same sequences, from
        a fresh state, no updates), means over all chunks; and, after the last step of sequences
        never trained on, weights frozen, ``validation_loss`` on some of them and
        ``test_accuracy`` on others. Losses in nats.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)

    x, y = sequences(data_type, EXAMPLES, STEPS, seed)
    new = [sequences(data_type, TEST_EXAMPLES, TEST_STEPS, seed + n) for n in (1000, 2000)]
    net = Classifier(1, HIDDEN)
    rate = LEARNING_RATE * (SMALL if cure == "small updates" else 1)
    optimizer = torch.optim.Adam(net.parameters(), rate)
    carry = carries(net).get(cure)
    # A policy for the state is the network's own; dealing and dropping are for training.
    kept = carry if cure in ("zero state", "random state") else None
    stored = torch.zeros(STEPS // chunk + 1, 1, len(y), HIDDEN)

    def start(rows: int) -> Tensor:
        return net.start("Zeros" if cure == "zero state" else "Random", rows)

    def plain(state: Tensor) -> Tensor:
        how: Any = {"one update": "once", "loss at the end": "last"}.get(cure, "each")
        return one_pass(net, x, y, chunk, state, optimizer, carry, how).losses

    def shuffled(state: Tensor) -> Tensor:
        stored[0] = state
        return shuffled_pass(net, x, y, chunk, stored, optimizer)

    def true(state: Tensor) -> Tensor:
        return true_pass(net, x, y, chunk, state, optimizer)

    ways: dict[str, Callable[[Tensor], Tensor]] = {"shuffled": shuffled, "true truncation": true}
    rows = []
    for epoch in range(1, OTHER_EPOCHS.get(cure, EPOCHS) + 1):
        losses = ways.get(cure, plain)(start(len(y)))
        frozen = one_pass(net, x, y, chunk, start(len(y)), carry=kept)
        validation, test = (
            one_pass(net, *part, chunk, start(2 * TEST_EXAMPLES), carry=kept) for part in new
        )
        rows.append(
            {"cure": cure, "data_type": data_type, "chunk": chunk, "seed": seed, "epoch": epoch,
             "train_loss": round(losses.mean().item(), 4),
             "frozen_loss": round(frozen.losses.mean().item(), 4),
             "validation_loss": round(validation.losses[-1].item(), 4),
             "test_accuracy": round(test.accuracies[-1].item(), 4)}
        )  # fmt: skip
    return rows
