"""All steps of one of Keras's own cells, back by hand; and which cells these are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tbptt.tensorflow.checks import Parts, State, Tensor
from tbptt.tensorflow.derived import GRU, LSTM, OldGRU, SimpleRNN
from tbptt.tensorflow.rollback import bare
from tbptt.tensorflow.stacked import Stacked
from tbptt.tensorflow.step_by_hand import Kind, with_output
from tbptt.tensorflow.steps import Steps, flat, tolerance
from tbptt.tensorflow.steps import step as one_step


def kind_of(cell: Any, inputs: Tensor, state: State) -> Kind | None:
    """Return what goes through a cell by hand; None where the cell itself does something else.

    A cell is Keras's own if its class is, with the functions that it has by default, and a stack if
    all its cells are. What else has been done to it, such as another `call`, is found by asking
    it for one step and its gradient.
    """
    kind = _kind(cell)
    return kind if kind is not None and _agrees(kind, cell, inputs, state) else None


def _kind(cell: Any) -> Kind | None:
    """Return what would go through a cell by hand, as its class and attributes have it."""
    if type(cell) is keras.layers.StackedRNNCells:
        kinds = [kind for kind in map(_kind, cell.cells) if kind is not None]
        return partial(Stacked, kinds) if len(kinds) == len(cell.cells) else None
    kind = {
        keras.layers.SimpleRNNCell: SimpleRNN,
        keras.layers.GRUCell: GRU if getattr(cell, "reset_after", None) else OldGRU,
        keras.layers.LSTMCell: LSTM,
    }.get(type(cell))
    dtypes = {cell.compute_dtype, cell.variable_dtype} if kind is not None else set()
    if kind is None or dtypes not in ({"float32"}, {"float64"}):
        return None
    smooth = cell.activation is keras.activations.tanh
    if kind is SimpleRNN:
        known = smooth or cell.activation is keras.activations.relu
    else:
        known = smooth and cell.recurrent_activation is keras.activations.sigmoid
    return kind if known else None


def _agrees(kind: Kind, cell: Any, inputs: Tensor, state: State) -> bool:
    """Tell whether one step by hand gives what the cell gives, and the same gradients."""
    draw = np.random.default_rng(0).normal

    def like(part: Tensor) -> Tensor:
        return tf.constant(draw(size=(3, part.shape[-1])), part.dtype)

    def ask() -> tuple[list[Tensor], list[Tensor | None]]:
        sources = [*used, *(bare(weight) for weight in cell.weights), x]
        output, after = one_step(cell, x, tuple(used), state)
        return [output, *after], tf.gradients([output, *after], sources, [of_output, *errors])

    # Outside of any graph that the caller may be tracing, where tapes do not record: so in a graph.
    with tf.init_scope():
        x, *used = map(like, (inputs, *tf.nest.flatten(state)))
        step = kind(cell, x, tuple(used))
        of_output, *errors = map(like, (step.after[step.output], *used))
        # As a concrete function: TensorFlow warns of functions that are traced again and again.
        answer, gradients = tf.function(ask, autograph=False).get_concrete_function()()
        both = with_output(tuple(errors), step.output, of_output)
        of_weights, of_x = step.finish(both)
        before, _ = step.carry(both, step.slopes)
        by_hand = [*before, *_in_order(cell.weights, of_weights), of_x]
        pairs = [
            *zip(answer, (step.after[step.output], *step.after), strict=True),
            *zip(gradients, by_hand, strict=True),
        ]
        within = tolerance(x.dtype)
        return all(
            a is not None and b is not None and np.allclose(a, b, within, within) for a, b in pairs
        )


def _in_order(
    variables: Sequence[Any], gradients: Sequence[tuple[Any, Tensor]]
) -> list[Tensor | None]:
    """Return the gradient of each variable, which may be several of a cell's weights."""
    found: dict[int, Tensor] = {}
    for variable, gradient in gradients:
        key = id(bare(variable))
        found[key] = found[key] + gradient if key in found else gradient
    return [found.get(id(bare(variable))) for variable in variables]


class DerivedSteps(Steps):
    """Of Keras's own cells and their stacks: without a tape."""

    def __init__(self, kind: Kind, cell: Any, *given: Any) -> None:
        super().__init__(*given)
        self._step = kind(cell, flat(self._inputs), tuple(flat(part) for part in self._states))
        self._after = self._step.after
        self._output = self._after[self._step.output]

    def back(self, errors: Tensor | None, parts: Parts) -> Parts:
        """Take errors of every step's output and state to the state before it."""
        given = self._with_output(errors, parts)
        shares, _ = self._step.carry(given, self._step.slopes)
        return self._past_flags(self._flags, shares, parts)

    def back_at(self, at: Tensor, errors: Tensor, parts: Parts) -> Parts:
        """Do the same for the steps `at` alone."""
        rows = tf.shape(self._inputs)[1]
        slopes = tuple(
            flat(tf.gather(tf.reshape(slope, (-1, rows, slope.shape[-1])), at))
            for slope in self._step.slopes
        )
        shares, _ = self._step.carry(self._with_output(errors, parts), slopes)
        return self._past_flags(self._flags.at(at), shares, parts)

    def _gradients(self, errors: Tensor, parts: Parts) -> list[Tensor | None]:
        of_weights, of_x = self._step.finish(self._with_output(errors, parts))
        return [*_in_order(self._variables, of_weights), *([of_x] * self._wants_inputs)]

    def _with_output(self, errors: Tensor | None, parts: Parts) -> Parts:
        """Add the output's errors to those of the state that it is, and flatten."""
        whole = with_output(parts, self._step.output, errors)
        return tuple(map(flat, whole))
