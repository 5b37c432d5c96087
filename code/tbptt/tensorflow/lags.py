"""All errors move back together, one lag at a time."""

from __future__ import annotations

import tensorflow as tf

from tbptt.tensorflow.checks import Parts, Tensor
from tbptt.tensorflow.steps import Steps


def sums_of_true(steps: Steps, errors: Tensor, zeros: Parts, k2: Tensor) -> Parts:
    """Sum the errors of each step's state where a pass ends at every step, ``k1 = 1``.

    Parameters
    ----------
    steps : Steps
        The steps and their adjoints.
    errors : Tensor, shape (steps, batch, hidden)
        Of the outputs.
    zeros : tuple of Tensor, each (steps, batch, hidden)
        As many and as large as the states.
    k2 : Tensor of int32, ()
        Length of a pass.

    Returns
    -------
    tuple of Tensor, each (steps, batch, hidden)
        Of the states after the steps, summed over all losses.
    """
    # Every step is busy at every lag, so nothing is picked out: what has passed a step moves up to
    # the one before. The output's error enters at its own step alone.
    moving = _earlier(steps.back(errors, zeros))
    reach = tf.minimum(k2, tf.shape(errors)[0])
    # With a reach of 1 no error leaves its own step.
    sums = tuple(tf.where(reach > 1, part, tf.zeros_like(part)) for part in moving)

    def body(lag: Tensor, moving: Parts, sums: Parts) -> tuple[Tensor, Parts, Parts]:
        moving = _earlier(steps.back(None, moving))
        return lag + 1, moving, tuple(s + m for s, m in zip(sums, moving, strict=True))

    return tuple(tf.while_loop(lambda lag, *_: lag < reach, body, (2, moving, sums))[2])


def sums_of_passes(steps: Steps, errors: Tensor, zeros: Parts, k1: Tensor, k2: Tensor) -> Parts:
    """Do the same for passes that end every `k1` steps, side by side: a row a pass.

    At each lag a pass is busy at one step, so there are ``steps / k1`` of them to work on.

    Parameters
    ----------
    steps, errors, zeros, k2
        As for :func:`sums_of_true`.
    k1 : Tensor of int32, ()
        Interval between passes.

    Returns
    -------
    tuple of Tensor, each (steps, batch, hidden)
        Of the states after the steps, summed over all losses.
    """
    n = tf.shape(errors)[0]
    k1 = tf.minimum(k1, n)  # so that sums below stay within int32
    first_loss = tf.range(0, n, k1)
    stops = tf.minimum(first_loss + k1, n)
    # Zeros, as many as there are passes: the first error enters with lag 1, at `stops - 1`.
    moving = tuple(tf.gather(part, first_loss) for part in zeros)

    def body(lag: Tensor, moving: Parts, sums: Parts) -> tuple[Tensor, Parts, Parts]:
        at = stops - lag
        here = tf.maximum(at, 0)  # a pass that has arrived at the first step carries zeros
        # Losses before `first_loss` belong to the pass before: errors only travel through there.
        own = tf.where(_wide(at >= first_loss), tf.gather(errors, here), 0)
        at, moving = at - 1, steps.back_at(here, own, moving)
        moving = tuple(tf.where(_wide(at >= 0), part, 0) for part in moving)
        # Several passes may be at one step, so their shares are added and not written.
        index = tf.maximum(at, 0)[:, None]
        sums = tuple(
            tf.tensor_scatter_nd_add(s, index, m) for s, m in zip(sums, moving, strict=True)
        )
        return lag + 1, moving, sums

    # Of no rows there is nothing to move, and nothing could be added to an empty tensor.
    reach = tf.where(tf.size(errors) > 0, tf.minimum(k2, n), 0)
    return tuple(tf.while_loop(lambda lag, *_: lag < reach, body, (1, moving, zeros))[2])


def _earlier(parts: Parts) -> Parts:
    """Move everything up by a step; nothing comes to the last."""
    return tuple(tf.pad(part[1:], [[0, 1], [0, 0], [0, 0]]) for part in parts)


def _wide(flags: Tensor) -> Tensor:
    return flags[:, None, None]
