"""Exact truncated gradients, batched by lag: no loop over errors.

A loop over errors walks each one back by itself, ``steps * k2`` small steps one after another.
Here all errors move together, one lag at a time. Keep every state of one forward run; at lag `j`
a single vector-Jacobian product takes the adjoint of every error `t` from step ``t - j`` to the one
before; sum the adjoints that land on each step; at the end one more product turns the sums into the
gradients of weights and inputs. The chain of dependent operations is `k2` long.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tbptt.pytorch import adjoints
from tbptt.schedule import Truncation

State = Tensor | tuple[Tensor, ...]
Cell = Callable[[Tensor, Any], State]


def backward(
    cell: Cell,
    loss_fn: Callable[[Tensor], Tensor],
    inputs: Tensor,
    state: State,
    truncation: Truncation,
    *,
    resets: Tensor | None = None,
) -> tuple[Tensor, Tensor, State]:
    """Run a cell over a sequence and accumulate truncated gradients as ``loss.backward()`` does.

    The gradient is the sum, over all losses, of that loss's gradient through the steps that
    ``truncation.reach`` allows and no others [1]_.

    Parameters
    ----------
    cell : callable
        ``cell(x, state) -> state`` for one step: ``nn.RNNCell``, ``nn.GRUCell``,
        ``nn.LSTMCell``, or a module of your own. It must treat the rows of a batch alike and
        each by itself (no batch normalisation), and give the same answer twice (no dropout).
    loss_fn : callable
        Called once with all outputs, ``(steps, batch, hidden)``; returns a scalar that adds up
        over steps.
    inputs : Tensor, shape (steps, batch, features)
        Time-major. Gradients flow into them where they require any, so into an embedding below.
    state : Tensor (batch, hidden) or tuple of them
        The state before the first step; its first part is the output. Treated as a constant.
    truncation : Truncation
        Which error reaches which step.
    resets : Tensor of bool, shape (steps, batch), optional
        Where True, the row's state is zero before the step, and no gradient crosses.

    Returns
    -------
    loss : Tensor
        Detached scalar.
    outputs : Tensor, shape (steps, batch, hidden)
        Detached.
    state : Tensor or tuple of Tensor
        After the last step, detached, ready for the next chunk.

    Raises
    ------
    TypeError
        If `inputs`, `state` or `resets` are no tensors of the right kind, or the loss is none.
    ValueError
        If shapes do not fit, the loss is not a scalar, or the cell does not repeat itself.

    References
    ----------
    .. [1] R. J. Williams and J. Peng, "An efficient gradient-based algorithm for on-line training
       of recurrent network trajectories", Neural Computation 2(4), 1990.
    """
    parts = _checked(inputs, state, resets)
    before, after = _forward(cell, inputs, parts, resets, isinstance(state, tuple))
    outputs = after[0].clone().requires_grad_()
    loss = loss_fn(outputs)
    if not isinstance(loss, Tensor):
        raise TypeError(f"loss_fn must return a scalar Tensor, got {type(loss).__name__}.")
    if loss.ndim:
        raise ValueError(
            f"loss_fn must return a scalar, got shape {tuple(loss.shape)}: sum over the steps."
        )
    if loss.requires_grad:
        loss.backward()  # type: ignore[no-untyped-call]
    if outputs.grad is not None:
        _carry_back(cell, inputs, before, after, outputs.grad, truncation, resets, state)
    last = tuple(part[-1] for part in after)
    return loss.detach(), after[0], last if isinstance(state, tuple) else last[0]


def _forward(
    cell: Cell,
    inputs: Tensor,
    parts: tuple[Tensor, ...],
    resets: Tensor | None,
    is_tuple: bool,
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Return the states before and after every step, each part ``(steps, batch, hidden)``."""
    if resets is None and adjoints.derived(cell) and not is_tuple:
        with torch.no_grad():
            outputs = adjoints.fused_outputs(cell, inputs, parts[0])  # type: ignore[arg-type]
        return (torch.cat([parts[0][None], outputs[:-1]]),), (outputs,)
    before, after = [], []
    with torch.no_grad():
        for t, x in enumerate(inputs):
            if resets is not None:
                parts = tuple(part.masked_fill(resets[t][:, None], 0) for part in parts)
            before.append(parts)
            parts = _tuple(cell(x, parts if is_tuple else parts[0]))
            after.append(parts)
    return _over_time(before), _over_time(after)


