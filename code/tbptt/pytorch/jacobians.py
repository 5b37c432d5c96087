"""The derivatives of one step of any cell, by its state and by its weights, row by row."""

from __future__ import annotations

from functools import partial
from typing import Any, Generic

import torch
from torch import Tensor, nn
from torch.func import jacrev, vjp, vmap

from tbptt._checks import instance, lengths, positive_int
from tbptt.pytorch.alike import are_alike
from tbptt.pytorch.arguments import check_tensor
from tbptt.pytorch.slots import Slots
from tbptt.pytorch.states import Parts, S, pack, parts_of
from tbptt.pytorch.steps import step

__all__ = ["StepJacobians"]


class StepJacobians(Generic[S]):
    """One step as a function of a flat state ``(batch, state)`` and of flat weights.

    Parameters
    ----------
    cell : nn.Module
        ``cell(x, state) -> state``, each row of the batch by itself.
    features : int
        Width of the inputs.
    state : Tensor (batch, hidden), or tuple or list of them
        A state as the cell is handed it: its kind, and the width of each part.

    Attributes
    ----------
    learned : dict of str to Parameter
        The weights that require a gradient, by name.
    size : int
        Number of those weights.
    width : int
        Width of a flat state.
    like : Tensor
        The first part of `state`, whose dtype and device inputs and states of steps have.

    Raises
    ------
    TypeError, ValueError
        If `cell` is no module or has no weights that require a gradient, `features` is no integer
        of at least 1, or `state` is none; by the methods, if a tensor does not fit.

    Examples
    --------
    >>> import torch
    >>> from tbptt.pytorch.jacobians import StepJacobians
    >>> cell, x, zero = torch.nn.LSTMCell(1, 2), torch.ones(3, 1), torch.zeros(3, 2)
    >>> jacobians, flat = StepJacobians(cell, 1, (zero, zero)), torch.zeros(3, 4)
    >>> [part.shape for part in jacobians.parts(jacobians.step(x, flat))]
    [torch.Size([3, 2]), torch.Size([3, 2])]
    >>> jacobians.by_state(x, flat).shape, jacobians.by_weights(x, flat).shape
    (torch.Size([3, 4, 4]), torch.Size([3, 4, 40]))
    >>> gradient = jacobians.pull(torch.ones(3, 4), x, flat).sum(dim=0)
    >>> [tuple(share.shape) for share in jacobians.split(gradient)]
    [(8, 1), (8, 2), (8,), (8,)]
    >>> rows = torch.randn(3, 40)  # weights of each row's own
    >>> jacobians.step_apart(rows, x, flat).shape
    torch.Size([3, 4])
    >>> jacobians.check(x, flat)
    >>> len(jacobians.pack(flat))
    2
    """

    def __init__(self, cell: nn.Module, features: int, state: S) -> None:
        if not isinstance(cell, nn.Module):
            raise TypeError(f"cell must be an nn.Module, got {type(cell).__name__}.")
        self.cell, self.features = cell, positive_int("features", features)
        parts = parts_of(state)
        self._like, self.like = state, parts[0]
        self._sizes = [part.shape[1] for part in parts]
        self.width = sum(self._sizes)
        self._slots = Slots(cell)
        self.learned = self._slots.weights
        if not self.learned:
            raise ValueError("The cell has no weights that require a gradient.")
        self.size = sum(w.numel() for w in self.learned.values())

    def parts(self, flat: Tensor) -> Parts:
        """Return the parts of a flat state."""
        check_tensor("flat", flat, ("batch", self.width))
        return self._parts(flat)

    def _parts(self, flat: Tensor) -> Parts:
        parts: Parts = torch.split_with_sizes(flat, self._sizes, dim=1)
        return parts

    def pack(self, flat: Tensor) -> S:
        """Return a flat state as the cell has it."""
        return pack(self.parts(flat), self._like)

    def step(self, x: Tensor, state: Tensor) -> Tensor:
        """Return the flat state after a step, without a graph."""
        self._check_step(x, state)
        with torch.no_grad():
            after = step(self.cell, x.clone(), self._parts(state.clone()), self._like)
            return torch.cat(after, dim=1)

    # Of no rows nothing is asked: on a GPU vmap has no rule for some kernels with none.
    def by_state(self, x: Tensor, state: Tensor) -> Tensor:
        """Return ``(batch, state, state)``: row i is how part i of the new state moves."""
        self._check_step(x, state)
        if not len(x):
            return state.new_zeros(0, self.width, self.width)
        of_row = jacrev(self._step_of_row, argnums=2)
        jacobian: Tensor = vmap(of_row, in_dims=(None, 0, 0))(self._weights(), x, state)
        return jacobian

    def by_weights(self, x: Tensor, state: Tensor) -> Tensor:
        """Return ``(batch, state, weights)``."""
        self._check_step(x, state)
        if not len(x):
            return state.new_zeros(0, self.width, self.size)
        of_row = jacrev(self._step_of_row)
        jacobians = vmap(of_row, in_dims=(None, 0, 0))(self._weights(), x, state)
        return torch.cat([jacobians[name].flatten(2) for name in self.learned], dim=2)

    def pull(self, errors: Tensor, x: Tensor, state: Tensor) -> Tensor:
        """Return ``(batch, weights)``: each row's error times its derivative by the weights."""
        self._check_step(x, state)
        check_tensor("errors", errors, tuple(state.shape), like=state)
        if not len(x):
            return state.new_zeros(0, self.size)
        weights = self._weights()

        def pull_row(error: Tensor, x: Tensor, state: Tensor) -> dict[str, Tensor]:
            pull = vjp(lambda weights: self._step_of_row(weights, x, state), weights)[1]
            shares: dict[str, Tensor] = pull(error)[0]
            return shares

        shares = vmap(pull_row)(errors, x, state)
        return torch.cat([shares[name].flatten(1) for name in self.learned], dim=1)

    def step_apart(self, weights: Tensor, x: Tensor, state: Tensor) -> Tensor:
        """Return the flat state after a step in which each row has weights ``(batch, weights)``."""
        self._check_step(x, state)
        check_tensor("weights", weights, (len(x), self.size), like=state)
        if not len(x):
            return torch.empty_like(state)
        shares = torch.split_with_sizes(weights, [w.numel() for w in self.learned.values()], dim=1)
        of_rows = {
            name: share.unflatten(1, weight.shape)
            for share, (name, weight) in zip(shares, self.learned.items(), strict=True)
        }

        def of_row(weights: dict[str, Tensor], x: Tensor, state: Tensor) -> Tensor:
            # Inside vjp PyTorch's cells come apart into operations that vmap can follow.
            after: Tensor = vjp(lambda state: self._step_of_row(weights, x, state), state)[0]
            return after

        after: Tensor = vmap(of_row)(of_rows, x, state)
        return after

    def split(self, gradient: Tensor) -> tuple[Tensor, ...]:
        """Return the share of each weight, in its shape, of a flat gradient."""
        check_tensor("gradient", gradient, (self.size,))
        shares = torch.split_with_sizes(gradient, [w.numel() for w in self.learned.values()])
        # Copies: gradients of different weights must not share memory.
        return tuple(
            share.view_as(weight).clone()
            for share, weight in zip(shares, self.learned.values(), strict=True)
        )

    def check(self, x: Tensor, state: Tensor) -> None:
        """Check that derivatives can be made, and are by all that the cell uses.

        Raises
        ------
        ValueError
            If the cell uses tensors that require a gradient and are no weights of its own, mixes
            rows of the batch, or cannot be followed by ``torch.func``.
        """
        self._check_step(x, state)
        x, state = x.detach(), state.detach()
        copies = {name: w.detach().requires_grad_() for name, w in self.learned.items()}
        with torch.enable_grad():
            after = self._step_with(copies, x, state)
        others = self._slots.strangers(after, list(copies.values()))
        if others:
            raise ValueError(
                f"The cell uses {', '.join(others)}, to which no gradient would come: make it a "
                "parameter of the cell's, or use backward."
            )
        try:
            self.pull(torch.ones_like(state[:1]), x[:1], state[:1])
        except RuntimeError as error:
            raise ValueError(
                "torch.func cannot take derivatives of the cell, which must not branch on values, "
                f"draw random numbers or write into buffers; backward can. It says: {error}"
            ) from error
        with torch.no_grad():
            alone = self._step_with(self._weights(), x[-1:], state[-1:])
        if not are_alike((alone,), (after[-1:].detach(),)):
            raise ValueError(
                "The cell gave another answer when it was applied to a row alone, but derivatives "
                "are made for each by itself. Take what mixes rows out of it, or use online."
            )

    def _check_step(self, x: Any, state: Any) -> None:
        """Check a step's input and flat state."""
        check_tensor("x", x, ("batch", self.features), like=self.like)
        check_tensor("state", state, (len(x), self.width), like=self.like)

    def _weights(self) -> dict[str, Tensor]:
        return {name: w.detach() for name, w in self.learned.items()}

    def _step_of_row(self, weights: dict[str, Tensor], x: Tensor, state: Tensor) -> Tensor:
        """One row: flat state ``(state,)`` to flat state."""
        return self._step_with(weights, x[None], state[None])[0]

    def _step_with(self, weights: dict[str, Tensor], x: Tensor, state: Tensor) -> Tensor:
        call = partial(self._slots.call, weights)
        # Copies, for a cell that works in place.
        return torch.cat(step(call, x.clone(), self._parts(state.clone()), self._like), dim=1)


