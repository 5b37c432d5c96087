"""The derivatives of one step of any cell, by its state and by its weights, row by row."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, jacrev, vjp, vmap

from tbptt.pytorch.checks import Parts, State, parts_of


class Local:
    """One step as a function of a flat state ``(batch, state)`` and of flat weights.

    Parameters
    ----------
    cell : nn.Module
        ``cell(x, state) -> state``, each row of the batch by itself.
    features : int
        Width of the inputs.
    sizes : sequence of int
        Width of each part of the state.
    is_tuple : bool
        Whether the cell takes a tuple.

    Attributes
    ----------
    size : int
        Number of weights that are learned.
    """

    def __init__(
        self, cell: nn.Module, features: int, sizes: Sequence[int], is_tuple: bool
    ) -> None:
        if not isinstance(cell, nn.Module):
            raise TypeError(f"cell must be an nn.Module, got {type(cell).__name__}.")
        self.cell, self.features, self.sizes, self.is_tuple = cell, features, list(sizes), is_tuple
        self.learned = {name: w for name, w in cell.named_parameters() if w.requires_grad}
        if not self.learned:
            raise ValueError("The cell has no weights that require a gradient.")
        self.size = sum(w.numel() for w in self.learned.values())

    def bare(self, flat: Tensor) -> State:
        """Return a flat state as the cell has it."""
        parts = self.parts(flat)
        return parts if self.is_tuple else parts[0]

    def parts(self, flat: Tensor) -> Parts:
        """Return the parts of a flat state."""
        parts: Parts = torch.split_with_sizes(flat, self.sizes, dim=1)
        return parts

    def step(self, x: Tensor, state: Tensor) -> Tensor:
        """Return the flat state after a step, without a graph."""
        with torch.no_grad():
            after = parts_of(self.cell(x, self.bare(state)), like=self.parts(state))
            return torch.cat(after, dim=1)

    def by_state(self, x: Tensor, state: Tensor) -> Tensor:
        """Return ``(batch, state, state)``: row i is how part i of the new state moves."""
        weights = {name: w.detach() for name, w in self.learned.items()}
        found: Tensor = vmap(jacrev(self._one, argnums=2), in_dims=(None, 0, 0))(weights, x, state)
        return found

    def by_weights(self, x: Tensor, state: Tensor) -> Tensor:
        """Return ``(batch, state, weights)``."""
        weights = {name: w.detach() for name, w in self.learned.items()}
        found = vmap(jacrev(self._one), in_dims=(None, 0, 0))(weights, x, state)
        return torch.cat([found[name].flatten(2) for name in self.learned], dim=2)

    def pull(self, errors: Tensor, x: Tensor, state: Tensor) -> Tensor:
        """Return ``(batch, weights)``: each row's error times its derivative by the weights."""
        weights = {name: w.detach() for name, w in self.learned.items()}

        def one(error: Tensor, x: Tensor, state: Tensor) -> dict[str, Tensor]:
            pull = vjp(lambda w: self._one(w, x, state), weights)[1]
            shares: dict[str, Tensor] = pull(error)[0]
            return shares

        found = vmap(one)(errors, x, state)
        return torch.cat([found[name].flatten(1) for name in self.learned], dim=1)

    def accumulate(self, gradient: Tensor) -> None:
        """Add a flat gradient to the weights' ``.grad``, as ``backward`` does."""
        sizes = [w.numel() for w in self.learned.values()]
        for weight, share in zip(
            self.learned.values(), torch.split_with_sizes(gradient, sizes), strict=True
        ):
            shaped = share.view_as(weight).clone()
            weight.grad = shaped if weight.grad is None else weight.grad + shaped

    def _one(self, weights: dict[str, Tensor], x: Tensor, state: Tensor) -> Tensor:
        """One row: flat state ``(state,)`` to flat state."""
        given = self.bare(state[None])
        after = functional_call(self.cell, weights, (x[None], given))
        return torch.cat(parts_of(after, like=parts_of(given)), dim=1)[0]
