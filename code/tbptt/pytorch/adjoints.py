"""One step of any cell, forward and back, for many steps at once: the generic route."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

import torch
from torch import Tensor

from tbptt.pytorch.alike import are_alike, trial_errors
from tbptt.pytorch.checks import CUT_OFF, check_run
from tbptt.pytorch.row_flags import RowFlags
from tbptt.pytorch.states import Cell, Parts, S
from tbptt.pytorch.steps import run_cell, step


class Adjoint(Protocol):
    """A forward run of a cell over a sequence, and the adjoint of each of its steps.

    Attributes
    ----------
    after : tuple of Tensor, each (steps, batch, hidden)
        The states after every step.
    divisible : bool
        Whether a few steps at a time cost no more than all at once.
    """

    after: Parts
    divisible: bool

    def back(self, errors: Parts, at: slice) -> Parts:
        """Take errors of the states after the steps `at` to the states that those steps used.

        Each part is ``(steps at, batch, hidden)``. May write over the errors it is given.
        """

    def sources(self) -> tuple[Tensor, ...]:
        """Return the tensors that :meth:`finish` returns gradients of."""

    def leaves(self) -> tuple[Tensor, ...]:
        """Return the tensors whose gradients are nobody's but this route's own."""

    def finish(self, sums: Parts) -> tuple[Tensor | None, ...]:
        """Turn the sums of all errors into gradients of the sources.

        Each part is ``(steps, batch, hidden)``, of the states after the steps.
        """


class GenericAdjoint:
    """Any cell: its graph over all steps is kept, and one vector-Jacobian product makes a lag.

    With the states of the forward run at hand no step waits for another: steps are laid along the
    batch axis as rows, and the cell is applied to all of them in one call. That graph is one step
    deep, whatever the length of the sequence. It goes back to all that the cell uses, weights and
    whatever else autograd knows; so the sums over lags are its last errors, and autograd takes
    them on, together with those of the loss.

    Passes that end every `stride` steps only ever meet in steps that lie a multiple of it apart,
    so there is one graph for each remainder, and the work shrinks as the interval grows.

    Parameters
    ----------
    cell, inputs, first, flags, like
        As for :func:`tbptt.pytorch.steps.run_cell`.
    stride : int
        Steps between the ends of passes, `k1`.
    """

    divisible = False  # a product goes through the whole graph, whatever steps it is for

    def __init__(
        self, cell: Cell[S], inputs: Tensor, first: Parts, flags: RowFlags, *, stride: int, like: S
    ) -> None:
        self._stride = min(stride, len(inputs))
        # For each remainder: the graph's inputs, the states it starts from (leaves, so that a
        # product ends there), and the states that the cell returned.
        self._x: list[Tensor] = []
        self._leaves: list[Parts] = []
        self._returned: list[Parts] = []
        self._step: Callable[[Tensor, Parts], Parts] = lambda x, parts: step(cell, x, parts, like)
        self._autocast = uncached_autocast(inputs.device.type)
        with self._autocast, torch.enable_grad():
            # Before anything else: what a cell makes once and keeps must have its graph.
            self._lasts = self._try(*flags.begin(inputs.detach(), first), inputs.requires_grad)
            self.after = run_cell(cell, inputs.detach(), first, flags, like=like)
            check_run(self.after)
            inputs, *used = flags.stand_in(inputs, *flags.used(first, self.after))
            for remainder, x in enumerate(_interleaved(inputs, self._stride)):
                steps = slice(remainder, None, self._stride)
                leaves = tuple(part[steps].flatten(0, 1).requires_grad_() for part in used)
                returned = self._call(x, leaves)
                self._check(returned, steps, flags)
                self._x.append(x)
                self._leaves.append(leaves)
                self._returned.append(returned)

    def back(self, errors: Parts, at: slice) -> Parts:
        """Run one vector-Jacobian product; the graph's other steps get no error."""
        remainder, begin = at.start % self._stride, at.start // self._stride
        returned = self._returned[remainder]
        n, batch = errors[0].shape[:2]
        # Steps are rows of the graph: `n` of them from step number `begin` of this remainder on.
        inside = slice(begin * batch, (begin + n) * batch)
        padded = []
        for error, part in zip(errors, returned, strict=True):
            whole = torch.zeros_like(part)
            whole[inside] = error.flatten(0, 1)
            padded.append(whole)
        shares = self._product(remainder, tuple(padded))
        return tuple(share[inside].reshape(n, batch, share.shape[1]) for share in shares)

    def _product(self, remainder: int, errors: Parts) -> Parts:
        """Take errors back through a graph, or through another like it if it does not last."""
        leaves = self._leaves[remainder]
        if self._lasts:
            try:
                return _product(self._returned[remainder], leaves, errors, keep=True)
            except RuntimeError:
                # Of other sizes it may be compiled in another way than in the trial.
                self._lasts = False
        with self._autocast, torch.enable_grad():
            returned = self._call(self._x[remainder].detach(), leaves)
        return _product(returned, leaves, errors, keep=False)

    def sources(self) -> tuple[Tensor, ...]:
        """Return the states that the cell returned: their graph leads to all that it uses."""
        return tuple(part for _, part in self._attached())

    def leaves(self) -> tuple[Tensor, ...]:
        """Return the states that the graphs start from."""
        return tuple(part for parts in self._leaves for part in parts)

    def finish(self, sums: Parts) -> tuple[Tensor | None, ...]:
        """Return the sums of the steps of each graph."""
        return tuple(
            sums[place][remainder :: self._stride].flatten(0, 1)
            for (remainder, place), _ in self._attached()
        )

    def _attached(self) -> list[tuple[tuple[int, int], Tensor]]:
        """List what the cell returned, by remainder and place, without what it has cut off."""
        return [
            ((remainder, place), part)
            for remainder, parts in enumerate(self._returned)
            for place, part in enumerate(parts)
            if part.requires_grad
        ]

    def _call(self, x: Tensor, leaves: Parts) -> Parts:
        """Apply the cell to copies, which it may work on in place, as no leaf allows."""
        return self._step(x.clone(), tuple(leaf.clone() for leaf in leaves))

    def _try(self, x: Tensor, used: Parts, wants_inputs: bool) -> bool:
        """Send an error and a multiple of it through one step; return whether its graph lasts.

        Some graphs are gone after one product, as that of a compiled cell; then every lag needs a
        new one.
        """
        x = x.clone().requires_grad_(wants_inputs)
        leaves = tuple(part.clone().requires_grad_() for part in used)
        returned = self._call(x, leaves)
        check_run(returned)
        if not any(part.requires_grad for part in returned):
            raise ValueError(CUT_OFF)
        errors = trial_errors(returned)
        larger = tuple(256 * error for error in errors)  # a power of two rounds nothing
        try:
            once = _product(returned, leaves, errors, keep=True)
            again = _product(returned, leaves, larger, keep=True)
            lasts = True
        except RuntimeError:
            once = _product(self._call(x, leaves), leaves, errors, keep=False)
            again = _product(self._call(x, leaves), leaves, larger, keep=False)
            lasts = False
        if not are_alike(again, tuple(256 * share for share in once)):
            raise ValueError(
                "An error 256 times as large comes back through the cell as something else than "
                "256 times as much: a hook or a function of its own clips or rounds errors, say. "
                "Sums of errors then go another way than each by itself. Clip gradients after "
                "this call, or use online, which goes back step by step."
            )
        return lasts

    def _check(self, returned: Parts, steps: slice, flags: RowFlags) -> None:
        """Check that the cell repeats itself."""
        mask = None if flags.mask is None else flags.mask[steps].flatten()
        again, once = (
            [part.detach() for part in returned],
            [after[steps].flatten(0, 1) for after in self.after],
        )
        if mask is not None:
            again, once = [part[mask] for part in again], [part[mask] for part in once]
        if not are_alike(tuple(again), tuple(once)):
            raise ValueError(
                "The cell gave another answer when it was applied to many steps at once. Take "
                "dropout and batch normalisation out of it: before the inputs or in loss_fn "
                "they do no harm."
            )


