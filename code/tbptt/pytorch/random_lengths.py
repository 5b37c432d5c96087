"""Backpropagation through chunks of random length, unbiased, for any cell."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from tbptt.pytorch.checks import (
    Cell,
    Parts,
    State,
    check_finite,
    check_shapes,
    parts_of,
    scalar_loss,
)


def reweighted(
    cell: Cell,
    loss_fn: Callable[[Tensor], Tensor],
    inputs: Tensor,
    state: State,
    factors: ArrayLike,
) -> tuple[Tensor, Tensor, State]:
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

    Returns
    -------
    loss, outputs, state
        As from :func:`tbptt.pytorch.backward`.

    Raises
    ------
    TypeError, ValueError
        If arguments are of the wrong kind or shape, or a value is NaN or infinite.

    References
    ----------
    .. [1] C. Tallec and Y. Ollivier, "Unbiasing truncated backpropagation through time", 2017,
       arXiv:1705.08209.
    """
    now: Parts = tuple(part.detach() for part in parts_of(state))
    check_shapes(inputs, now)
    check_finite(inputs, now)
    row = np.asarray(factors, dtype=np.float64)
    if row.shape != (len(inputs),) or not np.isfinite(row).all():
        raise ValueError(
            f"factors must be (steps,) = ({len(inputs)},) finite numbers, got shape {row.shape}."
        )
    is_tuple = isinstance(state, tuple | list)
    outputs = []
    for t, x in enumerate(inputs):
        now = tuple(_scaled(part, float(row[t])) for part in now)
        now = parts_of(cell(x, now if is_tuple else now[0]), like=now)
        outputs.append(now[0])
    stacked = torch.stack(outputs)
    loss = scalar_loss(loss_fn(stacked))
    if loss.requires_grad:
        loss.backward()  # type: ignore[no-untyped-call]
    last = tuple(part.detach() for part in now)
    return loss.detach(), stacked.detach(), last if is_tuple else last[0]


def _scaled(part: Tensor, factor: float) -> Tensor:
    """Return the same numbers; their errors are multiplied on the way back."""
    held = part.detach()
    return held if factor == 0 else held + factor * (part - held)
