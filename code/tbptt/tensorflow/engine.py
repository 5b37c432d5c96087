"""Exact truncated gradients, batched by lag: no loop over errors.

A loop over errors walks each one back by itself, ``steps * k2`` small steps one after another.
Here all errors move together, one lag at a time. Keep every state of one forward run; at lag `j`
a single vector-Jacobian product takes what every pass has gathered from the step ``j`` before its
last to the one before that; sum the adjoints that land on each step; at the end one more product
turns the sums into the gradients of weights and inputs. The chain of dependent operations is `k2`
long, and the work ``k2 / k1`` backward sweeps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import tensorflow as tf

from tbptt.schedule import Truncation
from tbptt.tensorflow.checks import (
    Tensor,
    check_call,
    check_cell,
    check_flags,
    check_inputs,
    check_variables,
    parts_of,
)
from tbptt.tensorflow.passes import PassResult, run_and_send_back
from tbptt.tensorflow.rollback import all_or_nothing
from tbptt.tensorflow.row_flags import RowFlags

S = TypeVar("S")


def gradients(
    cell: Any,
    loss_fn: Callable[[Tensor], Tensor],
    inputs: Tensor,
    state: S,
    truncation: Truncation,
    variables: Sequence[Any],
    *,
    resets: Tensor | None = None,
    mask: Tensor | None = None,
) -> PassResult[S]:
    """Run a cell over a sequence and return truncated gradients.

    The gradient is the sum, over all losses, of that loss's gradient through the steps that
    ``truncation.reach`` allows and no others [1]_.

    The run and the way back are compiled once for a cell and used again; `loss_fn` is called as
    it stands, so that it sees the targets of the moment. Decorate it with ``tf.function`` if it is
    slow. All this may also be called inside a ``tf.function`` of your own, and is then part of that
    graph, with ``jit_compile`` as well; values cannot be looked at there, so that NaN, infinity and
    cells that do not repeat themselves go unnoticed. What padding holds does no harm there either.
    Call it outside of your own tapes, which would record all of it for nothing.

    Parameters
    ----------
    cell : keras.Layer
        ``cell(x, states) -> (output, states)`` for one step: ``SimpleRNNCell``, ``GRUCell``,
        ``LSTMCell``, ``StackedRNNCells``, or a layer of your own. It must treat the rows of a
        batch alike and each by itself, and give the same answer twice (no dropout). It is built if
        it has not been. Its variables and attributes may change later; what it reads elsewhere,
        such as a global, must not.
    loss_fn : callable
        Called once with all outputs, ``(steps, batch, hidden)``; returns a scalar that adds up
        over steps.
    inputs : tf.Tensor, shape (steps, batch, features)
        Time-major, of the dtype that the cell computes in.
    state : tf.Tensor (batch, hidden), or a list or tuple of states
        The state before the first step, nested as the cell wants it. Treated as a constant.
    truncation : Truncation
        Which error reaches which step.
    variables : list of tf.Variable or keras.Variable
        What gradients are wanted of: the cell's variables and those that `loss_fn` uses. The tensor
        `inputs` itself may be among them; its gradient is what an embedding below goes on with,
        as ``output_gradients`` of its tape.
    resets : tf.Tensor of bool, shape (steps, batch), optional
        Where True, the row's state is zero before the step, and no gradient crosses.
    mask : tf.Tensor of bool, shape (steps, batch), optional
        False where a row has no step, as where it is padded: its state waits there, whatever the
        inputs are, its output is the last one again (zero before the first), and errors of such a
        step are left out. `k2` counts these steps too.

    Returns
    -------
    PassResult
        ``loss, gradients, outputs, state``: a scalar; a gradient for each of `variables`, in their
        order; the outputs ``(steps, batch, hidden)``; and the state after the last step, nested as
        it was given, ready for the next chunk.

    Raises
    ------
    TypeError
        If `cell` is no cell, or if `inputs`, `state`, `resets`, `mask`, `variables`, what the cell
        returns, or the loss are not of the right kind or dtype.
    ValueError
        If shapes do not fit, the cell has dropout, the loss is not a scalar, or no gradient reaches
        any of `variables`; in an eager call also if `inputs` at a step that a row has, `state`,
        what the cell makes of them or the loss are NaN or infinite, or the cell does not repeat
        itself. The variables of the cell and those listed are as they were then.

    References
    ----------
    .. [1] R. J. Williams and J. Peng, "An efficient gradient-based algorithm for on-line training
       of recurrent network trajectories", Neural Computation 2(4), 1990.

    Examples
    --------
    >>> import keras, tensorflow as tf
    >>> from tbptt import Truncation
    >>> from tbptt.tensorflow import gradients
    >>> cell, x = keras.layers.GRUCell(8), tf.zeros((100, 4, 1))
    >>> cell.build((None, 1))
    >>> last = lambda outputs: tf.reduce_sum(outputs[-1])  # one loss, at the end
    >>> loss, grads, outputs, state = gradients(
    ...     cell, last, x, tf.zeros((4, 8)), Truncation(k1=1, k2=20), [*cell.trainable_variables, x]
    ... )
    >>> keras.optimizers.Adam().apply(grads[:-1], cell.trainable_variables)
    >>> int(tf.reduce_sum(tf.cast(tf.reduce_any(grads[-1] != 0, axis=(1, 2)), tf.int32)))
    20
    """
    check_cell(cell)
    check_call(loss_fn, truncation, "outputs")
    parts = parts_of(state)
    check_inputs(cell, inputs, parts)
    check_flags("resets", resets, inputs)
    check_flags("mask", mask, inputs)
    check_variables(variables, inputs)
    with all_or_nothing([*cell.variables, *(each for each in variables if each is not inputs)]):
        state = tf.nest.pack_sequence_as(state, parts)
        flags = RowFlags(resets, mask)
        result, _ = run_and_send_back(cell, loss_fn, inputs, state, truncation, variables, flags)
        return result