def _product(returned: Parts, leaves: Parts, errors: Parts, *, keep: bool) -> Parts:
    """Take errors back to leaves; `keep` the graph for more of them."""
    # A part that the cell itself has cut off passes nothing on, and autograd refuses it.
    attached = [
        (part, error) for part, error in zip(returned, errors, strict=True) if part.requires_grad
    ]
    return torch.autograd.grad(
        [part for part, _ in attached], leaves, [error for _, error in attached],
        retain_graph=keep, materialize_grads=True,
    )  # fmt: skip


def _interleaved(inputs: Tensor, stride: int) -> tuple[Tensor, ...]:
    """Return the inputs of each remainder, their steps laid along the batch axis."""
    if stride == 1:
        return (inputs.flatten(0, 1),)
    # One gather and one split, so that their gradients are one pass over memory, too.
    order = [
        torch.arange(remainder, len(inputs), stride, device="cpu") for remainder in range(stride)
    ]
    gathered = inputs.index_select(0, torch.cat(order).to(inputs.device))
    parts = torch.split_with_sizes(gathered, [len(steps) for steps in order])
    return tuple(part.flatten(0, 1) for part in parts)


def uncached_autocast(device_type: str) -> AbstractContextManager[object]:
    """Keep autocast as it is, but without its cache of weights that were cast.

    Autocast casts a weight once and hands the same copy out again. In PyTorch up to 2.8, at least,
    that holds for copies made under ``no_grad``, too, which have no way back to the weight: the
    forward run would leave them for the graph that comes after it, and for the caller,
    whose cache this is. What the caller left there could cut off this graph in the same way.
    """
    if not torch.is_autocast_enabled(device_type):
        return nullcontext()
    dtype = torch.get_autocast_dtype(device_type)
    return torch.autocast(device_type, dtype=dtype, cache_enabled=False)
