"""Rows of a batch that begin anew, or wait: resets and masks, on the way forward and back."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tbptt.pytorch.states import Parts


@dataclass(frozen=True)
class RowFlags:
    """Where rows begin anew and where they have no step.

    All methods take tensors ``(..., hidden)`` that fit these flags ``(...)``.

    Attributes
    ----------
    resets : Tensor of bool, shape (steps, batch), or None
        The row's state is zero before the step.
    mask : Tensor of bool, shape (steps, batch), or None
        False where the row has no step: its state waits.
    """

    resets: Tensor | None = None
    mask: Tensor | None = None

    def at(self, steps: int | slice) -> RowFlags:
        """Return the flags of one step, or of several."""
        return RowFlags(
            *(None if flags is None else flags[steps] for flags in (self.resets, self.mask))
        )

    def enter(self, parts: Parts) -> Parts:
        """Return the states that steps use, given the states after the steps before.

        Errors come back through a reset in the same way: those of rows that begin are zero.
        """
        if self.resets is None:
            return parts
        return tuple(part.masked_fill(self.resets[..., None], 0) for part in parts)

    def leave(self, before: Parts, after: Parts) -> Parts:
        """Return the states after steps, given what they used and what the cell made.

        Errors come back past a step that a row does not have in the same way, with the two
        exchanged.
        """
        if self.mask is None:
            return after
        has = self.mask[..., None]
        return tuple(torch.where(has, new, old) for new, old in zip(after, before, strict=True))

    def used(self, first: Parts, after: Parts) -> Parts:
        """Return the states that all steps used, given the first and those after all steps."""
        return self.enter(
            tuple(
                torch.cat([before[None], later[:-1]])
                for before, later in zip(first, after, strict=True)
            )
        )

    def own(self, errors: Tensor) -> Tensor:
        """Leave out errors of steps that a row does not have."""
        # Filled and not multiplied: what a loss makes of padding may be infinite.
        return errors if self.mask is None else errors.masked_fill(~self.mask[..., None], 0)

    def own_outputs(self, outputs: Tensor) -> Tensor:
        """Return outputs through which no error goes back to a step that a row does not have."""
        if self.mask is None:
            return outputs
        return torch.where(self.mask[..., None], outputs, outputs.detach())
