"""The real dynamic_rnn with our cells: state between calls, lengths, stacks, and today's twins."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.testing import assert_allclose, assert_array_equal

from tbptt.gates import lstm_graph_to_keras
from tbptt.tensorflow.graph import GraphLSTM, GraphStack, LSTMState

v1 = tf.compat.v1
BATCH, STEPS, FEATURES, UNITS = 3, 12, 2, 4


class Program:
    """A graph and a session with one dynamic_rnn, its state fed and fetched by name."""

    def __init__(self, cell, **options):
        graph = tf.Graph()
        with graph.as_default():
            v1.set_random_seed(0)
            self.x = v1.placeholder(tf.float64, [BATCH, None, FEATURES])
            self.zeros = cell.zero_state(BATCH, tf.float64)
            self.outputs, self.state = v1.nn.dynamic_rnn(
                cell, self.x, initial_state=self.zeros, **options
            )
            self.weights = v1.trainable_variables()
            self.session = v1.Session(graph=graph)
            self.session.run(v1.global_variables_initializer())

    def run(self, x, state=None):
        feed = {self.x: x}
        if state is not None:
            pairs = zip(tf.nest.flatten(self.zeros), tf.nest.flatten(state), strict=True)
            feed |= dict(pairs)
        return self.session.run((self.outputs, self.state), feed)


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(BATCH, STEPS, FEATURES))


@pytest.mark.parametrize(
    "cell", [GraphLSTM(UNITS), GraphStack([GraphLSTM(UNITS), GraphLSTM(3)])], ids=["one", "stack"]
)
def test_state_fed_back_makes_one_long_run(cell, x):
    program = Program(cell)
    whole, last = program.run(x)
    state, parts, forgetful = None, [], []
    for start in range(0, STEPS, 4):
        output, state = program.run(x[:, start : start + 4], state)
        parts.append(output)
        forgetful.append(program.run(x[:, start : start + 4])[0])
    assert_array_equal(np.concatenate(parts, axis=1), whole)
    for ours, theirs in zip(tf.nest.flatten(state), tf.nest.flatten(last), strict=True):
        assert_array_equal(ours, theirs)
    off = abs(np.concatenate(forgetful, axis=1) - whole).max(axis=(0, 2))
    assert not off[:4].any()
    assert off[4:].min() > 1e-3


def test_lengths_give_zeros_past_the_end_and_the_state_of_the_last_step(x):
    program = Program(GraphLSTM(UNITS), sequence_length=[STEPS, 5, 0])
    whole, _ = Program(GraphLSTM(UNITS)).run(x)
    start = LSTMState(*np.random.default_rng(1).normal(size=(2, BATCH, UNITS)))
    outputs, state = program.run(x)
    assert_array_equal(outputs[1, :5], whole[1, :5])
    assert not outputs[1, 5:].any()
    assert_array_equal(state.h[1], whole[1, 4])
    assert not outputs[2].any()
    _, kept = program.run(x, start)
    assert_array_equal(kept.c[2], start.c[2])  # length 0: the state it came with
    assert_array_equal(kept.h[2], start.h[2])


@pytest.mark.parametrize("forget_bias", [0.0, 1.0])
def test_keras_gives_the_same_numbers_from_the_same_weights(x, forget_bias):
    program = Program(GraphLSTM(UNITS, forget_bias))
    whole, state = program.run(x)
    kernel, bias = program.session.run(program.weights)
    layer = keras.layers.LSTM(UNITS, return_sequences=True, return_state=True, dtype="float64")
    layer.build(x.shape)
    layer.set_weights(lstm_graph_to_keras(kernel, bias, forget_bias=forget_bias))
    outputs, h, c = layer(x)
    assert_allclose(outputs, whole, rtol=1e-10, atol=1e-12)
    assert_allclose(h, state.h, rtol=1e-10, atol=1e-12)
    assert_allclose(c, state.c, rtol=1e-10, atol=1e-12)


def test_a_batch_of_any_size_gets_its_zeros():
    with tf.Graph().as_default(), v1.Session() as session:
        rows = v1.placeholder(tf.float32, [None, FEATURES])
        stack = GraphStack([GraphLSTM(UNITS), GraphLSTM(3)])
        states = stack.get_initial_state(rows)
        found = session.run(states, {rows: np.ones((7, FEATURES))})
    assert [part.shape for cell in found for part in cell] == [(7, 4), (7, 4), (7, 3), (7, 3)]
    assert stack.state_size == (LSTMState(4, 4), LSTMState(3, 3))
    assert stack.output_size == 3


def test_bad_cells_are_refused():
    with pytest.raises(ValueError, match="units must be at least 1"):
        GraphLSTM(0)
    with pytest.raises(ValueError, match="at least one cell"):
        GraphStack([])


@pytest.mark.parametrize(
    ("error", "words", "call"),
    [
        (TypeError, "cells must be a list of cells, got 1", lambda: GraphStack(1)),
        (TypeError, "cells must be a list of cells", lambda: GraphStack(tf.constant(2))),
        (TypeError, r"cells\[1\] must be a cell such as", lambda: GraphStack([GraphLSTM(2), None])),
        (TypeError, r"cells\[0\] must be a cell such as", lambda: GraphStack([GraphLSTM])),
        (ValueError, r"batch_size \* width must be at most", lambda: zeros_of(2**62)),
        (ValueError, "batch_size must be at least 0, got -5", lambda: zeros_of(-5)),
        (TypeError, "batch_size must be an integer", lambda: zeros_of(np.zeros(3, "M8[s]"))),
        (TypeError, "batch_size must be a whole number", lambda: zeros_of(tf.constant(2.0))),
        (TypeError, "batch_size must be a whole number", lambda: zeros_of(tf.constant([2]))),
        (TypeError, "dtype must be a floating one", lambda: zeros_of(2, tf.int32)),
        (TypeError, "dtype must be a floating one", lambda: zeros_of(2, "two")),
        (TypeError, "inputs must be a tensor", lambda: GraphLSTM(2).get_initial_state([1.0])),
        (
            ValueError,
            "inputs must be a tensor",
            lambda: GraphLSTM(2).get_initial_state(tf.ones(())),
        ),
        (ValueError, "units must be at most", lambda: GraphLSTM(2**50)),
        (TypeError, "forget_bias must be a number", lambda: GraphLSTM(2, forget_bias="1")),
    ],
)
def test_what_would_end_in_tensorflow_is_refused_in_words(error, words, call):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize("make", [GraphLSTM, lambda units: GraphStack([GraphLSTM(units)])])
@pytest.mark.parametrize("rows", [0, 3, np.int64(3), tf.constant(3)])
def test_zeros_of_so_many_rows(make, rows):
    state = make(2).zero_state(rows, "float32")
    assert [part.shape for part in tf.nest.flatten(state)] == [(int(rows), 2)] * 2


def zeros_of(rows, dtype=tf.float32):
    return GraphLSTM(8).zero_state(rows, dtype)
