"""What the engines ask of cells, states, inputs and losses, and what they say if it is missing."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from tbptt.pytorch.distributed import check_averaged
from tbptt.pytorch.states import Parts, State, flatten
from tbptt.schedule import Truncation

NO_ERROR = (
    "The loss does not depend on the outputs, as far as autograd can tell: take .detach(), .data, "
    ".item() and torch.no_grad() out of loss_fn. Where there is nothing to learn from, return "
    "0 * outputs.sum()."
)
CUT_OFF = (
    "The cell's state does not depend on the one before it, as far as autograd can tell: take "
    ".detach(), .data and torch.no_grad() out of the cell."
)
OWN_CELLS = (nn.RNNCell, nn.GRUCell, nn.LSTMCell)


def check_call(cell: Any, loss_fn: Any) -> None:
    """Check what is called.

    Raises
    ------
    TypeError
        If one of them cannot be called, or a whole layer is handed for a cell.
    RuntimeError, ValueError
        As :func:`tbptt.pytorch.distributed.check_averaged`.
    """
    if isinstance(cell, nn.RNNBase):
        name = type(cell).__name__
        raise TypeError(
            f"cell must take one step, cell(x, state) -> state, but nn.{name} runs over whole "
            "sequences: pass tbptt.pytorch.as_cell(layer), a cell that shares the layer's weights, "
            "and its state by tbptt.pytorch.split_state."
        )
    for name, given in (("cell", cell), ("loss_fn", loss_fn)):
        if not callable(given) or isinstance(given, type):
            kind = f"the class {given.__name__}" if isinstance(given, type) else repr(given)
            raise TypeError(f"{name} must be a module or a function, got {kind}.")
    check_averaged(cell)


def check_gradients_on() -> None:
    """Check that gradients are not switched off.

    Raises
    ------
    RuntimeError
        If they are.
    """
    if not torch.is_grad_enabled():
        raise RuntimeError("Gradients are switched off: leave torch.no_grad() or inference_mode().")


def check_truncation(truncation: Any) -> None:
    """Check that this is a truncation.

    Raises
    ------
    TypeError
        If it is something else.
    """
    if not isinstance(truncation, Truncation):
        raise TypeError(
            f"truncation must be a Truncation, got {truncation!r}; Truncation.true(20), say."
        )


def check_shapes(inputs: Any, parts: Parts) -> None:
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
    if inputs.layout != torch.strided or inputs.is_nested:
        raise TypeError(
            "inputs must be a dense Tensor (steps, batch, features), got a sparse or nested one. "
            "Pad rows to one length, and mark their steps in a mask."
        )
    if inputs.device.type == "meta":
        raise TypeError("inputs are on the device meta, which has no values: pass some that have.")
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
        check_alike("state", part, inputs)


def check_alike(name: str, values: Tensor, inputs: Tensor) -> None:
    """Check that values and inputs have one dtype, and are on one device.

    Under autocast dtypes may differ, which is what it is for, and inputs that are no floating-point
    numbers have to be embedded first.

    Raises
    ------
    TypeError
        If they have not.
    """
    device = inputs.device
    if values.device != device or (
        values.dtype != inputs.dtype
        and inputs.is_floating_point()
        and not torch.is_autocast_enabled(device.type)
    ):
        raise TypeError(
            f"{name} is {values.dtype} on {values.device}, but inputs are {inputs.dtype} on "
            f"{inputs.device}: bring both to one dtype and device."
        )


def check_finite(name: str, *tensors: Tensor) -> None:
    """Check values.

    Raises
    ------
    ValueError
        If NaN or infinity is among them.
    """
    if not all(is_finite(values) for values in tensors):
        raise ValueError(f"{name} must be finite, but NaN or infinity is among the values.")


def check_run(parts: Parts) -> None:
    """Check the states that a cell has made: a loss may look at others than those that overflow.

    Raises
    ------
    ValueError
        If NaN or infinity is among them.
    """
    if not all(is_finite(part) for part in parts):
        raise ValueError(
            "The cell made a state with NaN or infinity in it; no gradient was accumulated. Look "
            "for a learning rate that is too high, or for weights that are not finite."
        )


def is_finite(values: Tensor) -> bool:
    """Say whether there is neither NaN nor infinity among values."""
    values = values.detach()
    if not values.is_floating_point():
        return True
    # A sum is one pass over memory and hides neither, but finite values may overflow in it.
    return bool(torch.isfinite(values.sum())) or bool(torch.isfinite(values).all())


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
    """Check that inputs, of one step or several, and state fit one of PyTorch's own cells.

    Nothing is asked of other cells.

    Raises
    ------
    TypeError
        If the state should be a tuple or should not, or the cell has another dtype or device.
    ValueError
        If a size does not fit.
    """
    if type(cell) not in OWN_CELLS and not (
        isinstance(cell, OWN_CELLS) and parametrize.is_parametrized(cell)
    ):
        return
    name, weight, parts = type(cell).__name__, cell.weight_hh, flatten(state)
    is_lstm, is_one = isinstance(cell, nn.LSTMCell), isinstance(state, Tensor)
    if is_one == is_lstm or len(parts) != 1 + is_lstm:
        kind = "a tuple (h, c)" if is_lstm else "one Tensor"
        given = "a Tensor" if is_one else f"a {type(state).__name__} of {len(parts)}"
        raise TypeError(f"The state of {name} must be {kind}, got {given}.")
    check_alike("the cell", weight, inputs)
    if not inputs.is_floating_point():
        raise TypeError(
            f"inputs of {name} must be floating-point numbers, got {inputs.dtype}: embed them, "
            "inside the cell or before."
        )
    for part in parts:
        if part.shape[1] != cell.hidden_size:
            raise ValueError(
                f"state must be (batch, hidden) with hidden {cell.hidden_size}, got shape "
                f"{tuple(part.shape)}."
            )
    if inputs.shape[-1] != cell.input_size:
        raise ValueError(f"inputs must have {cell.input_size} features, got {inputs.shape[-1]}.")


def scalar_loss(loss: Any) -> Tensor:
    """Check the value of a `loss_fn`.

    Raises
    ------
    TypeError
        If it is no floating-point Tensor.
    ValueError
        If it is not a finite scalar.
    """
    if not isinstance(loss, Tensor):
        raise TypeError(f"loss_fn must return a scalar Tensor, got {type(loss).__name__}.")
    if not loss.is_floating_point():
        raise TypeError(f"loss_fn must return a floating-point Tensor, got {loss.dtype}.")
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
