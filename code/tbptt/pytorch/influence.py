r"""What a step carries along of its state's derivative by the weights: all of it, or less.

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

from typing import Any, Protocol

import torch
from torch import Tensor

from tbptt._checks import positive_int
from tbptt.pytorch.arguments import check_tensor, check_tensors
from tbptt.pytorch.influence_checks import check_rows, check_state
from tbptt.pytorch.jacobians import StepJacobians, pattern

Carried = tuple[Tensor, ...]


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

    def select(self, rows: Tensor, carried: Carried, others: Carried) -> Carried:
        """Return what is carried of the rows that are True, and of the others what they have."""


class RTRL:
    """The whole influence, ``(batch, state, weights)``: exact [1]_.

    Raises
    ------
    TypeError, ValueError
        By the methods: if an argument does not fit the cell and its state.

    References
    ----------
    .. [1] R. J. Williams and D. Zipser, "A learning algorithm for continually running fully
       recurrent neural networks", Neural Computation 1(2), 1989.

    Examples
    --------
    >>> import torch
    >>> from tbptt.pytorch.forward_mode import RTRL
    >>> from tbptt.pytorch.jacobians import StepJacobians, pattern
    >>> cell, x, zero = torch.nn.RNNCell(1, 2), torch.ones(1, 1), torch.zeros(1, 2)
    >>> jacobians, method = StepJacobians(cell, 1, zero), RTRL()
    >>> carried = method.advance(method.begin(jacobians, zero), jacobians, x, zero)
    >>> carried[0].shape  # one row, two states, ten weights
    torch.Size([1, 2, 10])
    >>> method.read(carried, error=torch.ones(1, 2)).shape
    torch.Size([10])
    >>> ends = torch.tensor([True])  # a row that begins again owes nothing to the weights
    >>> method.select(ends, method.begin(jacobians, zero), carried)[0].any()
    tensor(False)
    """

    _axes: tuple[tuple[str, ...], ...] = (("batch", "state", "weights"),)

    def begin(self, jacobians: StepJacobians[Any], state: Tensor) -> Carried:
        """Return zeros: the initial state owes nothing to the weights."""
        check_state(jacobians, state)
        return (state.new_zeros(*state.shape, jacobians.size),)

    def advance(
        self, carried: Carried, jacobians: StepJacobians[Any], x: Tensor, state: Tensor
    ) -> Carried:
        """Return ``D J + I``."""
        check_state(jacobians, state)
        wanted = (len(state), jacobians.width, jacobians.size)
        check_tensors("carried", carried, (wanted, *self._axes[1:]), like=state)
        return (jacobians.by_state(x, state) @ carried[0] + jacobians.by_weights(x, state),)

    def read(self, carried: Carried, error: Tensor) -> Tensor:
        """Return ``e J``, summed over rows of the batch."""
        check_tensors("carried", carried, self._axes)
        check_tensor("error", error, tuple(carried[0].shape[:2]), like=carried[0])
        return torch.einsum("bs,bsw->w", error, carried[0])

    def select(self, rows: Tensor, carried: Carried, others: Carried) -> Carried:
        """Return the influence, row by row."""
        check_rows(rows, carried, others, self._axes)
        return (torch.where(rows[:, None, None], carried[0], others[0]),)


class SnAp(RTRL):
    """The entries of the influence that are filled within `order` steps; the others stay zero [1]_.

    Parameters
    ----------
    order : int
        SnAp-1 keeps what a weight does to a state in its own step. The pattern is found by trying
        random inputs and states, so weights that are zero count as connections that are missing.

    Raises
    ------
    TypeError, ValueError
        If `order` is no integer of at least 1; by the methods, as :class:`RTRL`.

    References
    ----------
    .. [1] J. Menick et al., "Practical real time recurrent learning with a sparse approximation",
       ICLR 2021, arXiv:2006.07232.

    Examples
    --------
    >>> import torch
    >>> from tbptt.pytorch.forward_mode import SnAp
    >>> from tbptt.pytorch.jacobians import StepJacobians, pattern
    >>> zero = torch.zeros(1, 2)
    >>> jacobians = StepJacobians(torch.nn.RNNCell(1, 2), 1, zero)
    >>> influence, kept = SnAp(1).begin(jacobians, zero)
    >>> int(kept.sum()), kept.numel()  # a weight touches one state in its own step
    (10, 20)
    """

    _axes = (*RTRL._axes, ("state", "weights"))

    def __init__(self, order: int) -> None:
        self.order = positive_int("order", order)

    def begin(self, jacobians: StepJacobians[Any], state: Tensor) -> Carried:
        """Return zeros, and the pattern."""
        zeros = super().begin(jacobians, state)
        return *zeros, pattern(jacobians, state, self.order).to(state.dtype)

    def advance(
        self, carried: Carried, jacobians: StepJacobians[Any], x: Tensor, state: Tensor
    ) -> Carried:
        """Return ``D J + I`` where the pattern has an entry, else zero."""
        (influence,), keep = super().advance(carried, jacobians, x, state), carried[1]
        return influence * keep, keep

    def select(self, rows: Tensor, carried: Carried, others: Carried) -> Carried:
        """Return the influence, row by row, and the pattern, which is the same for all."""
        return (*super().select(rows, carried, others), carried[1])


class UORO:
    """A random rank-one sketch whose mean is the influence, one for each row of the batch [1]_.

    Parameters
    ----------
    generator : torch.Generator
        Decides the signs.

    Raises
    ------
    TypeError, ValueError
        If `generator` is no ``torch.Generator``; by the methods, as :class:`RTRL`.

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

    _axes = ("batch", "state"), ("batch", "weights")

    def __init__(self, generator: torch.Generator) -> None:
        if not isinstance(generator, torch.Generator):
            raise TypeError(
                f"generator must be a torch.Generator, got {type(generator).__name__}; "
                "torch.Generator().manual_seed(0), say."
            )
        self.generator = generator

    def begin(self, jacobians: StepJacobians[Any], state: Tensor) -> Carried:
        """Return two zero vectors for each row."""
        check_state(jacobians, state)
        return torch.zeros_like(state), state.new_zeros(len(state), jacobians.size)

    def advance(
        self, carried: Carried, jacobians: StepJacobians[Any], x: Tensor, state: Tensor
    ) -> Carried:
        """Return ``(p D s + q n, w / p + n I / q)`` with random signs `n`.

        `p` and `q` balance the norms of the two factors of each product, which keeps the variance
        least.
        """
        check_state(jacobians, state)
        wanted = (len(state), jacobians.width), (len(state), jacobians.size)
        check_tensors("carried", carried, wanted, like=state)
        by_state, by_weights = carried
        signs = self.signs(state)
        moved = torch.einsum("bij,bj->bi", jacobians.by_state(x, state), by_state)
        fresh = jacobians.pull(signs, x, state)
        p, q = _balance(by_weights, moved), _balance(fresh, signs)
        return p * moved + q * signs, by_weights / p + fresh / q

    def signs(self, state: Tensor) -> Tensor:
        """Draw a sign for each part of each row, all of them independent."""
        check_tensor("state", state, ("batch", "state"))
        device = self.generator.device  # which need not be the state's
        drawn = torch.randint(0, 2, state.shape, generator=self.generator, device=device)
        return drawn.to(state) * 2 - 1

    def read(self, carried: Carried, error: Tensor) -> Tensor:
        """Return ``(e s) w``, summed over rows."""
        check_tensors("carried", carried, self._axes)
        check_tensor("error", error, tuple(carried[0].shape), like=carried[0])
        return torch.einsum("bs,bs,bw->w", error, *carried)

    def select(self, rows: Tensor, carried: Carried, others: Carried) -> Carried:
        """Return the two factors, row by row."""
        check_rows(rows, carried, others, self._axes)
        return tuple(
            torch.where(rows[:, None], part, other)
            for part, other in zip(carried, others, strict=True)
        )


def _balance(weights: Tensor, states: Tensor) -> Tensor:
    """Return the factor ``(batch, 1)`` that makes both sides of a product equally long."""
    # Both norms may be zero, as at the first step, and their ratio is then 1.
    tiny = torch.finfo(states.dtype).tiny ** 0.5
    ratio = (weights.norm(dim=1) + tiny) / (states.norm(dim=1) + tiny)
    factor: Tensor = ratio.sqrt()[:, None].clamp(tiny, 1 / tiny)
    return factor
