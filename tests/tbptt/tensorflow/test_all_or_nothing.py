"""Where a call raises, variables are what they were."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tbptt import Truncation
from tbptt.tensorflow import gradients

FEATURES, HIDDEN = 2, 3


class Counter(keras.Layer):
    """A cell that counts its steps in a variable, and may fail or forget to repeat itself."""

    state_size = HIDDEN

    def __init__(self):
        super().__init__()
        self.inner = keras.layers.SimpleRNNCell(HIDDEN)
        self.fails_at, self.noise = None, False

    def build(self, shape):
        self.inner.build(shape)
        self.steps = self.add_weight(shape=(), dtype="int32", trainable=False, initializer="zeros")
        self.calls = 0

    def call(self, x, states):
        self.calls += 1
        if self.calls == self.fails_at:
            raise RuntimeError("the cell failed")
        self.steps.value.assign_add(1)
        output, states = self.inner(x, states)
        if self.noise:
            output = output + tf.cast(self.steps.value, output.dtype)
        return output, states


def raises(words):
    def loss_fn(outputs):
        raise RuntimeError(words)

    return loss_fn


READOUT = tf.Variable(1.0)


def moved(outputs):
    """A loss with a variable of its own that it moves, and that is not finite."""
    READOUT.assign_add(1.0)
    return READOUT * tf.reduce_sum(outputs) / 0.0


LOSSES = {
    "raises": raises("the loss failed"),
    "not finite": moved,
    "no scalar": lambda outputs: outputs,
    "cut off": lambda outputs: tf.reduce_sum(tf.stop_gradient(outputs)),
    "sum": tf.reduce_sum,
}


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(sorted(LOSSES)), st.sampled_from([None, 1, 2, 3]), st.booleans(),
    st.sampled_from(["inputs", "state", None]), st.integers(1, 2),
)  # fmt: skip
def test_variables_are_as_they_were_where_a_call_raises(loss, fails_at, noise, bad, k1):
    keras.utils.set_random_seed(0)
    cell = Counter()
    cell.build((None, FEATURES))
    READOUT.assign(1.0)
    x, zero = np.ones((4, 2, FEATURES), "float32"), np.zeros((2, HIDDEN), "float32")
    {"inputs": x, "state": zero, None: np.zeros(1)}[bad][..., 0] = np.nan
    cell.fails_at, cell.noise = fails_at, noise
    variables = [*cell.trainable_variables, READOUT]
    everything = [*cell.variables, READOUT]
    before = [np.array(variable) for variable in map(tf.convert_to_tensor, everything)]
    fine = (loss, fails_at, noise, bad) == ("sum", None, False, None)
    try:
        gradients(
            cell, LOSSES[loss], tf.constant(x), tf.constant(zero), Truncation(k1, 3), variables
        )
    except (RuntimeError, ValueError):
        assert not fine
        for variable, value in zip(everything, before, strict=True):
            np.testing.assert_array_equal(tf.convert_to_tensor(variable), value)
    else:
        assert fine or fails_at == 3
        assert int(cell.steps.value) > 0  # so there was something to undo


def test_what_is_given_is_not_written_to():
    cell = Counter()
    cell.build((None, FEATURES))
    x, zero = tf.ones((4, 2, FEATURES)), tf.zeros((2, HIDDEN))
    with pytest.raises(RuntimeError, match="the loss failed"):
        gradients(cell, LOSSES["raises"], x, zero, Truncation(1, 2), cell.trainable_variables)
    np.testing.assert_array_equal(x, np.ones(x.shape))
    np.testing.assert_array_equal(zero, np.zeros(zero.shape))
