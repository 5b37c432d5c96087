r"""Gradients that never go back: each step carries its state's derivative by the weights along.

With ``D = dh_t / dh_{t-1}`` and ``I`` the derivative of `h_t` by the weights of step `t` alone, the
influence ``J_t = D J_{t-1} + I`` is the derivative of `h_t` by all weights that were ever used.
An error becomes a gradient at once, ``e_t J_t``. `J` has a row for each part of the state and
a column for each weight; the approximations keep some of its entries or a random sketch.

Sources: R. J. Williams and D. Zipser, "A learning algorithm for continually running fully recurrent
neural networks", Neural Computation 1(2), 1989 (RTRL); J. Menick et al., "Practical real time
recurrent learning with a sparse approximation", ICLR 2021, arXiv:2006.07232 (SnAp); C. Tallec and
Y. Ollivier, "Unbiased online recurrent optimization", ICLR 2018, arXiv:1702.05043 (UORO).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from tbptt._checks import positive_int
from tbptt.pytorch.checks import check_finite, check_shapes, scalar_loss
from tbptt.pytorch.jacobians import StepJacobians
from tbptt.pytorch.states import S, parts_of

__all__ = ["RTRL", "UORO", "ForwardModeResult", "Method", "SnAp", "accumulate", "pattern"]

Carried = tuple[Tensor, ...]


class ForwardModeResult(NamedTuple, Generic[S]):
    """What :func:`accumulate` returns, beside the gradients that it left in ``.grad``.

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


class Method(Protocol):
    """What is carried along in place of the influence, and how an error reads it.

    Examples
    --------
    >>> import torch
    >>> from tbptt import Truncation
    >>> from tbptt.pytorch import backward
    >>> from tbptt.pytorch.forward_mode import RTRL, accumulate
    >>> class NoMemory(RTRL):  # what weights did to earlier states is forgotten
    ...     def advance(self, carried, jacobians, x, state):
    ...         return (jacobians.by_weights(x, state),)
    >>> cell, x, zero = torch.nn.RNNCell(1, 2), torch.ones(5, 1, 1), torch.zeros(1, 2)
    >>> loss, outputs, state, carried = accumulate(cell, torch.sum, x, zero, NoMemory())
    >>> ahead, cell.weight_hh.grad = cell.weight_hh.grad, None
    >>> loss, outputs, state = backward(cell, torch.sum, x, zero, Truncation.true(1))
    >>> torch.allclose(ahead, cell.weight_hh.grad, atol=1e-4)  # a reach of one step
    True
    """

    def begin(self, jacobians: StepJacobians[Any], state: Tensor) -> Carried:
        """Return what is carried before the first step."""

    def advance(
        self, carried: Carried, jacobians: StepJacobians[Any], x: Tensor, state: Tensor
    ) -> Carried:
        """Take it over one step, from the state before the step."""

    def read(self, carried: Carried, error: Tensor) -> Tensor:
        """Turn errors ``(batch, state)`` into a gradient ``(weights,)``."""


class RTRL:
    """The whole influence, ``(batch, state, weights)``: exact [1]_.

    References
    ----------
    .. [1] R. J. Williams and D. Zipser, "A learning algorithm for continually running fully
       recurrent neural networks", Neural Computation 1(2), 1989.

    Examples
    --------
    >>> import torch
    >>> from tbptt.pytorch.forward_mode import RTRL
    >>> from tbptt.pytorch.jacobians import StepJacobians
    >>> cell, x, zero = torch.nn.RNNCell(1, 2), torch.ones(1, 1), torch.zeros(1, 2)
    >>> jacobians, method = StepJacobians(cell, 1, zero), RTRL()
    >>> carried = method.advance(method.begin(jacobians, zero), jacobians, x, zero)
    >>> carried[0].shape  # one row, two states, ten weights
    torch.Size([1, 2, 10])
    >>> method.read(carried, error=torch.ones(1, 2)).shape
    torch.Size([10])
    """

    def begin(self, jacobians: StepJacobians[Any], state: Tensor) -> Carried:
        """Return zeros: the initial state owes nothing to the weights."""
        return (state.new_zeros(*state.shape, jacobians.size),)

    def advance(
        self, carried: Carried, jacobians: StepJacobians[Any], x: Tensor, state: Tensor
    ) -> Carried:
        """Return ``D J + I``."""
        return (jacobians.by_state(x, state) @ carried[0] + jacobians.by_weights(x, state),)

    def read(self, carried: Carried, error: Tensor) -> Tensor:
        """Return ``e J``, summed over rows of the batch."""
        return torch.einsum("bs,bsw->w", error, carried[0])


