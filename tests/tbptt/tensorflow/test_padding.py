"""What padding holds gets into no gradient: eager, in a graph, and compiled by XLA."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tbptt import Truncation
from tbptt.tensorflow import gradients

STEPS, BATCH, FEATURES, HIDDEN = 5, 3, 2, 3
BAD = {"NaN": np.nan, "infinity": np.inf, "minus infinity": -np.inf}
WAYS = {
    "eager": lambda function: function,
    "graph": tf.function,
    "XLA": lambda function: tf.function(function, jit_compile=True),
}
# The last row has no step at all; rows wait at the beginning, in between and at the end.
MASK = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [1, 1, 0], [1, 0, 0]], bool)
TRUNCATIONS = [Truncation(1, 3), Truncation(2, 3), Truncation(1, 1), Truncation(4, 99)]


class Normed(keras.Layer):
    """A cell that divides by the norm of its input: zeros, too, are no input that it can take."""

    state_size = HIDDEN

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], HIDDEN), name="kernel")
        self.recurrent = self.add_weight(shape=(HIDDEN, HIDDEN), name="recurrent")

    def call(self, x, states):
        x = x / tf.norm(x, axis=-1, keepdims=True)
        output = tf.tanh(x @ self.kernel + states[0] @ self.recurrent)
        return output, [output]


CELLS = {
    "rnn": lambda: keras.layers.SimpleRNNCell(HIDDEN, dtype="float64"),
    "lstm": lambda: keras.layers.LSTMCell(HIDDEN, dtype="float64"),
    "gru": lambda: keras.layers.GRUCell(HIDDEN, dtype="float64"),
    "stack": lambda: keras.layers.StackedRNNCells(
        [keras.layers.GRUCell(2, dtype="float64"), keras.layers.SimpleRNNCell(3, dtype="float64")],
        dtype="float64",
    ),
    "normed": lambda: Normed(dtype="float64"),
}


def problem(name, seed=0):
    """Return a cell, inputs, and a function that makes a zero or random state."""
    keras.utils.set_random_seed(seed)
    cell, rng = CELLS[name](), np.random.default_rng(seed)
    cell.build((None, FEATURES))
    parts = [
        tf.constant(rng.normal(size=(BATCH, size))) for size in tf.nest.flatten(cell.state_size)
    ]
    state = tf.nest.pack_sequence_as(tf.nest.map_structure(str, cell.state_size), parts)
    return cell, rng.normal(size=(STEPS, BATCH, FEATURES)), state


@pytest.mark.parametrize("truncation", TRUNCATIONS, ids=str)
@pytest.mark.parametrize("name", CELLS)
def test_padding_of_any_value_gives_the_gradients_of_padding_that_does_no_harm(name, truncation):
    cell, x, state = problem(name)
    flags = {"mask": tf.constant(MASK), "resets": tf.constant(np.roll(MASK, 1, 1) & ~MASK)}

    def run(x):
        variables = [*cell.trainable_variables, x]
        result = gradients(
            cell, lambda out: tf.reduce_sum(out**2), x, state, truncation, variables, **flags
        )
        return [*result.gradients, result.outputs, *tf.nest.flatten(result.state)]

    wanted = run(tf.constant(x))
    assert any(np.abs(each).max() > 1e-3 for each in wanted)
    ways = WAYS if truncation == TRUNCATIONS[0] or name == "normed" else {"eager": WAYS["eager"]}
    for way, compiled in ways.items():
        function = compiled(run)
        for words, value in BAD.items():
            padded = np.where(MASK[..., None], x, value)
            for ours, theirs in zip(function(tf.constant(padded)), wanted, strict=True):
                np.testing.assert_allclose(ours, theirs, 1e-10, 1e-12, err_msg=f"{way}: {words}")
    # And zeros, with which most people pad.
    for ours, theirs in zip(run(tf.constant(x * MASK[..., None])), wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, 1e-10, 1e-12)


@pytest.mark.parametrize("way", ["graph", "XLA"])
@pytest.mark.parametrize("name", ["lstm", "stack"])
def test_the_state_of_a_row_that_has_no_step_gets_into_no_gradient(name, way):
    cell, x, state = problem(name)
    truncation, mask = Truncation(2, 4), tf.constant(MASK)

    def run(state):
        return gradients(
            cell, lambda out: tf.reduce_sum(out[:, :2] ** 2), tf.constant(x), state, truncation,
            cell.trainable_variables, mask=mask,
        ).gradients  # fmt: skip

    row = np.array([[False], [False], [True]])
    bad = tf.nest.map_structure(
        lambda part: tf.where(row, tf.cast(np.nan, part.dtype), part), state
    )
    for ours, theirs in zip(WAYS[way](run)(bad), run(state), strict=True):
        np.testing.assert_allclose(ours, theirs, 1e-10, 1e-12)
    # Where values can be looked at, they are, as in PyTorch's engine.
    with pytest.raises(ValueError, match="state must be finite"):
        run(bad)


@pytest.mark.parametrize("way", WAYS)
def test_what_a_loss_makes_of_padded_targets_gets_into_no_gradient(way):
    # The value of `where` is finite, but its derivative is 0 times NaN.
    cell, x, state = problem("gru")
    mask = tf.constant(MASK)
    targets = tf.constant(np.where(MASK[..., None], 0.5, np.nan) * np.ones(HIDDEN))

    def run(x, targets):
        def loss_fn(outputs):
            return tf.reduce_sum(tf.where(mask[..., None], (outputs - targets) ** 2, 0))

        variables = cell.trainable_variables
        return gradients(cell, loss_fn, x, state[0] if isinstance(state, list) else state,
                         Truncation(2, 3), variables, mask=mask).gradients  # fmt: skip

    wanted = run(tf.constant(x), tf.fill(targets.shape, tf.constant(0.5, tf.float64)))
    for ours, theirs in zip(WAYS[way](run)(tf.constant(x), targets), wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, 1e-10, 1e-12)


@pytest.mark.parametrize("value", BAD.values(), ids=BAD)
def test_a_step_that_a_row_has_must_be_finite(value):
    cell, x, state = problem("gru")
    x[0, 0, 0] = value
    with pytest.raises(ValueError, match="inputs must be finite"):
        gradients(cell, tf.reduce_sum, tf.constant(x), state, Truncation(1, 2), cell.weights,
                  mask=tf.constant(MASK))  # fmt: skip


@pytest.mark.parametrize("truncation", [Truncation(1, 2), Truncation(2, 2), Truncation(3, 9)])
@pytest.mark.parametrize("rows", [0, 1])
@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("padded", [False, True])
def test_the_smallest_sizes(rows, steps, truncation, padded):
    cell, *_ = problem("gru")
    x, zero = tf.ones((steps, rows, FEATURES), tf.float64), tf.zeros((rows, HIDDEN), tf.float64)
    mask = tf.zeros((steps, rows), tf.bool) if padded else None
    loss, grads, outputs, state = gradients(
        cell, tf.reduce_sum, x, zero, truncation, [*cell.trainable_variables, x], mask=mask
    )
    assert outputs.shape == (steps, rows, HIDDEN)
    assert state.shape == (rows, HIDDEN)
    some = rows and not padded
    assert [bool(np.any(grad)) for grad in grads] == [some, steps > 1 and some, some, some]
    assert np.isfinite(loss)


@pytest.mark.parametrize("size", [2**31 - 1, 2**31, 10**30])
def test_a_truncation_beyond_the_length_and_beyond_any_integer_of_the_graph(size):
    cell, x, state = problem("gru")
    arguments = cell, tf.reduce_sum, tf.constant(x), state
    for huge, long in ((Truncation.true(size), Truncation.true(STEPS)),
                       (Truncation.epochwise(size), Truncation.epochwise(STEPS))):  # fmt: skip
        ours, theirs = (
            gradients(*arguments, truncation, cell.trainable_variables).gradients
            for truncation in (huge, long)
        )
        for mine, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(mine, other, 1e-12)


@pytest.mark.parametrize("which", ["state", "mask", "resets"])
def test_one_row_for_many_is_refused_in_a_graph_that_does_not_know_its_sizes(which):
    cell, x, state = problem("gru")
    flags = tf.TensorSpec([None, None], tf.bool)

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None, FEATURES], tf.float64),
            tf.TensorSpec([None, HIDDEN], tf.float64), flags, flags,
        ]
    )  # fmt: skip
    def run(x, state, mask, resets):
        variables = cell.trainable_variables
        return gradients(
            cell, tf.reduce_sum, x, state, Truncation(1, 2), variables, mask=mask, resets=resets
        ).gradients

    given = {"state": tf.nest.flatten(state)[0], "mask": tf.constant(MASK), "resets": ~MASK}
    run(tf.constant(x), *given.values())
    given[which] = given[which][:1] if which == "state" else given[which][:, :1]
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"{which} must be"):
        run(tf.constant(x), *given.values())


def test_inputs_that_are_a_variable_get_the_gradient_of_cell_and_loss():
    cell, x, state = problem("gru")
    inputs = tf.Variable(x)

    def run(inputs, first):
        return gradients(
            cell, lambda out: tf.reduce_sum(out) + tf.reduce_sum(first**3), inputs, state,
            Truncation(2, 3), [inputs],
        ).gradients[0]  # fmt: skip

    constant = tf.constant(x)
    np.testing.assert_allclose(run(inputs, inputs), run(constant, constant), 1e-12)
