"""Rows of a batch that begin again, or wait: resets and masks, on the way forward and back."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tbptt.pytorch.states import Parts


@dataclass(frozen=True)
class RowFlags:
    """Where rows begin again and where they have no step.

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

    def stand_in(self, *parts: Tensor, otherwise: Parts | None = None) -> Parts:
        """Put what another row has at a step it does have where a row has no step.

        Steps of all rows are worked out together, and those that a row does not have get no error.
        Yet zero times NaN or infinity is NaN, and a cell may make such a value of any padding, as a
        division by a norm does of zeros.

        Parameters
        ----------
        *parts : Tensor, each (..., size)
            Inputs and states.
        otherwise : tuple of Tensor, each (1, size), optional
            What stands in where none of these steps is there; without it, the first of them.
        """
        if self.mask is None or not self.mask.numel():
            return parts
        has = self.mask.flatten()
        first = has.to(torch.uint8).argmax()[None]
        filled = []
        for place, part in enumerate(parts):
            row = part.detach().flatten(0, self.mask.ndim - 1).index_select(0, first)
            if otherwise is not None:
                # Without a look at values, for which another device would have to be waited for.
                row = torch.where(has.any(), row, otherwise[place])
            axes = [1] * (part.ndim - self.mask.ndim)
            filled.append(torch.where(self.mask.view(*self.mask.shape, *axes), part, row))
        return tuple(filled)

    def pass_by(self, rates: Tensor, driven: Tensor) -> tuple[Tensor, Tensor]:
        """Return a linear recurrence's rates and what it adds, with resets and waiting in them.

        A rate of 0 is a reset; a rate of 1 to which nothing is added is a step that a row does not
        have.

        Parameters
        ----------
        rates, driven : Tensor, shape (steps, batch, channels)
            As of :func:`tbptt.pytorch.diagonal.scan`.
        """
        if self.mask is not None:
            has = self.mask[..., None]
            rates, driven = torch.where(has, rates, 1), torch.where(has, driven, 0)
        (rates,) = self.enter((rates,))
        return rates, driven

    def hold(self, first: Tensor, outputs: Tensor) -> Tensor:
        """Return outputs that wait where a row has no step.

        Parameters
        ----------
        first : Tensor, shape (batch, hidden)
            The output before the first step.
        outputs : Tensor, shape (steps, batch, hidden)
            Of all steps, those that a row does not have included.
        """
        if self.mask is None:
            return outputs
        # Places in `known`: 0 for the first output, then one for each step. A row that waits has
        # that of its last step, or of a reset since, which put zeros there.
        known = torch.cat([first[None], torch.where(self.mask[..., None], outputs, 0)])
        moved = self.mask if self.resets is None else self.mask | self.resets
        places = torch.arange(1, len(known), device=moved.device)[:, None] * moved
        last = places.cummax(dim=0).values[..., None]
        return known.gather(0, last.expand_as(outputs))

    def begin(self, inputs: Tensor, first: Parts) -> tuple[Tensor, Parts]:
        """Return inputs and states of the first step that any row has, others standing in.

        Parameters
        ----------
        inputs : Tensor, shape (steps, batch, ...)
            Of all steps.
        first : tuple of Tensor, each (batch, hidden)
            The state before the first step.
        """
        if self.mask is None:
            return inputs[0], self.at(0).enter(first)
        t = int(self.mask.any(dim=1).to(torch.uint8).argmax()) if self.mask.numel() else 0
        # No row has moved on before, but some may have begun again.
        resets = None if self.resets is None else self.resets[: t + 1].any(dim=0)
        x, *used = self.at(t).stand_in(inputs[t], *RowFlags(resets).enter(first))
        return x, tuple(used)

    def own_outputs(self, outputs: Tensor) -> Tensor:
        """Return outputs through which no error goes back to a step that a row does not have."""
        if self.mask is None:
            return outputs
        return torch.where(self.mask[..., None], outputs, outputs.detach())


class StandIns:
    """Stand-ins in a run that goes step by step: a cell is handed no padding.

    Where no row has a step, one that had the last step before it stands in, or else the first one
    after it. Only where there is nothing but padding the cell gets that, filled.

    Parameters
    ----------
    flags, inputs, first
        Of the whole run, as for :meth:`RowFlags.begin`.
    """

    def __init__(self, flags: RowFlags, inputs: Tensor, first: Parts) -> None:
        self._row: Parts | None = None
        if flags.mask is not None and flags.mask.numel():
            x, used = flags.begin(inputs, first)
            self._row = _first_row(x, used)

    def fill(self, here: RowFlags, x: Tensor, used: Parts) -> tuple[Tensor, Parts]:
        """Return the inputs and states ``(batch, ...)`` of a step, with stand-ins.

        Parameters
        ----------
        here : RowFlags
            Of this step.
        """
        if self._row is None:
            return x, used
        x, *states = here.stand_in(x, *used, otherwise=self._row)
        self._row = _first_row(x, tuple(states))
        return x, tuple(states)


def _first_row(x: Tensor, used: Parts) -> Parts:
    """Return a row that has its step, or stands in as every other one does."""
    return tuple(part.detach()[:1] for part in (x, *used))
