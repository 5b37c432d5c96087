"""What the engines ask of cells, states, inputs and losses, and what they say if it is missing."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tbptt.pytorch.states import Parts, State, flatten
from tbptt.schedule import Truncation


def check_call(truncation: Any) -> None:
    """Check that this is a truncation, and that there are gradients to truncate.

    Raises
    ------
    TypeError
        If it is no `Truncation`.
    RuntimeError
        If gradients are switched off.
    """
    if not isinstance(truncation, Truncation):
        raise TypeError(
            f"truncation must be a Truncation, got {truncation!r}; Truncation.true(20), say."
        )
    if not torch.is_grad_enabled():
        raise RuntimeError("Gradients are switched off: leave torch.no_grad() or inference_mode().")


def check_shapes(inputs: Tensor, parts: Parts) -> None:
    """Check time-major inputs and the state before them.

    Raises
    ------
    TypeError
        If a dtype or device does not fit.
    ValueError
        If a shape does not fit.
    """
    if not isinstance(inputs, Tensor) or not inputs.is_floating_point():
        kind = inputs.dtype if isinstance(inputs, Tensor) else type(inputs).__name__
        raise TypeError(
            f"inputs must be a floating-point Tensor (steps, batch, features), got {kind}."
        )
    if inputs.ndim != 3 or not inputs.shape[0]:
        raise ValueError(
            f"inputs must be (steps, batch, features) with at least one step, got shape "
            f"{tuple(inputs.shape)}."
        )
    for part in parts:
        if part.shape[0] != inputs.shape[1]:
            raise ValueError(
                f"state must be (batch, hidden) with batch {inputs.shape[1]}, the second axis of "
                f"inputs; got shape {tuple(part.shape)}."
            )
        if (part.dtype, part.device) != (inputs.dtype, inputs.device):
            raise TypeError(
                f"state is {part.dtype} on {part.device}, but inputs are {inputs.dtype} on "
                f"{inputs.device}: bring both to one dtype and device."
            )


def check_finite(inputs: Tensor, parts: Parts) -> None:
    """Check the values of inputs and state.

    Raises
    ------
    ValueError
        If NaN or infinity is among them.
    """
    for name, values in (("inputs", inputs), *(("state", part) for part in parts)):
        if not torch.isfinite(values.detach()).all():
            raise ValueError(f"{name} must be finite, but NaN or infinity is among the values.")


def check_flags(name: str, flags: Tensor | None, inputs: Tensor) -> None:
    """Check resets or a mask, bool ``(steps, batch)``.

    Raises
    ------
    TypeError, ValueError
        If dtype, device or shape do not fit.
    """
    if flags is None:
        return
    if not isinstance(flags, Tensor) or flags.dtype != torch.bool:
        kind = flags.dtype if isinstance(flags, Tensor) else type(flags).__name__
        raise TypeError(f"{name} must be a Tensor of bool (steps, batch), got {kind}.")
    if flags.shape != inputs.shape[:2]:
        raise ValueError(
            f"{name} must be (steps, batch) = {tuple(inputs.shape[:2])}, got shape "
            f"{tuple(flags.shape)}."
        )
    if flags.device != inputs.device:
        raise TypeError(f"{name} is on {flags.device}, but inputs are on {inputs.device}.")


def check_cell(cell: Any, inputs: Tensor, state: State) -> None:
    """Check that inputs and state fit one of PyTorch's own cells.

    Raises
    ------
    TypeError
        If the state should be a tuple or should not, or the cell has another dtype or device.
    ValueError
        If a size does not fit.
    """
    name, weight, parts = type(cell).__name__, cell.weight_hh, flatten(state)
    is_lstm, is_one = isinstance(cell, nn.LSTMCell), isinstance(state, Tensor)
    if is_one == is_lstm or len(parts) != 1 + is_lstm:
        kind = "a tuple (h, c)" if is_lstm else "one Tensor"
        given = "a Tensor" if is_one else f"a {type(state).__name__} of {len(parts)}"
        raise TypeError(f"The state of {name} must be {kind}, got {given}.")
    if (weight.dtype, weight.device) != (inputs.dtype, inputs.device):
        raise TypeError(
            f"inputs are {inputs.dtype} on {inputs.device}, but the cell is {weight.dtype} on "
            f"{weight.device}: bring both to one dtype and device."
        )
    for part in parts:
        if part.shape[1] != cell.hidden_size:
            raise ValueError(
                f"state must be (batch, hidden) with hidden {cell.hidden_size}, got shape "
                f"{tuple(part.shape)}."
            )
    if inputs.shape[2] != cell.input_size:
        raise ValueError(
            f"inputs must have {cell.input_size} features, got shape {tuple(inputs.shape)}."
        )


def scalar_loss(loss: Any) -> Tensor:
    """Check the value of a `loss_fn`.

    Raises
    ------
    TypeError
        If it is no Tensor.
    ValueError
        If it is not a finite scalar.
    """
    if not isinstance(loss, Tensor):
        raise TypeError(f"loss_fn must return a scalar Tensor, got {type(loss).__name__}.")
    if loss.ndim:
        raise ValueError(
            f"loss_fn must return a scalar, got shape {tuple(loss.shape)}: sum over the steps."
        )
    if not torch.isfinite(loss.detach()):
        raise ValueError(
            f"loss_fn returned {loss.item()}; no gradient was accumulated. Look for a learning "
            "rate that is too high, or for a logarithm of zero."
        )
    return loss
