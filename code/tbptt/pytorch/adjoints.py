"""One step of any cell, forward and back, for many steps at once: the generic route."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from tbptt.pytorch.checks import Cell, Parts, parts_of
from tbptt.pytorch.rows import Rows


class Adjoint(Protocol):
    """A forward run of a cell over a sequence, and the adjoint of each of its steps.

    Attributes
    ----------
    after : tuple of Tensor, each (steps, batch, hidden)
        The states after every step.
    """

    after: Parts

    def back(self, errors: Parts, at: slice) -> Parts:
        """Take errors of the states after the steps `at` to the states that those steps used.

        Each part is ``(steps at, batch, hidden)``. May write over the errors it is given.
        """

    def finish(self, sums: Parts) -> None:
        """Accumulate the gradients of weights and inputs, given the sums of all errors.

        Each part is ``(steps, batch, hidden)``, of the states after the steps.
        """


def forward(cell: Cell, inputs: Tensor, first: Parts, rows: Rows, *, is_tuple: bool) -> Parts:
    """Run a cell over a sequence; return the states after every step."""
    parts, after = first, []
    for t, x in enumerate(inputs):
        used = rows.enter(t, parts)
        made = parts_of(cell(x, used if is_tuple else used[0]), like=first)
        parts = rows.leave(t, used, made)
        after.append(parts)
    return tuple(torch.stack(part) for part in zip(*after, strict=True))


class Generic:
    """Any cell: its graph over all steps is kept, and one vector-Jacobian product makes a lag.

    Passes that end every `stride` steps only ever meet in steps that lie a multiple of it apart,
    so there is one graph for each remainder, and the work shrinks as the interval grows.
    """

    def __init__(
        self, cell: Cell, inputs: Tensor, first: Parts, rows: Rows, *, stride: int, is_tuple: bool
    ) -> None:
        with torch.no_grad():
            self.after = forward(cell, inputs, first, rows, is_tuple=is_tuple)
        self._stride = min(stride, len(inputs))
        self._leaves: list[Parts] = []
        self._made: list[Parts] = []
        used = rows.used(first, self.after)
        with torch.enable_grad():
            for rest in range(self._stride):
                x = inputs[rest :: self._stride].flatten(0, 1)
                leaves = tuple(
                    part[rest :: self._stride].flatten(0, 1).requires_grad_() for part in used
                )
                made = parts_of(cell(x, leaves if is_tuple else leaves[0]), like=leaves)
                self._check(made, rest, rows)
                self._leaves.append(leaves)
                self._made.append(made)

    def back(self, errors: Parts, at: slice) -> Parts:
        """Run one vector-Jacobian product; the graph's other steps get no error."""
        rest, begin = at.start % self._stride, at.start // self._stride
        leaves, made = self._leaves[rest], self._made[rest]
        n, batch = errors[0].shape[:2]
        inside = slice(begin * batch, (begin + n) * batch)
        full = []
        for error, part in zip(errors, made, strict=True):
            padded = torch.zeros_like(part)
            padded[inside] = error.flatten(0, 1)
            full.append(padded)
        found = torch.autograd.grad(made, leaves, full, retain_graph=True, materialize_grads=True)
        return tuple(part[inside].reshape(n, batch, -1) for part in found)

    def finish(self, sums: Parts) -> None:
        """Let autograd turn the sums into gradients."""
        for rest, made in enumerate(self._made):
            torch.autograd.backward(
                made, tuple(part[rest :: self._stride].flatten(0, 1) for part in sums)
            )

    def _check(self, made: Parts, rest: int, rows: Rows) -> None:
        if not any(part.requires_grad for part in made):
            raise ValueError(
                "The cell's state does not depend on the one before it, as far as autograd can "
                "tell: take .detach(), .data and torch.no_grad() out of the cell."
            )
        mask = None if rows.mask is None else rows.mask[rest :: self._stride].flatten()
        for one, other in zip(made, self.after, strict=True):
            again, once = one.detach(), other[rest :: self._stride].flatten(0, 1)
            if mask is not None:
                again, once = again[mask], once[mask]
            tolerance = 1e3 * torch.finfo(once.dtype).eps
            if not torch.allclose(again, once, tolerance, tolerance):
                raise ValueError(
                    "The cell gave another answer when it was applied to many steps at once. Take "
                    "dropout and batch normalisation out of it: before the inputs or in loss_fn "
                    "they do no harm."
                )
