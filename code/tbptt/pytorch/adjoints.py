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

    def sources(self) -> tuple[Tensor, ...]:
        """Return the tensors that :meth:`finish` returns gradients of."""

    def finish(self, sums: Parts) -> tuple[Tensor | None, ...]:
        """Turn the sums of all errors into gradients of the sources.

        Each part is ``(steps, batch, hidden)``, of the states after the steps.
        """


def forward(cell: Cell, inputs: Tensor, first: Parts, rows: Rows, *, is_tuple: bool) -> Parts:
    """Run a cell over a sequence; return the states after every step."""
    parts, after = first, []
    for t, x in enumerate(inputs):
        here = rows.at(t)
        used = here.enter(parts)
        made = parts_of(cell(x, used if is_tuple else used[0]), like=first)
        parts = here.leave(used, made)
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
        # Under autocast PyTorch keeps the weights that it has cast: those of no_grad, up to 2.8 at
        # least, without a way back to the weights themselves.
        torch.clear_autocast_cache()
        self._stride = min(stride, len(inputs))
        self._inputs = inputs
        self._x: list[Tensor] = []
        self._leaves: list[Parts] = []
        self._made: list[Parts] = []
        used = rows.used(first, self.after)
        with torch.enable_grad():
            for rest in range(self._stride):
                x = inputs[rest :: self._stride].detach().flatten(0, 1)
                x.requires_grad_(inputs.requires_grad)
                leaves = tuple(
                    part[rest :: self._stride].flatten(0, 1).requires_grad_() for part in used
                )
                made = parts_of(cell(x, leaves if is_tuple else leaves[0]), like=leaves)
                self._check(made, rest, rows)
                self._x.append(x)
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
        # Parts that the cell has cut off itself pass nothing on.
        ways = [(part, error) for part, error in zip(made, full, strict=True) if part.requires_grad]
        found = torch.autograd.grad(
            [part for part, _ in ways], leaves, [error for _, error in ways],
            retain_graph=True, materialize_grads=True,
        )  # fmt: skip
        return tuple(part[inside].reshape(n, batch, part.shape[1]) for part in found)

    def sources(self) -> tuple[Tensor, ...]:
        """Return the inputs, and an anchor: what else the cell uses only autograd knows."""
        return self._inputs, torch.zeros((), requires_grad=True)

    def finish(self, sums: Parts) -> tuple[Tensor | None, ...]:
        """Let autograd turn the sums into gradients, all of them in one pass."""
        after, errors = [], []
        for rest, made in enumerate(self._made):
            for part, total in zip(made, sums, strict=True):
                if part.requires_grad:
                    after.append(part)
                    errors.append(total[rest :: self._stride].flatten(0, 1))
        torch.autograd.backward(after, errors)
        if not self._inputs.requires_grad:
            return None, None
        of_inputs = torch.zeros_like(self._inputs)
        for rest, x in enumerate(self._x):
            if x.grad is not None:
                of_inputs[rest :: self._stride] = x.grad.view_as(of_inputs[rest :: self._stride])
        return of_inputs, None

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
            tolerance = min(1e3 * torch.finfo(once.dtype).eps, 0.1)
            if not torch.allclose(again, once, tolerance, tolerance, equal_nan=True):
                raise ValueError(
                    "The cell gave another answer when it was applied to many steps at once. Take "
                    "dropout and batch normalisation out of it: before the inputs or in loss_fn "
                    "they do no harm."
                )
