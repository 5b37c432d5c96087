"""Rows of a batch that begin again, or wait: resets and masks, on the way forward and back."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from tbptt.tensorflow.checks import Parts, Tensor


class RowFlags(NamedTuple):
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

    def at(self, steps: Tensor) -> RowFlags:
        """Return the flags of one step, or of several."""
        return RowFlags(*(None if flags is None else tf.gather(flags, steps) for flags in self))

    def enter(self, parts: Parts) -> Parts:
        """Return the states that steps use, given the states after the steps before.

        Errors come back through a reset in the same way: those of rows that begin are zero.
        """
        if self.resets is None:
            return parts
        begins = self.resets[..., None]
        return tuple(tf.where(begins, tf.zeros_like(part), part) for part in parts)

    def leave(self, before: Parts, after: Parts) -> Parts:
        """Return the states after steps, given what they used and what the cell made.

        Errors come back past a step that a row does not have in the same way, with the two
        exchanged.
        """
        if self.mask is None:
            return after
        has = self.mask[..., None]
        return tuple(tf.where(has, new, old) for new, old in zip(after, before, strict=True))

    def own(self, errors: Tensor) -> Tensor:
        """Leave out errors of steps that a row does not have."""
        if self.mask is None:
            return errors
        return tf.where(self.mask[..., None], errors, tf.zeros_like(errors))

    def stand_in(self, *parts: Tensor) -> Parts:
        """Put what another row has at a step it does have where a row has no step.

        Steps of all rows are worked out together, and those that a row does not have get no error.
        Yet zero times NaN or infinity is NaN, whether the padding holds such a value or the cell
        makes one of the zeros in it, as a division by a norm does.

        Parameters
        ----------
        *parts : Tensor, each (steps, batch, size)
            Inputs and states.
        """
        if self.mask is None:
            return parts
        # The first of the steps that are there; where there are none, a row of ones at the end:
        # a cell may divide by a norm.
        flat = tf.concat([tf.reshape(self.mask, (-1,)), [True]], axis=0)
        first = tf.argmax(tf.cast(flat, tf.int8))
        filled = []
        for part in parts:
            rows = tf.reshape(part, (-1, part.shape[-1]))
            there = tf.gather(tf.pad(rows, [[0, 1], [0, 0]], constant_values=1), first)
            filled.append(tf.where(self.mask[..., None], part, there))
        return tuple(filled)

    def used(self, first: Parts, after: Parts) -> Parts:
        """Return the states that all steps used, given the first and those after all steps."""
        return self.enter(
            tuple(
                tf.concat([before[None], later[:-1]], axis=0)
                for before, later in zip(first, after, strict=True)
            )
        )
