"""What `diagnose` asks of its arguments, and of the network."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from tbptt.pytorch.checks import check_finite, check_run
from tbptt.pytorch.states import S, State, flatten, pack


def check_arguments(
    forward: Any,
    chunks: Sequence[Tensor],
    labels: Tensor,
    fresh: State,
    carried: State,
    train_loss: float,
) -> None:
    """Check what `diagnose` is given, before `forward` is called."""
    if not callable(forward):
        raise TypeError(f"forward must be callable, got {type(forward).__name__}.")
    if not isinstance(labels, Tensor) or labels.dtype != torch.int64 or labels.ndim != 1:
        raise TypeError("labels must be a Tensor of int64 with one label a row.")
    counts = counts_of(labels)
    if len(counts) < 2 or int(counts.min()) < 2:
        raise ValueError(
            "labels must have two classes or more and two rows of each, got rows of each class: "
            f"{counts.tolist()}."
        )
    if len(chunks) == 0:
        raise ValueError("chunks is empty: pass the sequences of the training pass, cut in time.")
    for chunk in chunks:
        if not isinstance(chunk, Tensor):
            raise TypeError(f"chunks must be Tensors, got {type(chunk).__name__} among them.")
    check_finite("chunks", *chunks)
    for name, state in (("fresh", fresh), ("carried", carried)):
        for part in flatten(state):
            if not isinstance(part, Tensor):
                raise TypeError(f"{name} must be a Tensor or a tuple of them, got {part!r}.")
            if part.ndim not in (2, 3) or part.shape[-2] != len(labels):
                raise ValueError(
                    f"{name} must be ({len(labels)}, hidden) or (layers, {len(labels)}, hidden), "
                    f"a row for each label; got shape {tuple(part.shape)}."
                )
        check_finite(name, *flatten(state))
    if [part.shape for part in flatten(fresh)] != [part.shape for part in flatten(carried)]:
        raise ValueError("fresh and carried must be states of the same parts, in the same shapes.")
    if not math.isfinite(train_loss):
        raise ValueError(f"train_loss must be finite, got {train_loss}.")


def call_forward(
    forward: Callable[[Tensor, S], tuple[Tensor, S]], chunk: Tensor, labels: Tensor, state: S
) -> tuple[Tensor, S]:
    """Call `forward` with copies, because it may work in place; check what it returns."""
    copies = tuple(part.clone() for part in flatten(state))
    returned: Any = forward(chunk.clone(), pack(copies, state))
    if not isinstance(returned, tuple | list) or len(returned) != 2:
        raise TypeError(f"forward must return (logits, state), got {type(returned).__name__}.")
    logits, after = returned
    if not isinstance(logits, Tensor) or not logits.is_floating_point():
        kind = logits.dtype if isinstance(logits, Tensor) else type(logits).__name__
        raise TypeError(f"forward's logits must be a floating-point Tensor, got {kind}.")
    if logits.ndim != 2 or len(logits) != len(labels) or logits.shape[1] <= int(labels.max()):
        raise ValueError(
            f"forward's logits must be ({len(labels)}, classes) with a class for each label, got "
            f"shape {tuple(logits.shape)}."
        )
    if [part.shape for part in flatten(after)] != [part.shape for part in flatten(state)]:
        raise ValueError("forward must return a state like the one it is given.")
    check_run((logits, *flatten(after)))
    return logits, after


def counts_of(labels: Tensor) -> Tensor:
    """Return the number of rows of each class that there is."""
    counts = torch.bincount(labels)
    return counts[counts > 0]
