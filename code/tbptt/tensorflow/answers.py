"""What the engine asks of the answers that cells and losses give.

Kinds, dtypes and the sizes that are known are checked in every call; values only when the call is
eager, because a graph that is being traced has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tbptt.tensorflow.checks import Parts, Tensor


def scalar_loss(loss: Any) -> Tensor:
    """Check the value of a `loss_fn`.

    Raises
    ------
    TypeError
        If it is no floating-point tensor.
    ValueError
        If it is no scalar, or, in an eager call, not finite.
    """
    if not tf.is_tensor(loss) or not loss.dtype.is_floating:
        kind = loss.dtype.name if tf.is_tensor(loss) else type(loss).__name__
        raise TypeError(f"loss_fn must return a scalar tensor of floating point, got {kind}.")
    if loss.shape.rank:
        raise ValueError(
            f"loss_fn must return a scalar, got shape {loss.shape}: sum over the steps."
        )
    if tf.executing_eagerly() and not tf.math.is_finite(loss):
        raise ValueError(
            f"loss_fn returned {float(loss)}. Look for a learning rate that is too high, or for a "
            "logarithm of zero."
        )
    return loss


def check_returned(output: Any, after: Sequence[Any], x: Tensor, used: Parts) -> None:
    """Check what a cell returned, given the input and the state it was given.

    Raises
    ------
    TypeError
        If the output is no tensor, or the state's parts differ in kind, number or dtype.
    ValueError
        If a shape differs.
    """
    if not tf.is_tensor(output) or output.shape.rank != 2 or output.dtype != x.dtype:
        kind = f"{output.dtype.name} {output.shape}" if tf.is_tensor(output) else repr(output)
        raise TypeError(
            f"The cell's output must be a tensor {x.dtype.name} (batch, hidden), got {kind}."
        )
    if len(after) != len(used) or not all(tf.is_tensor(part) for part in after):
        kinds = ", ".join(type(part).__name__ for part in after)
        raise TypeError(
            f"The cell must return a state of {len(used)} tensor(s), like the one it is given; it "
            f"returned {len(after)}: {kinds}."
        )
    for part, like in zip(after, used, strict=True):
        if part.dtype != like.dtype:
            raise TypeError(
                f"The cell was given a state of {like.dtype.name}, and returned {part.dtype.name}."
            )
        if not part.shape.is_compatible_with(like.shape):
            raise ValueError(
                f"The cell must return a state like the one it is given, {like.shape}; it returned "
                f"{part.shape}."
            )
