"""Training on a stream: an update every `k1` steps, gradients through `k2`, constant memory.

An update changes the weights, so the states that a longer backward pass wants to go back over
are stale, and a tape over several blocks would go back through what the weights used to make of
them. Here the window is run again, from its first state, with the current weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

import tensorflow as tf

from tbptt._blocks import Block, check_block_shape, check_blocks, next_block
from tbptt._calling import called
from tbptt.schedule import Truncation
from tbptt.tensorflow.checks import (
    Parts,
    Tensor,
    check_call,
    check_cell,
    check_flags,
    check_inputs,
    check_variables,
    parts_of,
)
from tbptt.tensorflow.passes import PassResult, run_and_send_back
from tbptt.tensorflow.past import Past, Window
from tbptt.tensorflow.rollback import all_or_nothing
from tbptt.tensorflow.row_flags import RowFlags

S = TypeVar("S")


def online(
    cell: Any,
    loss_fn: Callable[[Tensor, Any], Tensor],
    blocks: Iterable[Block[Tensor] | tuple[Any, ...]],
    state: S,
    truncation: Truncation,
    variables: Sequence[Any],
) -> Iterator[PassResult[S]]:
    """Make one backward pass for each block of a stream, and let you update in between.

    Every pass gives the gradient of its block's loss through the last `k2` steps, run again with
    the current weights: Williams and Peng's BPTT(h; h') with ``h = k2`` and ``h' = k1`` [1]_. As
    long as the weights stay as they are, the passes add up to exactly what
    :func:`tbptt.tensorflow.gradients` gives. With ``k1 = k2`` and blocks of that length this is the
    plain chunked loop: carry the state, stop its gradient, go on. A last block that is shorter
    reaches back over `k2` steps all the same, into the block before.

    Nothing is kept but the last ``k2 - 1`` steps, however long the stream. What is compiled is what
    :func:`tbptt.tensorflow.gradients` compiles, once for a cell. Inside a ``tf.function`` of your
    own the stream becomes a part of that graph, updates included, as many blocks as there are while
    it is traced: each has a known number of steps, and values cannot be looked at there.

    Parameters
    ----------
    cell : keras.Layer
        ``cell(x, states) -> (output, states)``, as for :func:`tbptt.tensorflow.gradients`.
    loss_fn : callable
        ``loss_fn(outputs, targets)`` of one block, a scalar.
    blocks : iterable of Block, or of tuples (inputs, targets[, resets[, mask]])
        The stream, `k1` steps at a time: ``inputs`` are ``(steps, batch, features)`` of the dtype
        that the cell computes in.
    state : tf.Tensor (batch, hidden), or a list or tuple of states
        The state before the first step, nested as the cell wants it. Treated as a constant.
    truncation : Truncation
        `k1` is the block's length, `k2` that of the backward pass.
    variables : list of tf.Variable or keras.Variable
        What gradients are wanted of: the cell's variables and those that `loss_fn` uses.

    Yields
    ------
    PassResult
        ``loss, gradients, outputs, state`` of the block, as from
        :func:`tbptt.tensorflow.gradients`. This is the place for clipping and
        ``optimizer.apply(gradients, variables)``.

    Raises
    ------
    TypeError, ValueError
        If a block is longer than `k1`, follows a shorter one, or does not fit the state or the
        blocks before; or as :func:`tbptt.tensorflow.gradients`. The variables of the cell and those
        listed are as they were before the block then.

    References
    ----------
    .. [1] R. J. Williams and J. Peng, "An efficient gradient-based algorithm for on-line training
       of recurrent network trajectories", Neural Computation 2(4), 1990.

    Examples
    --------
    >>> import keras, tensorflow as tf
    >>> from tbptt import Truncation
    >>> from tbptt.tensorflow import online
    >>> cell, optimizer = keras.layers.GRUCell(8), keras.optimizers.Adam()
    >>> cell.build((None, 1))
    >>> x, weights = tf.zeros((40, 4, 1)), cell.trainable_variables
    >>> stream = zip(tf.split(x, 8), tf.split(x, 8))
    >>> error = lambda outputs, targets: tf.reduce_mean((outputs[:, :, :1] - targets) ** 2)
    >>> passes = online(cell, error, stream, tf.zeros((4, 8)), Truncation(k1=5, k2=20), weights)
    >>> for loss, grads, outputs, state in passes:
    ...     optimizer.apply(grads, weights)
    >>> outputs.shape, state.shape  # of the last block
    (TensorShape([5, 4, 8]), TensorShape([4, 8]))
    """
    check_cell(cell)
    check_call(loss_fn, truncation, "outputs, targets")
    check_blocks(blocks, "zip(tf.split(x, n_blocks), tf.split(y, n_blocks))")
    parts = parts_of(state)
    check_variables(variables)
    return _passes(cell, loss_fn, blocks, parts, truncation, list(variables), state)


def _passes(
    cell: Any,
    loss_fn: Callable[[Tensor, Any], Tensor],
    blocks: Iterable[Block[Tensor] | tuple[Any, ...]],
    parts: Parts,
    truncation: Truncation,
    variables: list[Any],
    like: S,
) -> Iterator[PassResult[S]]:
    past, output, ended = Past(truncation.k2 - 1), None, False
    for item in blocks:
        block = next_block(item, truncation.k1, ended=ended)
        _check(block, cell, parts, truncation)
        steps = int(block.inputs.shape[0])
        ended = steps < truncation.k1
        flags = RowFlags(block.resets, block.mask)
        now = Window(tf.convert_to_tensor(block.inputs), flags, (output, *parts))
        window = past.window(now)
        one_pass = Truncation.epochwise(int(window.inputs.shape[0]))
        with all_or_nothing([*cell.variables, *variables]):
            first, *states = window.first
            result, after = run_and_send_back(
                cell, partial(_loss_of, loss_fn, block.targets, steps), window.inputs,
                tf.nest.pack_sequence_as(like, states), one_pass, variables, window.flags,
                output=first,
            )  # fmt: skip
        if output is None:
            # How wide it is shows now.
            window = window._replace(first=(tf.zeros_like(result.outputs[0]), *states))
        past.keep(window, result.outputs, after)
        output, parts = result.outputs[-1], tuple(part[-1] for part in after)
        yield result._replace(outputs=result.outputs[-steps:])


def _loss_of(
    loss_fn: Callable[[Tensor, Any], Tensor], targets: Any, steps: int, outputs: Tensor
) -> Tensor:
    """Ask the loss of the last steps of a window, those of the block."""
    return called("loss_fn", "(outputs, targets)", loss_fn, outputs[-steps:], targets)


def _check(block: Block[Tensor], cell: Any, parts: Parts, truncation: Truncation) -> None:
    check_inputs(cell, block.inputs, parts)
    check_block_shape(tuple(block.inputs.shape), truncation.k1, parts[0].shape[0])
    check_flags("resets", block.resets, block.inputs)
    check_flags("mask", block.mask, block.inputs)