def pattern(jacobians: StepJacobians[Any], state: Tensor, order: int, tries: int = 8) -> Tensor:
    """Say which weight can touch which part of the state within `order` steps.

    Parameters
    ----------
    jacobians : StepJacobians
        Of the cell.
    state : Tensor, shape (batch, state)
        A flat state, of the cell's dtype and device.
    order : int
        Number of steps.
    tries : int
        Number of random inputs and states.

    Returns
    -------
    Tensor of bool, shape (state, weights)
        Found by derivatives at random inputs and states.

    Raises
    ------
    TypeError, ValueError
        If one of them is something else.

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
    instance("jacobians", jacobians, StepJacobians, "StepJacobians(cell, features, state)")
    order, tries = lengths(order=order, tries=tries)
    check_tensor("state", state, ("batch", jacobians.width), like=jacobians.like)
    generator = torch.Generator().manual_seed(0)
    x, at = (
        torch.randn(tries, size, generator=generator, device="cpu").to(state)
        for size in (jacobians.features, state.shape[1])
    )
    reached = (jacobians.by_weights(x, at) != 0).any(dim=0)
    moves = (jacobians.by_state(x, at) != 0).any(dim=0).to(state.dtype)
    for _ in range(order - 1):
        reached = reached | (moves @ reached.to(state.dtype) > 0)
    return reached