class SnAp(RTRL):
    """The entries of the influence that are filled within `order` steps; the others stay zero [1]_.

    Parameters
    ----------
    order : int
        SnAp-1 keeps what a weight does to a state in its own step. The pattern is found by trying
        random inputs and states, so weights that are zero count as connections that are missing.

    References
    ----------
    .. [1] J. Menick et al., "Practical real time recurrent learning with a sparse approximation",
       ICLR 2021, arXiv:2006.07232.

    Examples
    --------
    >>> import torch
    >>> from tbptt.pytorch.forward_mode import SnAp
    >>> from tbptt.pytorch.jacobians import StepJacobians
    >>> zero = torch.zeros(1, 2)
    >>> jacobians = StepJacobians(torch.nn.RNNCell(1, 2), 1, zero)
    >>> influence, kept = SnAp(1).begin(jacobians, zero)
    >>> int(kept.sum()), kept.numel()  # a weight touches one state in its own step
    (10, 20)
    """

    def __init__(self, order: int) -> None:
        self.order = positive_int("order", order)

    def begin(self, jacobians: StepJacobians[Any], state: Tensor) -> Carried:
        """Return zeros, and the pattern."""
        return (
            *super().begin(jacobians, state),
            pattern(jacobians, state, self.order).to(state.dtype),
        )

    def advance(
        self, carried: Carried, jacobians: StepJacobians[Any], x: Tensor, state: Tensor
    ) -> Carried:
        """Return ``D J + I`` where the pattern has an entry, else zero."""
        (influence,), keep = super().advance(carried, jacobians, x, state), carried[1]
        return influence * keep, keep


class UORO:
    """A random rank-one sketch whose mean is the influence, one for each row of the batch [1]_.

    Parameters
    ----------
    generator : torch.Generator
        Decides the signs.

    References
    ----------
    .. [1] C. Tallec and Y. Ollivier, "Unbiased online recurrent optimization", ICLR 2018,
       arXiv:1702.05043.

    Examples
    --------
    >>> import torch
    >>> from tbptt.pytorch.forward_mode import UORO, accumulate
    >>> method = UORO(torch.Generator().manual_seed(0))
    >>> method.signs(torch.zeros(2, 8)).abs().sum()  # each is 1 or -1
    tensor(16.)
    >>> cell, x, zero = torch.nn.GRUCell(1, 8), torch.ones(5, 1, 1), torch.zeros(1, 8)
    >>> loss, outputs, state, carried = accumulate(cell, torch.sum, x, zero, method)
    >>> [sketch.shape for sketch in carried]  # not their product
    [torch.Size([1, 8]), torch.Size([1, 264])]
    """

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    def begin(self, jacobians: StepJacobians[Any], state: Tensor) -> Carried:
        """Return two zero vectors for each row."""
        return torch.zeros_like(state), state.new_zeros(len(state), jacobians.size)

    def advance(
        self, carried: Carried, jacobians: StepJacobians[Any], x: Tensor, state: Tensor
    ) -> Carried:
        """Return ``(p D s + q n, w / p + n I / q)`` with random signs `n`.

        `p` and `q` balance the norms of the two factors of each product, which keeps the variance
        least.
        """
        by_state, by_weights = carried
        signs = self.signs(state)
        moved = torch.einsum("bij,bj->bi", jacobians.by_state(x, state), by_state)
        fresh = jacobians.pull(signs, x, state)
        p, q = _balance(by_weights, moved), _balance(fresh, signs)
        return p * moved + q * signs, by_weights / p + fresh / q

    def signs(self, state: Tensor) -> Tensor:
        """Draw a sign for each part of each row, all of them independent."""
        return torch.randint(0, 2, state.shape, generator=self.generator).to(state) * 2 - 1

    def read(self, carried: Carried, error: Tensor) -> Tensor:
        """Return ``(e s) w``, summed over rows."""
        return torch.einsum("bs,bs,bw->w", error, *carried)


