"""Keras's own cells by hand: the same as by tapes, and only where a cell is what it seems."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tbptt import Truncation
from tbptt.tensorflow import gradients
from tbptt.tensorflow.by_hand import kind_of

FEATURES, UNITS, STEPS, ROWS = 2, 3, 11, 4
CELLS = {
    "tanh": lambda **options: keras.layers.SimpleRNNCell(UNITS, **options),
    "relu": lambda **options: keras.layers.SimpleRNNCell(UNITS, activation="relu", **options),
    "GRU": lambda **options: keras.layers.GRUCell(UNITS, **options),
    "old GRU": lambda **options: keras.layers.GRUCell(UNITS, reset_after=False, **options),
    "LSTM": lambda **options: keras.layers.LSTMCell(UNITS, **options),
    "other form": lambda **options: keras.layers.GRUCell(UNITS, implementation=1, **options),
    "stack": lambda **options: stack(
        keras.layers.GRUCell(2, **options),
        keras.layers.LSTMCell(4, **options),
        keras.layers.SimpleRNNCell(UNITS, **options),
    ),
    "LSTMs": lambda **options: stack(
        keras.layers.LSTMCell(2, **options), keras.layers.LSTMCell(UNITS, **options)
    ),
    "stack in a stack": lambda **options: stack(
        stack(keras.layers.LSTMCell(4, **options), keras.layers.GRUCell(2, **options)),
        stack(
            keras.layers.GRUCell(2, reset_after=False, **options),
            keras.layers.SimpleRNNCell(UNITS, **options),
        ),
    ),
}


def stack(*cells):
    return keras.layers.StackedRNNCells(cells, dtype=cells[0].dtype_policy)


def built(name, **options):
    cell = CELLS[name](**{"dtype": "float64"} | options)
    cell.build((None, FEATURES))
    rng = np.random.default_rng(1)
    for weight in cell.weights:
        weight.assign(rng.normal(size=weight.shape) / 2)
    return cell


def problem(cell):
    rng = np.random.default_rng(2)
    x = tf.constant(rng.normal(size=(STEPS, ROWS, FEATURES)), cell.compute_dtype)
    sizes = tf.nest.flatten(cell.state_size)
    parts = [tf.constant(rng.normal(size=(ROWS, size)), x.dtype) for size in sizes]
    state = parts if len(parts) == 1 else tf.nest.pack_sequence_as(cell.state_size, parts)
    errors = tf.constant(rng.normal(size=(STEPS, ROWS, UNITS)), x.dtype)
    return x, state, errors


def is_by_hand(cell):
    x, state, _ = problem(cell)
    return kind_of(cell, x, state) is not None


def answer(cell, truncation, **flags):
    x, state, errors = problem(cell)

    def loss(outputs):
        return tf.reduce_sum(errors * outputs**2)

    sources = [*(weight.value for weight in cell.weights), x]
    result = gradients(cell, loss, x, state, truncation, sources, **flags)
    return [result.loss, *result.gradients, result.outputs, *tf.nest.flatten(result.state)]


@pytest.mark.parametrize(
    ("biased", "truncation", "flagged"),
    [
        (True, Truncation(1, 4), True),
        (True, Truncation(3, 5), True),
        (False, Truncation(1, 4), False),
        (True, Truncation(4, 40), False),
    ],
)
@pytest.mark.parametrize("name", CELLS)
def test_by_hand_and_by_tapes_are_the_same(name, biased, truncation, flagged, monkeypatch):
    flags = {}
    if flagged:
        rng = np.random.default_rng(3)
        flags["resets"] = tf.constant(rng.random((STEPS, ROWS)) < 0.2)
        flags["mask"] = tf.constant(rng.random((STEPS, ROWS)) < 0.7)
    assert is_by_hand(built(name, use_bias=biased))
    by_hand = answer(built(name, use_bias=biased), truncation, **flags)
    monkeypatch.setattr("tbptt.tensorflow.compiled.kind_of", lambda *_: None)
    by_tapes = answer(built(name, use_bias=biased), truncation, **flags)
    for one, other in zip(by_hand, by_tapes, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-12)


@tf.custom_gradient
def clipped(state):
    return tf.identity(state), lambda error: tf.clip_by_value(error, -0.1, 0.1)


def patched(change):
    """Return a cell of Keras's whose instance has another `call`."""
    cell = built("GRU")
    call = cell.call
    cell.call = lambda x, states, **options: change(*call(x, states, **options))
    return cell


