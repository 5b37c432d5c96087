r"""Gradients that never go back: each step carries its state's derivative by the weights along.

What is carried, and the sources, are in ``tbptt.pytorch.influence`` and, for what stays inside a
unit, in ``tbptt.pytorch.eligibility``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from tbptt.pytorch.all_or_nothing import all_or_nothing
from tbptt.pytorch.checks import check_call, check_gradients_on, check_run
from tbptt.pytorch.eligibility import RFLO, EProp
from tbptt.pytorch.influence import RTRL, UORO, Carried, Method, SnAp
from tbptt.pytorch.jacobians import StepJacobians, pattern
from tbptt.pytorch.row_flags import RowFlags, StandIns
from tbptt.pytorch.sequences import prepared, send_back
from tbptt.pytorch.states import S

__all__ = [
    "RFLO",
    "RTRL",
    "UORO",
    "EProp",
    "ForwardModeResult",
    "Method",
    "SnAp",
    "accumulate",
    "pattern",
]


class ForwardModeResult(NamedTuple, Generic[S]):
    """What :func:`accumulate` returns, apart from the gradients that it left in ``.grad``.

    Attributes
    ----------
    loss, outputs, state
        As of :class:`tbptt.pytorch.PassResult`.
    carried : tuple of Tensor
        What the method carries along, for the next call.

    Examples
    --------
    >>> import torch
    >>> from tbptt.pytorch.forward_mode import RTRL, accumulate
    >>> cell, x, zero = torch.nn.RNNCell(1, 2), torch.ones(5, 1, 1), torch.zeros(1, 2)
    >>> first = accumulate(cell, torch.sum, x, zero, RTRL())
    >>> second = accumulate(cell, torch.sum, x, first.state, RTRL(), first.carried)
    >>> second.outputs.shape, second.carried[0].shape  # one row, two states, ten weights
    (torch.Size([5, 1, 2]), torch.Size([1, 2, 10]))
    """

    loss: Tensor
    outputs: Tensor
    state: S
    carried: Carried


def accumulate(
    cell: nn.Module,
    loss_fn: Callable[[Tensor], Tensor],
    inputs: Tensor,
    state: S,
    method: Method,
    carried: Carried | None = None,
    *,
    resets: Tensor | None = None,
    mask: Tensor | None = None,
) -> ForwardModeResult[S]:
    """Run a cell over a sequence and accumulate gradients without going back.

    Parameters
    ----------
    cell : nn.Module
        ``cell(x, state) -> state`` for one step, rows apart, as for `tbptt.pytorch.backward`. Its
        derivatives are made by ``torch.func``: no branches that depend on values.
    loss_fn : callable
        As for `tbptt.pytorch.backward`; what it uses gets its gradient as well.
    inputs : Tensor, shape (steps, batch, features)
        Time-major; they get no gradient.
    state : Tensor (batch, hidden), or tuple or list of them
        The state before the first step. The cell is handed states of the same kind.
    method : RTRL, SnAp, UORO, EProp or RFLO
        What is carried.
    carried : tuple of Tensor, optional
        What the call before returned, so that errors of this chunk count for the weights of
        chunks before it; None where a sequence begins. It is exact while the weights stay as
        they are; after an update it holds derivatives of the old ones.
    resets, mask : Tensor of bool, shape (steps, batch), optional
        As for `tbptt.pytorch.backward`.

    Returns
    -------
    ForwardModeResult
        ``loss, outputs, state``, as from `tbptt.pytorch.backward`, and what is carried, for the
        next call.

    Raises
    ------
    TypeError, ValueError
        If arguments are of the wrong kind or shape, a value is NaN or infinite, `inputs` require a
        gradient, which only going back would give, the cell uses weights that are not its own or
        mixes rows, ``torch.func`` cannot follow it, or the loss does not depend on the outputs. No
        gradient has been accumulated then.
    RuntimeError
        If gradients are switched off.

    Examples
    --------
    >>> import torch
    >>> from tbptt import Truncation
    >>> from tbptt.pytorch import backward
    >>> from tbptt.pytorch.forward_mode import RTRL, accumulate
    >>> cell, x, zero = torch.nn.GRUCell(1, 4), torch.ones(8, 1, 1), torch.zeros(1, 4)
    >>> loss, outputs, state, carried = accumulate(cell, torch.sum, x, zero, RTRL())
    >>> ahead, cell.weight_hh.grad = cell.weight_hh.grad, None
    >>> loss, outputs, state = backward(cell, torch.sum, x, zero, Truncation.true(8))
    >>> torch.allclose(ahead, cell.weight_hh.grad, atol=1e-4)
    True
    """
    check_gradients_on()
    check_call(cell, loss_fn)
    filled, first, flags = prepared(inputs, state, resets, mask)
    if inputs.requires_grad:
        raise ValueError("inputs get no gradient here: pass inputs.detach(), or use backward.")
    _check_method(method)
    jacobians = StepJacobians(cell, inputs.shape[2], state)
    generator = getattr(method, "generator", None)
    with all_or_nothing(inputs.device, cell, generator=generator) as keep:
        run = _Run(jacobians, method, filled, torch.cat(first, dim=1), flags, carried)
        outputs = run.after[:, :, : first[0].shape[1]]
        loss = send_back(loss_fn, _outputs(run, outputs, *jacobians.learned.values()), keep)
    return ForwardModeResult(loss, outputs, jacobians.pack(run.after[-1]), run.carried)


class _Run:
    """A forward run; what is carried is taken along once errors are known."""

    def __init__(
        self,
        jacobians: StepJacobians[Any],
        method: Method,
        inputs: Tensor,
        now: Tensor,
        flags: RowFlags,
        carried: Carried | None,
    ) -> None:
        self.jacobians, self._method, self._flags = jacobians, method, flags
        all_x, all_used, after = [], [], []
        stand_ins = StandIns(flags, inputs, (now,))
        for t, given in enumerate(inputs):
            here = flags.at(t)
            before = here.enter((now,))
            x, (used,) = stand_ins.fill(here, given, before)
            all_x.append(x)
            all_used.append(used)
            (now,) = here.leave(before, (jacobians.step(x, used),))
            after.append(now)
        # With stand-ins, as the derivatives are made at the same places.
        self._inputs, self._used = torch.stack(all_x), torch.stack(all_used)
        self.after = torch.stack(after)
        check_run((self.after,))
        # Not at the first step: from a state of zeros, mixed rows of it are the same.
        jacobians.check(self._inputs[-1], self._used[-1])
        self._fresh = method.begin(jacobians, self._used[0])
        self.carried = self._fresh if carried is None else _checked(carried, self._fresh)

    def read(self, errors: Tensor) -> Tensor:
        """Carry on from step to step; return the gradient of all errors ``(steps, batch, hidden)``.

        The other parts of the state have no errors of their own.
        """
        whole = torch.zeros_like(self.after)
        whole[:, :, : errors.shape[2]] = self._flags.own(errors)
        carried, total = self.carried, self.after.new_zeros(self.jacobians.size)
        for t, (x, used, error) in enumerate(zip(self._inputs, self._used, whole, strict=True)):
            here = self._flags.at(t)
            if here.resets is not None:
                carried = self._method.select(here.resets, self._fresh, carried)
            further = self._method.advance(carried, self.jacobians, x, used)
            if here.mask is not None:
                further = self._method.select(here.mask, further, carried)
            carried = further
            total += self._method.read(carried, error)
        self.carried = carried
        return total


def _check_method(method: Any) -> None:
    needed = [getattr(method, name, None) for name in ("begin", "advance", "read", "select")]
    if isinstance(method, type) or not all(map(callable, needed)):
        raise TypeError(
            "method must be RTRL(), SnAp(order), UORO(generator), EProp(), RFLO(decay) or another "
            f"with their methods, got {method!r}."
        )


def _checked(carried: Any, fresh: Carried) -> Carried:
    """Return what is carried, if it is like what the method begins with."""
    wanted = [(tuple(part.shape), part.dtype) for part in fresh]
    if not isinstance(carried, tuple) or wanted != [
        (tuple(part.shape), part.dtype) if isinstance(part, Tensor) else part for part in carried
    ]:
        raise ValueError(
            "carried must be what the call before returned, with the same method, cell and batch: "
            f"tensors {', '.join(f'{dtype} {shape}' for shape, dtype in wanted)}."
        )
    return carried


class _Outputs(torch.autograd.Function):
    """A run's outputs, as autograd sees them: their errors become gradients without going back.

    So hooks of weights, and weights that the loss uses as well, are autograd's affair.
    """

    @staticmethod
    def forward(ctx: Any, run: _Run, outputs: Tensor, *weights: Tensor) -> Tensor:
        ctx.run = run
        # A copy: a loss that works in place must not write over the states.
        return outputs.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *errors: Tensor) -> tuple[Tensor | None, ...]:
        run = ctx.run
        return None, None, *run.jacobians.split(run.read(errors[0]))


_outputs: Callable[..., Tensor] = _Outputs.apply
