"""A state comes back nested as it went in; a cell that has changed is compiled anew."""

from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf

from tbptt import Truncation
from tbptt.tensorflow import PassResult, gradients
from tbptt.tensorflow.checks import layers_of
from tbptt.tensorflow.fingerprint import fingerprint

BATCH, FEATURES, HIDDEN = 2, 2, 3


class Pair(NamedTuple):
    hidden: Any
    cell: Any


KINDS = {"tuple": tuple, "list": list, "NamedTuple": Pair._make}


class Watched(keras.Layer):
    """An LSTM's step that notes the kinds of state it is handed."""

    def __init__(self):
        super().__init__()
        self.inner = keras.layers.LSTMCell(HIDDEN)

    def call(self, x, states):
        handed.add(type(states))
        return self.inner(x, list(states))


handed = set()


def run(cell, state, variables=None):
    x = tf.random.stateless_normal((5, BATCH, FEATURES), seed=(1, 2))
    variables = variables or cell.trainable_variables
    return gradients(cell, tf.reduce_sum, x, state, Truncation(1, 3), variables)


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_of_two_parts(kind):
    keras.utils.set_random_seed(0)
    cell = Watched()
    cell(tf.zeros((1, FEATURES)), (tf.zeros((1, HIDDEN)),) * 2)
    handed.clear()
    parts = tf.ones((BATCH, HIDDEN)), -tf.ones((BATCH, HIDDEN))
    state = KINDS[kind](parts)
    result = run(cell, state)
    assert type(result.state) is type(state)
    assert handed == {type(state)}
    wanted = run(cell, parts)
    np.testing.assert_allclose(result.outputs, wanted.outputs)
    np.testing.assert_allclose(result.state, wanted.state)


def test_nesting_is_kept():
    cell = keras.layers.StackedRNNCells(
        [keras.layers.LSTMCell(HIDDEN), keras.layers.SimpleRNNCell(HIDDEN)]
    )
    cell.build((None, FEATURES))
    zero = tf.zeros((BATCH, HIDDEN))
    state = run(cell, [Pair(zero, zero), zero]).state
    assert isinstance(state, list)
    assert isinstance(state[0], Pair)
    assert tf.is_tensor(state[1])


def test_a_tensor_stays_one_and_results_have_names():
    cell = keras.layers.GRUCell(HIDDEN)
    cell.build((None, FEATURES))
    result = run(cell, tf.zeros((BATCH, HIDDEN)))
    assert isinstance(result, PassResult)
    loss, grads, outputs, state = result
    assert tf.is_tensor(state)
    assert all(
        one is other
        for one, other in zip(
            (loss, grads, outputs, state),
            (result.loss, result.gradients, result.outputs, result.state),
            strict=True,
        )
    )


class Scaled(keras.Layer):
    """A cell with attributes that decide what it computes."""

    def __init__(self):
        super().__init__()
        self.inner = keras.layers.SimpleRNNCell(HIDDEN)
        self.gain, self.function, self.table = 1.0, tf.identity, {"shift": [0.0]}

    def call(self, x, states):
        output, states = self.inner(x, states)
        output = self.function(self.gain * output) + self.table["shift"][0]
        return output, states


CHANGES = {
    "activation": lambda cell: setattr(cell.inner, "activation", keras.activations.relu),
    "number": lambda cell: setattr(cell, "gain", 2.0),
    "function": lambda cell: setattr(cell, "function", lambda x: x * x),
    "function again": lambda cell: setattr(cell, "function", lambda x: x + x),
    "entry": lambda cell: cell.table["shift"].__setitem__(0, 3.0),
}


def test_a_changed_attribute_is_seen():
    keras.utils.set_random_seed(0)
    cell, state = Scaled(), tf.ones((BATCH, HIDDEN))
    cell(tf.zeros((1, FEATURES)), [tf.zeros((1, HIDDEN))])
    for name, change in CHANGES.items():
        before = run(cell, state).outputs
        change(cell)
        after = run(cell, state).outputs
        assert not np.allclose(before, after), name
        # Step by step and with nothing compiled, the cell as it is now gives the same.
        x = tf.random.stateless_normal((5, BATCH, FEATURES), seed=(1, 2))
        first, _ = cell(x[0], [state])
        np.testing.assert_allclose(after[0], first, rtol=1e-5, atol=1e-6)


def test_what_has_not_changed_has_the_same_fingerprint():
    cell = keras.layers.StackedRNNCells(
        [keras.layers.LSTMCell(HIDDEN), keras.layers.GRUCell(HIDDEN)]
    )
    cell.build((None, FEATURES))
    before = fingerprint(cell)
    assert fingerprint(cell) == before
    assert hash(fingerprint(cell)) == hash(before)
    for variable in cell.trainable_variables:
        variable.assign(variable + 1)
    assert fingerprint(cell) == before  # values of variables are read anew by every graph
    cell.cells[1].activation = keras.activations.relu
    assert fingerprint(cell) != before


def test_keras_still_lists_the_layers_within_a_layer():
    # By a method that is not public: its end has to be seen here, and not in a dropout let through.
    cells = [keras.layers.LSTMCell(HIDDEN), keras.layers.GRUCell(HIDDEN)]
    stack = keras.layers.StackedRNNCells(cells)
    assert layers_of(stack) == [stack, *cells]
