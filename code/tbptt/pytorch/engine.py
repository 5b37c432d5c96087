"""Exact truncated gradients, batched by lag: no loop over errors.

A loop over errors walks each one back by itself, ``steps * k2`` small steps one after another.
Here all errors move together, one lag at a time. Keep every state of one forward run; at lag `j`
a single vector-Jacobian product takes what every pass has gathered from the step ``j`` before its
last to the one before that; sum the adjoints that land on each step; at the end one more product
turns the sums into the gradients of weights and inputs. The chain of dependent operations is `k2`
long, and the work ``k2 / k1`` backward sweeps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from tbptt.pytorch.adjoints import Adjoint
from tbptt.pytorch.all_or_nothing import all_or_nothing
from tbptt.pytorch.checks import check_call, check_gradients_on, check_truncation
from tbptt.pytorch.routes import run_adjoint
from tbptt.pytorch.row_flags import RowFlags
from tbptt.pytorch.sequences import prepared, send_back
from tbptt.pytorch.states import Cell, Parts, PassResult, S, pack
from tbptt.schedule import Truncation


def backward(
    cell: Cell[S],
    loss_fn: Callable[[Tensor], Tensor],
    inputs: Tensor,
    state: S,
    truncation: Truncation,
    *,
    resets: Tensor | None = None,
    mask: Tensor | None = None,
    derived: bool | None = None,
) -> PassResult[S]:
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
    state : Tensor (batch, hidden), or tuple or list of them
        The state before the first step; its first part is the output. Treated as a constant. The
        cell is handed states of the same kind, be it a NamedTuple of yours.
    truncation : Truncation
        Which error reaches which step.
    resets : Tensor of bool, shape (steps, batch), optional
        Where True, the row's state is zero before the step, and no gradient crosses.
    mask : Tensor of bool, shape (steps, batch), optional
        False where a row has no step, as where it is padded: its state waits there, whatever the
        inputs are, and errors of such a step are left out. `k2` counts these steps too.
    derived : bool, optional
        Whether derivatives worked out by hand are used, which exist for ``nn.RNNCell``,
        ``nn.GRUCell``, ``nn.LSTMCell`` and a `StackedCell` of them, as `as_cell` makes it;
        otherwise autograd makes them, for any cell. The result is the same. By default they are
        used where one call of the cell shows that it is nothing but PyTorch's function of its
        weights: a cell that is hooked, patched or wrapped is not. True insists, False forbids.

    Returns
    -------
    PassResult
        ``loss, outputs, state``: a detached scalar; the detached outputs ``(steps, batch,
        hidden)``; and the state after the last step, detached, of the kind of `state`, ready for
        the next chunk.

    Raises
    ------
    TypeError
        If `inputs`, `state`, `resets`, `mask`, what the cell returns, or the loss are no tensors
        of the right kind, dtype or device.
    RuntimeError
        If gradients are switched off.
    ValueError
        If shapes do not fit, a value is NaN or infinite, the loss is not a scalar or does not
        depend on the outputs, nothing requires a gradient, the cell does not repeat itself or
        clips the errors that go back through it, or `derived` is True and cannot be.

    Notes
    -----
    After any error, be it one of the cell's, the loss's or a hook's, ``.grad``, the random state
    and the cell's buffers are as they were.

    Derivatives by hand call the cell once, and once more for each step with `resets` or `mask`, or
    where PyTorch's fused loop would round otherwise than the cell: on a GPU it is cuDNN's, which
    takes float32 for TF32 and errs by some 3e-4, unless it is told not to. After
    ``torch.backends.cudnn.allow_tf32 = False`` it is used there, too, and a call is much faster.
    Otherwise it is called once for a trial, once for each step without a graph, and ``k1`` times
    for many steps at once: hooks of the cell see these calls. Hooks of weights see the whole
    gradient, once.

    References
    ----------
    .. [1] R. J. Williams and J. Peng, "An efficient gradient-based algorithm for on-line training
       of recurrent network trajectories", Neural Computation 2(4), 1990.

    Examples
    --------
    >>> import torch
    >>> from tbptt import Truncation
    >>> from tbptt.pytorch import backward
    >>> cell, x = torch.nn.GRUCell(1, 8), torch.zeros(100, 4, 1, requires_grad=True)
    >>> last = lambda outputs: outputs[-1].sum()  # one loss, at the end
    >>> zero, truncation = torch.zeros(4, 8), Truncation(k1=1, k2=20)
    >>> loss, outputs, state = backward(cell, last, x, zero, truncation)
    >>> outputs.shape, state.shape
    (torch.Size([100, 4, 8]), torch.Size([4, 8]))
    >>> x.grad.any(dim=(1, 2)).sum()  # its error has reached 20 steps
    tensor(20)
    """
    check_gradients_on()
    check_call(cell, loss_fn)
    check_truncation(truncation)
    filled, first, flags = prepared(inputs, state, resets, mask)
    with all_or_nothing(inputs.device, cell) as keep:
        adjoint = run_adjoint(
            cell, filled, first, flags, stride=truncation.k1, like=state, derived=derived
        )
        outputs = _outputs(adjoint, truncation, flags, *adjoint.sources())
        loss = send_back(loss_fn, outputs, keep, inputs=inputs, own=adjoint.leaves())
    last = tuple(part[-1].clone() for part in adjoint.after)
    return PassResult(loss, adjoint.after[0], pack(last, state))


