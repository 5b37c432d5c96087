"""The last steps of a stream, kept so that a window can be run again."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from tbptt._blocks import check_follows
from tbptt.tensorflow.checks import Parts, Tensor
from tbptt.tensorflow.row_flags import RowFlags


class Window(NamedTuple):
    """Steps that are run together.

    Attributes
    ----------
    inputs : Tensor, shape (steps, batch, features)
        Their number is known, in a graph as well.
    flags : RowFlags
        Their resets and mask.
    first : tuple of Tensor, each (batch, hidden)
        Output and state before the first of them; of a stream's first block there is no output,
        None.
    """

    inputs: Tensor
    flags: RowFlags
    first: Parts


class Past:
    """The last steps of a stream: inputs, flags, and the outputs and states before them."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        # With what is before each step in the place of what is before the first.
        self._kept: Window | None = None

    def window(self, block: Window) -> Window:
        """Return the window that ends with a block."""
        if self._kept is None:
            return block
        inputs, flags, before = self._kept
        check_follows(
            *((part.dtype.name, tuple(part.shape[1:])) for part in (block.inputs, inputs))
        )
        kept = int(inputs.shape[0])
        old = min(kept, self._steps + 1 - int(block.inputs.shape[0]))
        if not old:
            return block
        last = tf.range(kept - old, kept)
        both, earlier = (tf.gather(inputs, last), block.inputs), flags.at(last)
        resets = _joined(earlier.resets, block.flags.resets, both, missing=False)
        mask = _joined(earlier.mask, block.flags.mask, both, missing=True)
        first = tuple(part[-old] for part in before)
        return Window(tf.concat(both, 0), RowFlags(resets, mask), first)

    def keep(self, window: Window, outputs: Tensor, after: Parts) -> None:
        """Remember what the next window may need, and let go of the rest.

        Parameters
        ----------
        window : Window
            What was run.
        outputs : Tensor, shape (steps, batch, hidden)
            Its outputs.
        after : tuple of Tensor, each (steps, batch, hidden)
            The states after its steps.
        """
        if self._steps:
            steps = int(window.inputs.shape[0])
            last = tf.range(max(steps - self._steps, 0), steps)
            before = window.flags.used(window.first, (outputs, *after))
            self._kept = Window(
                tf.gather(window.inputs, last),
                window.flags.at(last),
                tuple(tf.gather(part, last) for part in before),
            )


def _joined(
    before: Tensor | None, now: Tensor | None, both: Parts, *, missing: bool
) -> Tensor | None:
    """Return the flags of a window, of which the steps of the past or the block may have none."""
    if before is None and now is None:
        return None
    flags = (
        tf.fill(tf.shape(inputs)[:2], missing) if part is None else part
        for part, inputs in zip((before, now), both, strict=True)
    )
    return tf.concat(list(flags), 0)