def _carry_back(
    cell: Cell,
    inputs: Tensor,
    before: tuple[Tensor, ...],
    after: tuple[Tensor, ...],
    errors: Tensor,
    truncation: Truncation,
    resets: Tensor | None,
    state: State,
) -> None:
    steps, is_tuple = len(inputs), isinstance(state, tuple)
    by_hand = adjoints.derived(cell)
    step: adjoints.Adjoint
    if by_hand is not None:
        step = by_hand(cell, inputs, before, after)
    else:
        step = adjoints.Generic(cell, inputs, before, is_tuple)
        _check_repeats(step.after, after)
    reach = truncation.reach(steps)
    # moving[s]: of the state after step s, for the error at s + lag.
    moving = (errors, *(torch.zeros_like(part) for part in after[1:]))
    sums = tuple(part.clone() for part in moving)
    for lag in range(1, min(truncation.k2, steps)):
        # The state before step s + 1 is the state after step s, unless a reset lies between.
        moving = tuple(part[1:] for part in step.back(moving))
        ways = torch.from_numpy(np.diagonal(reach, -lag).copy())[:, None].to(inputs.device)
        if resets is not None:
            ways = ways & ~resets[1 : steps - lag + 1]
        if not ways.all():
            moving = tuple(part * ways[..., None] for part in moving)
        for total, part in zip(sums, moving, strict=True):
            total[: steps - lag] += part
    step.finish(sums)


def _check_repeats(again: tuple[Tensor, ...], after: tuple[Tensor, ...]) -> None:
    for one, other in zip(again, after, strict=True):
        tolerance = 1e3 * torch.finfo(other.dtype).eps
        if not torch.allclose(one.detach(), other.flatten(0, 1), tolerance, tolerance):
            raise ValueError(
                "The cell gave another answer when it was applied to all steps at once. Take "
                "dropout and batch normalisation out of it: before the inputs or in loss_fn they "
                "do no harm."
            )


def _checked(inputs: Tensor, state: State, resets: Tensor | None) -> tuple[Tensor, ...]:
    if not isinstance(inputs, Tensor) or not inputs.is_floating_point():
        raise TypeError("inputs must be a floating-point Tensor (steps, batch, features).")
    if inputs.ndim != 3 or not inputs.shape[0]:
        raise ValueError(
            f"inputs must be (steps, batch, features) with at least one step, got shape "
            f"{tuple(inputs.shape)}."
        )
    batch = inputs.shape[1]
    parts = _tuple(state)
    for part in parts:
        if not isinstance(part, Tensor):
            raise TypeError(
                f"state must be a Tensor or a tuple of them, got {type(part).__name__}."
            )
        if part.ndim != 2 or part.shape[0] != batch:
            raise ValueError(
                f"state must be (batch, hidden) with batch {batch}, the second axis of inputs; got "
                f"shape {tuple(part.shape)}."
            )
    if resets is not None:
        if not isinstance(resets, Tensor) or resets.dtype != torch.bool:
            raise TypeError("resets must be a Tensor of bool (steps, batch).")
        if resets.shape != inputs.shape[:2]:
            raise ValueError(
                f"resets must be (steps, batch) = {tuple(inputs.shape[:2])}, got shape "
                f"{tuple(resets.shape)}."
            )
    return tuple(part.detach() for part in parts)


def _tuple(state: State) -> tuple[Tensor, ...]:
    return tuple(state) if isinstance(state, tuple | list) else (state,)


def _over_time(states: list[tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    return tuple(torch.stack(part) for part in zip(*states, strict=True))