class Own(keras.layers.GRUCell):
    """Nobody can know what a class of a reader's own does in `call`."""


class OwnStack(keras.layers.StackedRNNCells):
    """Nor what a stack of their own does between its cells."""


def tied():
    cell = keras.layers.SimpleRNNCell(FEATURES, dtype="float64")
    cell.build((None, FEATURES))
    cell.kernel = cell.recurrent_kernel
    return cell


OTHERS = {
    "another call": lambda: patched(lambda output, states: (output * 2, states)),
    "clipped": lambda: patched(lambda output, states: (output, [clipped(states[0])])),
    "in part without gradient": lambda: patched(
        lambda output, states: (output, [(states[0] + tf.stop_gradient(states[0])) / 2])
    ),
    "an output without gradient": lambda: patched(
        lambda output, states: (tf.stop_gradient(output), states)
    ),
    "own class": lambda: Own(UNITS, dtype="float64"),
    "another activation": lambda: built("GRU", activation="elu"),
    "another gate": lambda: built("LSTM", recurrent_activation="hard_sigmoid"),
    "a linear one": lambda: keras.layers.SimpleRNNCell(UNITS, activation=None, dtype="float64"),
    "a stack with one of another kind": lambda: stack(
        keras.layers.GRUCell(2, dtype="float64"), Own(UNITS, dtype="float64")
    ),
    "a stack that is another class": lambda: OwnStack(
        [keras.layers.GRUCell(UNITS, dtype="float64")], dtype="float64"
    ),
    "a stack that scales between its cells": lambda: stack(
        patched(lambda output, states: (output * 2, states)),
        keras.layers.GRUCell(UNITS, dtype="float64"),
    ),
    "two dtypes": lambda: keras.layers.GRUCell(UNITS, dtype="mixed_bfloat16"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_cell_that_is_not_what_it_seems_goes_by_tapes(name):
    cell = OTHERS[name]()
    if not cell.built:
        cell.build((None, FEATURES))
    assert not is_by_hand(cell)


def test_errors_that_a_cell_clips_are_clipped_at_every_step():
    """The right value where by hand would be wrong: one step after another, under one tape."""
    cell = OTHERS["clipped"]()
    x, state, errors = problem(cell)
    result = gradients(
        cell, lambda outputs: tf.reduce_sum(errors * outputs), x, state,
        Truncation(STEPS, STEPS), cell.trainable_variables,
    )  # fmt: skip
    with tf.GradientTape() as tape:
        loss, now = 0.0, state
        for step, error in zip(x, errors, strict=True):
            output, now = cell(step, now)
            loss += tf.reduce_sum(error * output)
    expected = tape.gradient(loss, [weight.value for weight in cell.trainable_variables])
    for one, other in zip(result.gradients, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10)


def test_a_weight_that_is_two_has_the_sum_of_both(monkeypatch):
    def answered():
        cell = tied()
        cell.recurrent_kernel.assign([[0.3, -0.2], [0.5, 0.1]])
        rng = np.random.default_rng(2)
        x, error = (tf.constant(rng.normal(size=(STEPS, ROWS, FEATURES))) for _ in range(2))
        return gradients(
            cell, lambda outputs: tf.reduce_sum(error * outputs), x, tf.zeros((ROWS, 2), x.dtype),
            Truncation(1, 5), [cell.recurrent_kernel],
        ).gradients[0]  # fmt: skip

    by_hand = answered()
    monkeypatch.setattr("tbptt.tensorflow.compiled.kind_of", lambda *_: None)
    np.testing.assert_allclose(by_hand, answered(), rtol=1e-11)


def test_float32_is_by_hand_as_well():
    assert is_by_hand(built("LSTM", dtype="float32"))
    assert all(
        part.dtype == "float32" for part in answer(built("LSTM", dtype="float32"), Truncation(1, 3))
    )