# So many numbers of a state a thread works on at a time: what one lag leaves is still in the cache
# when the next one needs it.
_AT_ONCE = 100_000


class _Outputs(torch.autograd.Function):
    """A run's outputs, as autograd sees them: their errors go back truncated.

    So one ``loss.backward()`` does everything, and whatever autograd knows about the weights, such
    as hooks, sharing, or what they are computed from, holds here as well.
    """

    @staticmethod
    def forward(
        ctx: Any, adjoint: Adjoint, truncation: Truncation, flags: RowFlags, *sources: Tensor
    ) -> Tensor:
        ctx.run = adjoint, truncation, flags
        # A copy: a loss that works in place must not write over the states.
        return adjoint.after[0].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *errors: Tensor) -> tuple[Tensor | None, ...]:
        adjoint, truncation, flags = ctx.run
        sums = _carry_back(adjoint, flags.own(errors[0]), truncation, flags)
        # Nothing for the three arguments that are no tensors, then a gradient for each source.
        return None, None, None, *adjoint.finish(sums)


_outputs: Callable[..., Tensor] = _Outputs.apply


def _carry_back(adjoint: Adjoint, errors: Tensor, truncation: Truncation, flags: RowFlags) -> Parts:
    """Move the errors of all passes back together; return their sums at each step's state.

    ``moving[i]`` is what pass `i` has gathered so far: the error of the state that it has reached,
    summed over the losses that it owns. At each lag all passes go one step back at once.
    """
    sums = tuple(torch.zeros_like(part) for part in adjoint.after)
    at_once = _AT_ONCE * torch.get_num_threads() // max(errors[0].numel(), 1)
    size = max(at_once, 1) if adjoint.divisible else len(errors)
    for stops, owned in _groups(truncation, len(errors), size):
        # Lag 0: each pass begins at its last step, with the error of that step's output. The
        # state's other parts (an LSTM's cell) have none: groups come in order of time, so that no
        # pass has been at this step, and their sums are still zero.
        at = _behind(stops, 0)
        moving = tuple(part[at].clone() for part in (errors, *sums[1:]))
        _add(sums, at, moving)
        for lag in range(1, min(truncation.k2, stops[-1])):
            # `back` may write over its errors, and rows without a step need theirs again.
            after = moving if flags.mask is None else tuple(part.clone() for part in moving)
            here = flags.at(at)
            # The forward run's order reversed: past the cell or a missing step, then the reset.
            moving = here.enter(here.leave(after, adjoint.back(moving, at)))
            at = _behind(stops, lag)
            # Passes that have arrived at the first step go no further: the earliest, so the first.
            arrived = len(moving[0]) - len(range(len(errors))[at])
            moving = tuple(part[arrived:] for part in moving)
            if lag < owned:  # the step's own loss belongs to this pass, too
                moving[0].add_(errors[at])
            _add(sums, at, moving)
    return tuple(flags.own(part) for part in sums)


def _groups(truncation: Truncation, steps: int, size: int) -> Iterator[tuple[range, int]]:
    """Yield ends of at most `size` passes, and the number of losses that each pass owns.

    They are evenly spaced, and in order of time. A last pass that owns fewer losses than the
    others is a group of its own.
    """
    k1 = truncation.k1
    stops = range(k1, steps + 1, k1)
    for first in range(0, len(stops), size):
        yield stops[first : first + size], k1
    if steps % k1:
        yield range(steps, steps + 1), steps % k1


def _behind(stops: range, lag: int) -> slice:
    """Return the steps that lie `lag` before the last steps of the passes, as a slice.

    Passes that would lie before the first step are left out. A negative start would count from
    the end; the remainder is the first of those steps that exists.
    """
    last = range(stops.start - 1 - lag, stops.stop - 1 - lag, stops.step)
    return slice(last.start if last.start >= 0 else last.start % last.step, last.stop, last.step)


def _add(sums: Parts, at: slice, moving: Parts) -> None:
    for total, part in zip(sums, moving, strict=True):
        total[at].add_(part)
