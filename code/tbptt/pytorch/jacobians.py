"""The derivatives of one step of any cell, by its state and by its weights, row by row."""

from __future__ import annotations

from typing import Generic

import torch
from torch import Tensor, nn
from torch.func import functional_call, jacrev, vjp, vmap

from tbptt.pytorch.states import Parts, S, flatten, pack, parts_of

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
    >>> jacobians.add_to_grad(gradient)
    >>> cell.weight_hh.grad.shape, len(jacobians.pack(flat))
    (torch.Size([8, 2]), 2)
    """

    def __init__(self, cell: nn.Module, features: int, state: S) -> None:
        if not isinstance(cell, nn.Module):
            raise TypeError(f"cell must be an nn.Module, got {type(cell).__name__}.")
        self.cell, self.features = cell, features
        self._like, self._sizes = state, [part.shape[1] for part in flatten(state)]
        self.learned = {name: w for name, w in cell.named_parameters() if w.requires_grad}
        if not self.learned:
            raise ValueError("The cell has no weights that require a gradient.")
        self.size = sum(w.numel() for w in self.learned.values())

    def parts(self, flat: Tensor) -> Parts:
        """Return the parts of a flat state."""
        parts: Parts = torch.split_with_sizes(flat, self._sizes, dim=1)
        return parts

    def pack(self, flat: Tensor) -> S:
        """Return a flat state as the cell has it."""
        return pack(self.parts(flat), self._like)

    def step(self, x: Tensor, state: Tensor) -> Tensor:
        """Return the flat state after a step, without a graph."""
        with torch.no_grad():
            after = parts_of(self.cell(x, self.pack(state)), like=self.parts(state))
            return torch.cat(after, dim=1)

    def by_state(self, x: Tensor, state: Tensor) -> Tensor:
        """Return ``(batch, state, state)``: row i is how part i of the new state moves."""
        of_row = jacrev(self._step_of_row, argnums=2)
        jacobian: Tensor = vmap(of_row, in_dims=(None, 0, 0))(self._weights(), x, state)
        return jacobian

    def by_weights(self, x: Tensor, state: Tensor) -> Tensor:
        """Return ``(batch, state, weights)``."""
        of_row = jacrev(self._step_of_row)
        jacobians = vmap(of_row, in_dims=(None, 0, 0))(self._weights(), x, state)
        return torch.cat([jacobians[name].flatten(2) for name in self.learned], dim=2)

    def pull(self, errors: Tensor, x: Tensor, state: Tensor) -> Tensor:
        """Return ``(batch, weights)``: each row's error times its derivative by the weights."""
        weights = self._weights()

        def pull_row(error: Tensor, x: Tensor, state: Tensor) -> dict[str, Tensor]:
            pull = vjp(lambda weights: self._step_of_row(weights, x, state), weights)[1]
            shares: dict[str, Tensor] = pull(error)[0]
            return shares

        shares = vmap(pull_row)(errors, x, state)
        return torch.cat([shares[name].flatten(1) for name in self.learned], dim=1)

    def add_to_grad(self, gradient: Tensor) -> None:
        """Add a flat gradient to the weights' ``.grad``, as ``backward`` does."""
        sizes = [w.numel() for w in self.learned.values()]
        for weight, share in zip(
            self.learned.values(), torch.split_with_sizes(gradient, sizes), strict=True
        ):
            shaped = share.view_as(weight).clone()
            weight.grad = shaped if weight.grad is None else weight.grad + shaped

    def _weights(self) -> dict[str, Tensor]:
        return {name: w.detach() for name, w in self.learned.items()}

    def _step_of_row(self, weights: dict[str, Tensor], x: Tensor, state: Tensor) -> Tensor:
        """One row: flat state ``(state,)`` to flat state."""
        given = self.pack(state[None])
        after = functional_call(self.cell, weights, (x[None], given))
        return torch.cat(parts_of(after, like=flatten(given)), dim=1)[0]