def accumulate(
    cell: nn.Module,
    loss_fn: Callable[[Tensor], Tensor],
    inputs: Tensor,
    state: S,
    method: Method,
    carried: Carried | None = None,
) -> ForwardModeResult[S]:
    """Run a cell over a sequence and accumulate gradients without going back.

    Parameters
    ----------
    cell : nn.Module
        ``cell(x, state) -> state`` for one step, rows apart, as for `tbptt.pytorch.backward`.
    loss_fn : callable
        As for `tbptt.pytorch.backward`; what it uses gets its gradient as well.
    inputs : Tensor, shape (steps, batch, features)
        Time-major; they get no gradient.
    state : Tensor (batch, hidden), or tuple or list of them
        The state before the first step. The cell is handed states of the same kind.
    method : RTRL, SnAp or UORO
        What is carried.
    carried : tuple of Tensor, optional
        What the call before returned, so that errors of this chunk count for the weights of
        chunks before it; None where a sequence begins. It is exact while the weights stay as
        they are; after an update it holds derivatives of the old ones.

    Returns
    -------
    ForwardModeResult
        ``loss, outputs, state``, as from `tbptt.pytorch.backward`, and what is carried, for the
        next call.

    Raises
    ------
    TypeError, ValueError
        If arguments are of the wrong kind or shape, a value is NaN or infinite, or `inputs`
        require a gradient, which only going back would give.

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
    first = tuple(part.detach() for part in parts_of(state))
    check_shapes(inputs, first)
    check_finite(inputs, first)
    if inputs.requires_grad:
        raise ValueError("inputs get no gradient here: pass inputs.detach(), or use backward.")
    jacobians = StepJacobians(cell, inputs.shape[2], state)
    now = torch.cat(first, dim=1)
    if carried is None:
        carried = method.begin(jacobians, now)
    states = [now]
    for x in inputs:
        states.append(jacobians.step(x, states[-1]))
    hidden = first[0].shape[1]
    outputs = torch.stack([after[:, :hidden] for after in states[1:]]).requires_grad_()
    loss = scalar_loss(loss_fn(outputs))
    loss.backward()
    errors = torch.zeros_like(torch.stack(states[1:]))
    if outputs.grad is not None:
        errors[:, :, :hidden] = outputs.grad
    total = now.new_zeros(jacobians.size)
    for x, before, error in zip(inputs, states, errors, strict=False):
        carried = method.advance(carried, jacobians, x, before)
        total += method.read(carried, error)
    jacobians.add_to_grad(total)
    last = jacobians.pack(states[-1])
    return ForwardModeResult(loss.detach(), outputs.detach(), last, carried)


def pattern(jacobians: StepJacobians[Any], state: Tensor, order: int, tries: int = 8) -> Tensor:
    """Say which weight can touch which part of the state within `order` steps.

    Returns
    -------
    Tensor of bool, shape (state, weights)
        Found by derivatives at random inputs and states.

    Examples
    --------
    >>> import torch
    >>> from tbptt.pytorch.forward_mode import pattern
    >>> from tbptt.pytorch.jacobians import StepJacobians
    >>> zero = torch.zeros(1, 2)
    >>> jacobians = StepJacobians(torch.nn.RNNCell(1, 2), 1, zero)
    >>> pattern(jacobians, zero, order=1).sum(dim=1)  # weights that touch a state in one step
    tensor([5, 5])
    >>> pattern(jacobians, zero, order=2).sum(dim=1)  # in two steps: all ten
    tensor([10, 10])
    """
    generator = torch.Generator().manual_seed(0)
    x, at = (
        torch.randn(tries, size, generator=generator).to(state)
        for size in (jacobians.features, state.shape[1])
    )
    reached = (jacobians.by_weights(x, at) != 0).any(dim=0)
    moves = (jacobians.by_state(x, at) != 0).any(dim=0).to(state.dtype)
    for _ in range(order - 1):
        reached = reached | (moves @ reached.to(state.dtype) > 0)
    return reached


def _balance(weights: Tensor, states: Tensor) -> Tensor:
    """Return the factor ``(batch, 1)`` that makes both sides of a product equally long."""
    # Both norms may be zero, as at the first step, and their ratio is then 1.
    tiny = torch.finfo(states.dtype).tiny ** 0.5
    ratio = (weights.norm(dim=1) + tiny) / (states.norm(dim=1) + tiny)
    factor: Tensor = ratio.sqrt()[:, None].clamp(tiny, 1 / tiny)
    return factor
