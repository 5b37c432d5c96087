"""One backward pass or several over a sequence: run it, ask the loss, and go back.

Arguments have been checked; :func:`tbptt.tensorflow.gradients` and its stream both end here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import tensorflow as tf

from tbptt._calling import called
from tbptt.schedule import Truncation
from tbptt.tensorflow.answers import scalar_loss
from tbptt.tensorflow.checks import Parts, Tensor
from tbptt.tensorflow.compiled import compiled
from tbptt.tensorflow.rollback import bare
from tbptt.tensorflow.row_flags import RowFlags

S = TypeVar("S")


class PassResult(NamedTuple, Generic[S]):
    """What a backward pass returns.

    Attributes
    ----------
    loss : tf.Tensor
        Scalar.
    gradients : list of tf.Tensor, tf.IndexedSlices or None
        In the order of the variables; None where a variable has no part, or is one that tapes do
        not watch (``tf.Variable(..., trainable=False)``), as from ``tf.GradientTape.gradient``.
    outputs : tf.Tensor, shape (steps, batch, hidden)
        Of the cell. No gradient of yours flows into these, the loss or the state.
    state : tf.Tensor, or list or tuple
        After the last step, nested as it was given, ready for the next chunk.

    Examples
    --------
    >>> import keras, tensorflow as tf
    >>> from tbptt import Truncation
    >>> from tbptt.tensorflow import gradients
    >>> cell, x, zero = keras.layers.SimpleRNNCell(8), tf.zeros((10, 4, 1)), tf.zeros((4, 8))
    >>> cell.build((None, 1))
    >>> weights = cell.trainable_variables
    >>> result = gradients(cell, tf.reduce_sum, x, zero, Truncation.true(5), weights)
    >>> result.outputs.shape, result.state.shape, len(result.gradients)
    (TensorShape([10, 4, 8]), TensorShape([4, 8]), 3)
    """

    loss: Tensor
    gradients: list[Tensor | None]
    outputs: Tensor
    state: S


def run_and_send_back(
    cell: Any,
    loss_fn: Callable[[Tensor], Tensor],
    inputs: Tensor,
    state: S,
    truncation: Truncation,
    variables: Sequence[Any],
    flags: RowFlags,
    *,
    output: Tensor | None = None,
) -> tuple[PassResult[S], Parts]:
    """Do what :func:`tbptt.tensorflow.gradients` says.

    Parameters
    ----------
    cell, loss_fn, inputs, state, truncation, variables
        As there.
    flags : RowFlags
        Resets and mask.
    output : Tensor, shape (batch, hidden), optional
        The output before the first step, which a row without a step there has again; otherwise
        zeros.

    Returns
    -------
    PassResult
        What it returns.
    tuple of Tensor, each (steps, batch, hidden)
        The states after all steps, constants.
    """
    x = tf.convert_to_tensor(inputs)
    given = (x, state, *flags)
    graphs = compiled(cell, x, state)
    outputs, after, last, finite = graphs.forward(*given, output)
    # Constants, also for a tape of the caller's own around this call.
    outputs, after, last = tf.nest.map_structure(tf.stop_gradient, (outputs, after, last))
    if tf.executing_eagerly():
        *given_finite, made_finite = finite
        for name, fine in zip(("inputs", "state"), given_finite, strict=True):
            if not fine:
                raise ValueError(f"{name} must be finite, but NaN or infinity is among the values.")
        if not made_finite:
            raise ValueError(
                "The cell made an output or a state with NaN or infinity in it; no gradient was "
                "given. Look for a learning rate that is too high, or for weights that are not "
                "finite."
            )

    sources = [bare(variable) for variable in variables]
    # What the loss itself makes of its outputs and of the variables it uses: the errors, and the
    # readout's gradients.
    with tf.GradientTape() as tape:
        tape.watch([outputs, inputs])
        loss = scalar_loss(called("loss_fn", "(outputs)", loss_fn, outputs))
    errors, *grads = tape.gradient(loss, [outputs, *sources])

    if errors is not None:
        # And what the errors become on their way back through the cell.
        wanted = [source for source in sources if source is not inputs and source.trainable]
        wants_inputs = any(source is inputs for source in sources)
        back = graphs.backward(wanted, wants_inputs=wants_inputs)
        # Beyond the length they make no difference, and a larger one is no int32.
        k1, k2 = (tf.constant(min(k, tf.int32.max)) for k in (truncation.k1, truncation.k2))
        shares, repeats = back(
            *given, outputs, after, tf.convert_to_tensor(errors), k1, k2, truncation.k1 == 1
        )
        if tf.executing_eagerly() and not repeats:
            raise ValueError(
                "The cell gave another answer when it was applied to many steps at once. Take "
                "noise and batch normalisation out of it: before the inputs or in loss_fn they do "
                "no harm."
            )
        # The inputs' share comes last, and only where it was wanted. A variable may be listed
        # twice, or be used by cell and loss alike: its gradient is the sum of both.
        through_cell = {
            id(source): share for source, share in zip([*wanted, inputs], shares, strict=False)
        }
        grads = [
            _sum(grad, through_cell.get(id(source)))
            for grad, source in zip(grads, sources, strict=True)
        ]
    if all(grad is None for grad in grads):
        raise ValueError(
            "No gradient reaches any of the variables, as far as the tape can tell: they have no "
            "part in the loss, or loss_fn cuts it off. Take tf.stop_gradient and .numpy() out of "
            "loss_fn, and list the variables that cell and loss_fn use."
        )
    graphs.note(cell)
    packed = tf.nest.pack_sequence_as(state, last)
    return PassResult(tf.stop_gradient(loss), grads, outputs, packed), after


def _sum(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    """Add two gradients; None is none."""
    if a is None or b is None:
        return a if b is None else b
    # An embedding's gradient comes as IndexedSlices, which cannot be added as they are.
    return tf.convert_to_tensor(a) + tf.convert_to_tensor(b)
