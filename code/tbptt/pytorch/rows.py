"""Rows of a batch that begin anew, or wait: resets and masks, on the way forward and back."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tbptt.pytorch.checks import Parts


@dataclass(frozen=True)
class Rows:
    """Where rows begin anew and where they have no step.

    Attributes
    ----------
    resets : Tensor of bool, shape (steps, batch), or None
        The row's state is zero before the step.
    mask : Tensor of bool, shape (steps, batch), or None
        False where the row has no step: its state waits.
    """

    resets: Tensor | None = None
    mask: Tensor | None = None

    def enter(self, step: int, parts: Parts) -> Parts:
        """Return the state that a step uses, given the state after the step before."""
        if self.resets is None:
            return parts
        return tuple(part.masked_fill(self.resets[step][:, None], 0) for part in parts)

    def leave(self, step: int, before: Parts, after: Parts) -> Parts:
        """Return the state after a step, given what the step used and what the cell made."""
        if self.mask is None:
            return after
        has = self.mask[step][:, None]
        return tuple(torch.where(has, new, old) for new, old in zip(after, before, strict=True))

    def used(self, first: Parts, after: Parts) -> Parts:
        """Return the states that all steps used, given the first and those after all steps."""
        states = tuple(
            torch.cat([one[None], rest[:-1]]) for one, rest in zip(first, after, strict=True)
        )
        if self.resets is None:
            return states
        return tuple(part.masked_fill(self.resets[..., None], 0) for part in states)

    def back(self, at: slice, before: Parts, after: Parts) -> Parts:
        """Carry errors past the mask and the resets of some steps.

        `before` are errors of the states that the cell used, `after` those it was given back.
        """
        if self.mask is not None:
            has = self.mask[at][..., None]
            before = tuple(torch.where(has, b, a) for b, a in zip(before, after, strict=True))
        if self.resets is not None:
            before = tuple(part.masked_fill(self.resets[at][..., None], 0) for part in before)
        return before

    def own(self, errors: Tensor) -> Tensor:
        """Leave out errors of steps that a row does not have."""
        # Filled and not multiplied: what a loss makes of padding may be infinite.
        return errors if self.mask is None else errors.masked_fill(~self.mask[..., None], 0)
