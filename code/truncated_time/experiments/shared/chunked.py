"""Long sequences in chunks, the state carried from each to the next: the loop of the source.

A GRU reads all sequences side by side. After every chunk it names their labels from its last
output; the loss is backpropagated through the chunk, and the weights change. A pass without an
optimizer is the same with the weights frozen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from truncated_time.tasks import labelled_sequences
from truncated_time.tasks.labelled import DataType


def sequences(kind: DataType, examples: int, steps: int, seed: int) -> tuple[Tensor, Tensor]:
    """Make labelled sequences, time-major ``(steps, rows, 1)``, and their labels ``(rows,)``."""
    x, y = labelled_sequences(kind, examples, steps, seed=seed)
    return torch.from_numpy(x).transpose(0, 1).contiguous(), torch.from_numpy(y)


class Classifier(nn.Module):
    """A GRU and a linear readout of its last output.

    Parameters
    ----------
    features, hidden_size, num_layers, classes : int
        Sizes.
    """

    def __init__(self, features: int, hidden_size: int, num_layers: int = 1, classes: int = 2):
        super().__init__()
        self.gru = nn.GRU(features, hidden_size, num_layers)
        self.readout = nn.Linear(hidden_size, classes)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Read a chunk ``(steps, rows, features)``; return ``(rows, classes)`` and the state."""
        outputs, state = self.gru(x, state)
        return self.readout(outputs[-1]), state

    def start(self, kind: str, rows: int) -> Tensor:
        """Make an initial state ``(layers, rows, hidden)``: zeros, or clipped standard normal."""
        state = torch.zeros(self.gru.num_layers, rows, self.gru.hidden_size)
        return state if kind == "Zeros" else state.normal_().clamp_(-1, 1)


Carry = Callable[[Tensor], Tensor]


class ChunkedPass(NamedTuple):
    """One pass over all sequences: for each chunk loss and accuracy, and the state at the end."""

    losses: Tensor
    accuracies: Tensor
    state: Tensor


def one_pass(
    net: Classifier,
    x: Tensor,
    y: Tensor,
    chunk: int,
    state: Tensor,
    optimizer: torch.optim.Optimizer | None = None,
    carry: Carry | None = None,
    update: Literal["each", "once", "last"] = "each",
) -> ChunkedPass:
    """Go through all chunks once, updating the weights after each if there is an optimizer.

    Parameters
    ----------
    net : Classifier
        Trained in place.
    x : Tensor, shape (steps, rows, features)
        All sequences, time-major.
    y : Tensor of int64, shape (rows,)
        Their labels.
    chunk : int
        Steps of a chunk; the last one may be shorter.
    state : Tensor, shape (layers, rows, hidden)
        What the first chunk begins with.
    optimizer : Optimizer, optional
        Without it the weights stay as they are.
    carry : callable, optional
        Makes of the state after a chunk, detached, what the next one begins with.
    update : {"each", "once", "last"}
        Update after each chunk; once, at the end, by the mean of all gradients; or once, by the
        gradient of the last chunk.

    Returns
    -------
    ChunkedPass
        Losses ``(chunks,)`` in nats, accuracies ``(chunks,)``, and the state after the last.
    """
    losses, right = [], []
    parts = x.split(chunk)
    with torch.set_grad_enabled(optimizer is not None):
        for number, part in enumerate(parts, start=1):
            logits, state = net(part, state)
            loss = nn.functional.cross_entropy(logits, y)
            if optimizer is not None and (update != "last" or number == len(parts)):
                share = loss / len(parts) if update == "once" else loss
                share.backward()
                if update == "each" or number == len(parts):
                    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
                    optimizer.step()
                    optimizer.zero_grad()
            losses.append(loss.detach())
            right.append((logits.detach().argmax(1) == y).float().mean())
            state = carry(state.detach()) if carry else state.detach()
    return ChunkedPass(torch.stack(losses), torch.stack(right), state)
