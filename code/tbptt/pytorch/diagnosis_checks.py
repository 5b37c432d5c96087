"""What `diagnose` asks of its arguments, and of the network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tbptt._calling import called
from tbptt._checks import finite, shown
from tbptt._diagnosis import check_labels, check_logits
from tbptt.pytorch.checks import check_finite, check_run
from tbptt.pytorch.states import S, State, flatten, pack


def check_arguments(
    forward: Any,
    chunks: Any,
    labels: Any,
    fresh: State,
    carried: State,
    train_loss: Any,
) -> None:
    """Check what `diagnose` is given, before `forward` is called."""
    if not callable(forward) or isinstance(forward, type):
        raise TypeError(f"forward must be a module or a function, got {shown(forward)}.")
    if not isinstance(labels, Tensor) or labels.dtype != torch.int64 or labels.ndim != 1:
        raise TypeError("labels must be a Tensor of int64 with one label a row.")
    if labels.device.type == "meta":
        raise ValueError("labels must be class numbers, on a device with values.")
    check_labels(labels.cpu().numpy())
    if not isinstance(chunks, list | tuple | Tensor):
        raise TypeError(f"chunks must be a list of Tensors, got {shown(chunks)}.")
    if getattr(chunks, "ndim", 1) == 0 or len(chunks) == 0:
        raise ValueError("chunks is empty: pass the sequences of the training pass, cut in time.")
    for chunk in chunks:
        if not isinstance(chunk, Tensor):
            raise TypeError(f"chunks must be Tensors, got {type(chunk).__name__} among them.")
        if chunk.device != labels.device:
            raise TypeError(f"chunks are on {chunk.device}, but labels on {labels.device}.")
    check_finite("chunks", *chunks)
    for name, state in (("fresh", fresh), ("carried", carried)):
        for part in flatten(state):
            if not isinstance(part, Tensor):
                raise TypeError(f"{name} must be a Tensor or a tuple of them, got {shown(part)}.")
            if part.device != labels.device:
                raise TypeError(f"{name} is on {part.device}, but labels are on {labels.device}.")
            if part.ndim not in (2, 3) or part.shape[-2] != len(labels):
                raise ValueError(
                    f"{name} must be ({len(labels)}, hidden) or (layers, {len(labels)}, hidden), "
                    f"a row for each label; got shape {tuple(part.shape)}."
                )
        check_finite(name, *flatten(state))
    if [part.shape for part in flatten(fresh)] != [part.shape for part in flatten(carried)]:
        raise ValueError("fresh and carried must be states of the same parts, in the same shapes.")
    finite("train_loss", train_loss)


def call_forward(
    forward: Callable[[Tensor, S], tuple[Tensor, S]], chunk: Tensor, labels: Tensor, state: S
) -> tuple[Tensor, S]:
    """Call `forward` with copies, because it may work in place; check what it returns."""
    copies = tuple(part.clone() for part in flatten(state))
    returned = called("forward", "(chunk, state)", forward, chunk.clone(), pack(copies, state))
    if not isinstance(returned, tuple | list) or len(returned) != 2:
        raise TypeError(f"forward must return (logits, state), got {type(returned).__name__}.")
    logits, after = returned
    if not isinstance(logits, Tensor) or not logits.is_floating_point():
        kind = logits.dtype if isinstance(logits, Tensor) else type(logits).__name__
        raise TypeError(f"forward's logits must be a floating-point Tensor, got {kind}.")
    check_logits(tuple(logits.shape), labels.cpu().numpy(), "forward's logits")
    if [part.shape for part in flatten(after)] != [part.shape for part in flatten(state)]:
        raise ValueError("forward must return a state like the one it is given.")
    check_run((logits, *flatten(after)))
    return logits, after
