"""One step of any cell, forward and back, for many steps at once: the generic route."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

import torch
from torch import Tensor

from tbptt.pytorch.row_flags import RowFlags
from tbptt.pytorch.states import Cell, Parts, S, pack, parts_of


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


def run_cell(cell: Cell[S], inputs: Tensor, first: Parts, flags: RowFlags, *, like: S) -> Parts:
    """Run a cell over a sequence; return the states after every step.

    The cell is handed states of the kind of `like`.
    """
    now, after = first, []
    for t, x in enumerate(inputs):
        here = flags.at(t)
        used = here.enter(now)
        now = here.leave(used, parts_of(cell(x, pack(used, like)), like=first))
        after.append(now)
    return tuple(torch.stack(part) for part in zip(*after, strict=True))


class GenericAdjoint:
    """Any cell: its graph over all steps is kept, and one vector-Jacobian product makes a lag.

    With the states of the forward run at hand no step waits for another: steps are laid along the
    batch axis as rows, and the cell is applied to all of them in one call. That graph is one step
    deep, whatever the length of the sequence.

    Passes that end every `stride` steps only ever meet in steps that lie a multiple of it apart,
    so there is one graph for each remainder, and the work shrinks as the interval grows.

    Parameters
    ----------
    cell, inputs, first, flags, like
        As for :func:`run_cell`.
    stride : int
        Steps between the ends of passes, `k1`.
    """

    def __init__(
        self, cell: Cell[S], inputs: Tensor, first: Parts, flags: RowFlags, *, stride: int, like: S
    ) -> None:
        self._stride = min(stride, len(inputs))
        self._inputs = inputs
        # For each remainder: the graph's inputs, the states it starts from (leaves, so that a
        # product ends there), and the states that the cell returned.
        self._x: list[Tensor] = []
        self._leaves: list[Parts] = []
        self._returned: list[Parts] = []
        with _uncached_autocast(inputs.device.type):
            with torch.no_grad():
                self.after = run_cell(cell, inputs, first, flags, like=like)
            used = flags.used(first, self.after)
            with torch.enable_grad():
                for remainder in range(self._stride):
                    steps = slice(remainder, None, self._stride)
                    x = inputs[steps].detach().flatten(0, 1)
                    x.requires_grad_(inputs.requires_grad)
                    leaves = tuple(part[steps].flatten(0, 1).requires_grad_() for part in used)
                    returned = parts_of(cell(x, pack(leaves, like)), like=leaves)
                    self._check(returned, steps, flags)
                    self._x.append(x)
                    self._leaves.append(leaves)
                    self._returned.append(returned)

    def back(self, errors: Parts, at: slice) -> Parts:
        """Run one vector-Jacobian product; the graph's other steps get no error."""
        remainder, begin = at.start % self._stride, at.start // self._stride
        leaves, returned = self._leaves[remainder], self._returned[remainder]
        n, batch = errors[0].shape[:2]
        # Steps are rows of the graph: `n` of them from step number `begin` of this remainder on.
        inside = slice(begin * batch, (begin + n) * batch)
        padded = []
        for error, part in zip(errors, returned, strict=True):
            whole = torch.zeros_like(part)
            whole[inside] = error.flatten(0, 1)
            padded.append(whole)
        # A part that the cell itself has cut off passes nothing on, and autograd refuses it.
        attached = [
            (part, error)
            for part, error in zip(returned, padded, strict=True)
            if part.requires_grad
        ]
        shares = torch.autograd.grad(
            [part for part, _ in attached], leaves, [error for _, error in attached],
            retain_graph=True, materialize_grads=True,
        )  # fmt: skip
        return tuple(share[inside].reshape(n, batch, share.shape[1]) for share in shares)

    def sources(self) -> tuple[Tensor, ...]:
        """Return the inputs, and an anchor.

        What else the cell uses only autograd knows. The anchor requires a gradient, so that the
        outputs do, and :meth:`finish` is reached, even where the inputs require none.
        """
        return self._inputs, torch.zeros((), requires_grad=True)

    def finish(self, sums: Parts) -> tuple[Tensor | None, ...]:
        """Let autograd turn the sums into gradients, all of them in one pass."""
        after, errors = [], []
        for remainder, returned in enumerate(self._returned):
            for part, total in zip(returned, sums, strict=True):
                if part.requires_grad:
                    after.append(part)
                    errors.append(total[remainder :: self._stride].flatten(0, 1))
        # Into `.grad` of whatever the cell uses: hooks and shared weights are autograd's affair.
        torch.autograd.backward(after, errors)
        if not self._inputs.requires_grad:
            return None, None
        of_inputs = torch.zeros_like(self._inputs)
        for remainder, x in enumerate(self._x):
            if x.grad is not None:
                steps = of_inputs[remainder :: self._stride]
                steps.copy_(x.grad.view_as(steps))
        return of_inputs, None

    def _check(self, returned: Parts, steps: slice, flags: RowFlags) -> None:
        """Check that the graph holds together, and that the cell repeats itself."""
        if not any(part.requires_grad for part in returned):
            raise ValueError(
                "The cell's state does not depend on the one before it, as far as autograd can "
                "tell: take .detach(), .data and torch.no_grad() out of the cell."
            )
        mask = None if flags.mask is None else flags.mask[steps].flatten()
        for part, after in zip(returned, self.after, strict=True):
            again, once = part.detach(), after[steps].flatten(0, 1)
            if mask is not None:
                again, once = again[mask], once[mask]
            # Sums in another order round otherwise: a thousand times the last place, and no more
            # than a tenth, which is what so many last places of bfloat16 would exceed.
            tolerance = min(1e3 * torch.finfo(once.dtype).eps, 0.1)
            if not torch.allclose(again, once, tolerance, tolerance, equal_nan=True):
                raise ValueError(
                    "The cell gave another answer when it was applied to many steps at once. Take "
                    "dropout and batch normalisation out of it: before the inputs or in loss_fn "
                    "they do no harm."
                )


def _uncached_autocast(device_type: str) -> AbstractContextManager[object]:
    """Keep autocast as it is, but without its cache of weights that were cast.

    Autocast casts a weight once and hands the same copy out again. In PyTorch up to 2.8, at least,
    that holds for copies made under ``no_grad``, too, which have no way back to the weight: the
    forward run would leave them behind for the graph that comes after it, and for the caller,
    whose cache this is. What the caller left there could cut off this graph in the same way.
    """
    if not torch.is_autocast_enabled(device_type):
        return nullcontext()
    dtype = torch.get_autocast_dtype(device_type)
    return torch.autocast(device_type, dtype=dtype, cache_enabled=False)
