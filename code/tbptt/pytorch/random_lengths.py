"""Backpropagation through chunks of random length, unbiased, for any cell."""

from __future__ import annotations

from collections.abc import Callable

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from tbptt._checks import real_array
from tbptt.pytorch.all_or_nothing import all_or_nothing
from tbptt.pytorch.checks import check_call, check_gradients_on, check_run
from tbptt.pytorch.sequences import prepared, send_back
from tbptt.pytorch.states import Cell, Parts, PassResult, S, pack
from tbptt.pytorch.steps import run_in_graph

__all__ = ["reweighted"]


def reweighted(
    cell: Cell[S],
    loss_fn: Callable[[Tensor], Tensor],
    inputs: Tensor,
    state: S,
    factors: ArrayLike,
    *,
    resets: Tensor | None = None,
    mask: Tensor | None = None,
) -> PassResult[S]:
    """Accumulate the gradient in which errors are multiplied by a factor at each step back.

    With factors from :func:`tbptt.random_lengths.draw_factors` its mean over draws is the full
    gradient [1]_. Where a factor is 0 the graph is cut, so the errors of a chunk stay inside it.
    All chunks of one call are kept until `loss_fn` has been called: to keep no more than one chunk,
    call once for each.

    Parameters
    ----------
    cell, loss_fn, inputs, state
        As for :func:`tbptt.pytorch.backward`.
    factors : array_like, shape (steps,)
        Of the errors that cross from each step to the one before. The state before the first step
        is a constant, whatever the first entry is.
    resets, mask : Tensor of bool, shape (steps, batch), optional
        As for :func:`tbptt.pytorch.backward`. Where a row waits, its errors are multiplied all the
        same: factors belong to the steps of the batch.

    Returns
    -------
    PassResult
        ``loss, outputs, state``, as from :func:`tbptt.pytorch.backward`.

    Raises
    ------
    TypeError, ValueError
        If arguments are of the wrong kind or shape, a value is NaN or infinite, or the loss does
        not depend on the outputs. No gradient has been accumulated then.
    RuntimeError
        If gradients are switched off.

    References
    ----------
    .. [1] C. Tallec and Y. Ollivier, "Unbiasing truncated backpropagation through time", 2017,
       arXiv:1705.08209.

    Examples
    --------
    >>> import torch
    >>> from tbptt.pytorch.random_lengths import reweighted
    >>> cell = torch.nn.RNNCell(1, 1, bias=False)
    >>> weights = [torch.nn.init.constant_(weight, 0.5) for weight in cell.parameters()]
    >>> x, zero = torch.zeros(4, 1, 1, requires_grad=True), torch.zeros(1, 1)
    >>> last = lambda outputs: outputs[-1].sum()
    >>> loss, outputs, state = reweighted(cell, last, x, zero, factors=[0, 0, 2, 2])
    >>> x.grad.ravel()  # halved and doubled; nothing crosses to the first
    tensor([0.0000, 0.5000, 0.5000, 0.5000])
    """
    check_gradients_on()
    check_call(cell, loss_fn)
    filled, first, flags = prepared(inputs, state, resets, mask)
    row = real_array("factors", factors, min_ndim=1)
    if row.shape != (len(inputs),):
        raise ValueError(f"factors must be (steps,) = ({len(inputs)},), got shape {row.shape}.")

    def enter(t: int, now: Parts) -> Parts:
        return tuple(_scaled(part, float(row[t])) for part in now)

    with all_or_nothing(inputs.device, cell) as keep:
        _, after = run_in_graph(cell, filled, first, flags, like=state, enter=enter)
        outputs = torch.stack([now[0] for now in after])
        check_run((outputs, *after[-1]))
        # A copy: the loss may work in place.
        loss = send_back(loss_fn, flags.own_outputs(outputs).clone(), keep, inputs=inputs)
    last = tuple(part.detach() for part in after[-1])
    return PassResult(loss, outputs.detach(), pack(last, state))


def _scaled(part: Tensor, factor: float) -> Tensor:
    """Return the same numbers; their errors are multiplied on the way back."""
    constant = part.detach()
    return constant if factor == 0 else constant + factor * (part - constant)
