"""Keras layers as cells: the layers' own answers, gradients and weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tbptt import Truncation
from tbptt.tensorflow import as_cell, gradients, online
from tbptt.tensorflow.by_hand import kind_of

FEATURES, UNITS, STEPS, ROWS = 2, 3, 9, 4
KINDS = {
    "RNN": keras.layers.SimpleRNN,
    "GRU": keras.layers.GRU,
    "LSTM": keras.layers.LSTM,
    "own": lambda units, **options: keras.layers.RNN(
        keras.layers.LSTMCell(units, dtype="float64", activation="elu"), **options
    ),
}


def model_of(*names):
    keras.utils.set_random_seed(0)
    layers = [
        KINDS[name](UNITS + place, return_sequences=True, dtype="float64")
        for place, name in enumerate(names)
    ]
    return keras.Sequential([keras.Input((None, FEATURES), dtype="float64"), *layers])


@pytest.mark.parametrize(
    "names", [("GRU",), ("LSTM",), ("RNN", "GRU"), ("LSTM", "LSTM", "GRU"), ("own", "LSTM")]
)
def test_a_pass_over_all_steps_is_the_layers_own(names):
    model = model_of(*names)
    rng = np.random.default_rng(1)
    x = tf.constant(rng.normal(size=(STEPS, ROWS, FEATURES)))
    errors = tf.constant(rng.normal(size=(STEPS, ROWS, UNITS + len(names) - 1)))
    with tf.GradientTape() as tape:
        outputs = tf.transpose(model(tf.transpose(x, [1, 0, 2])), [1, 0, 2])
        loss = tf.reduce_sum(errors * outputs**2)
    wanted = tape.gradient(loss, [variable.value for variable in model.trainable_variables])

    cell = as_cell(model)
    result = gradients(
        cell, lambda outputs: tf.reduce_sum(errors * outputs**2), x,
        cell.get_initial_state(batch_size=ROWS), Truncation(STEPS, STEPS),
        model.trainable_variables,
    )  # fmt: skip
    np.testing.assert_allclose(result.loss, loss, rtol=1e-12)
    for grad, other in zip(result.gradients, wanted, strict=True):
        np.testing.assert_allclose(grad, other, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(("k1", "k2"), [(1, 4), (3, 5)])
def test_a_stack_is_cut_as_one_error_after_another_says(k1, k2):
    """Each pass under a tape of its own, from the state that the run had before it."""
    cell = as_cell(model_of("LSTM", "GRU"))
    rng = np.random.default_rng(2)
    x = tf.constant(rng.normal(size=(STEPS, ROWS, FEATURES)))
    errors = tf.constant(rng.normal(size=(STEPS, ROWS, UNITS + 1)))
    weights, truncation = cell.trainable_variables, Truncation(k1, k2)
    first = cell.get_initial_state(batch_size=ROWS)
    befores, state = [], first
    for step in x:
        befores.append(state)
        _, state = cell(step, state)
    sums = [np.zeros(weight.shape) for weight in weights]
    for end in range(k1, STEPS + k1, k1):
        end_of_pass = min(end, STEPS)
        begin = max(end_of_pass - k2, 0)
        with tf.GradientTape() as tape:
            loss, now = 0.0, befores[begin]
            for t in range(begin, end_of_pass):
                output, now = cell(x[t], now)
                if t >= end - k1:
                    loss += tf.reduce_sum(errors[t] * output)
        for total, share in zip(sums, tape.gradient(loss, [w.value for w in weights]), strict=True):
            total += share.numpy()
    result = gradients(
        cell, lambda outputs: tf.reduce_sum(errors * outputs), x, first, truncation, weights
    )
    for grad, wanted in zip(result.gradients, sums, strict=True):
        np.testing.assert_allclose(grad, wanted, rtol=1e-10, atol=1e-12)


def test_weights_are_shared_and_built_where_they_were_not():
    layers = [keras.layers.LSTM(UNITS, return_sequences=True), keras.layers.LSTM(UNITS)]
    cell = as_cell(layers)
    assert not any(layer.built for layer in layers)
    cell(tf.ones((ROWS, FEATURES)), cell.get_initial_state(batch_size=ROWS))
    model = keras.Sequential(layers)
    model.build((ROWS, STEPS, FEATURES))
    assert [id(one) for one in model.trainable_variables] == [
        id(one) for one in cell.trainable_variables
    ]


def test_one_layer_is_its_own_cell_and_a_stack_goes_by_hand():
    layer = keras.layers.GRU(UNITS)
    assert as_cell(layer) is as_cell([layer]) is layer.cell
    cell = as_cell(model_of("LSTM", "GRU"))
    state = cell.get_initial_state(batch_size=ROWS)
    assert kind_of(cell, tf.zeros((1, ROWS, FEATURES), tf.float64), state) is not None


def test_a_stream_takes_a_stack():
    cell = as_cell(model_of("GRU", "LSTM"))
    x = tf.constant(np.random.default_rng(3).normal(size=(STEPS, ROWS, FEATURES)))
    first, weights = cell.get_initial_state(batch_size=ROWS), cell.trainable_variables
    square = lambda outputs: tf.reduce_sum(outputs**2)  # noqa: E731
    whole = gradients(cell, square, x, first, Truncation(3, 5), weights).gradients
    blocks = [(x[at : at + 3], None) for at in range(0, STEPS, 3)]
    parts = online(
        cell, lambda outputs, _: square(outputs), blocks, first, Truncation(3, 5), weights
    )
    for wanted, *shares in zip(whole, *(part.gradients for part in parts), strict=True):
        np.testing.assert_allclose(sum(shares), wanted, rtol=1e-10, atol=1e-12)


def test_half_precision_stays_what_the_layers_have():
    layers = [
        keras.layers.GRU(UNITS, return_sequences=True, dtype="float64"),
        keras.layers.GRU(UNITS, dtype="float64"),
    ]
    assert as_cell(layers).compute_dtype == "float64"


SEQUENCES = keras.layers.GRU(2, return_sequences=True)


@pytest.mark.parametrize(
    ("layers", "error", "words"),
    [
        ([], ValueError, "layers is empty"),
        (3, TypeError, "layers must be a recurrent layer or a list of them, got 3"),
        (keras.layers.GRUCell(2), TypeError, "A cell goes to the engines as it is"),
        ([keras.layers.GRU(2), keras.layers.Dense(1)], ValueError, "return_sequences=True"),
        (
            [keras.layers.GRU(2, return_sequences=True), keras.layers.Dense(1, name="out")],
            TypeError,
            r"Layer 1, out \(Dense\), follows .* as in model\.layers\[:1\], and call it in loss_fn",
        ),
        (
            [keras.layers.Dense(1, name="first"), keras.layers.GRU(2)],
            TypeError,
            r"Layer 0, first \(Dense\), comes before .* layers\[0\]\(inputs\)",
        ),
        ([keras.layers.Dense(1)], TypeError, r"Dense.* in place 0\. .*model\.layers\[:-1\]"),
        ([keras.layers.GRU(2), keras.layers.GRUCell(2)], ValueError, "return_sequences=True"),
        ([SEQUENCES, keras.layers.GRUCell(2)], TypeError, "A cell goes to the engines as it is"),
        (
            keras.layers.Bidirectional(keras.layers.GRU(2), name="both"),
            ValueError,
            r"Layer 0, both \(Bidirectional\), is bidirectional: .*Truncate two layers",
        ),
        (
            keras.layers.LSTM(2, go_backwards=True, name="back"),
            ValueError,
            r"Layer 0, back \(LSTM\), runs backwards",
        ),
    ],
)
def test_bad_input(layers, error, words):
    with pytest.raises(error, match=words):
        as_cell(layers)


@pytest.mark.parametrize(
    ("between", "error", "words"),
    [
        (keras.layers.Dropout(0.5), TypeError, "draws again .* two answers.* or in loss_fn"),
        (keras.layers.SpatialDropout1D(0.5), TypeError, "draws again .* Leave it out"),
        (keras.layers.GaussianNoise(0.5), TypeError, "draws again .* Leave it out"),
        (keras.layers.BatchNormalization(), TypeError, "steps to come.* LayerNormalization can"),
        (keras.layers.Dense(3), TypeError, "Leave it out, or run it in each step of a cell of"),
        (
            keras.layers.Bidirectional(keras.layers.GRU(2, return_sequences=True)),
            ValueError,
            "is bidirectional.* Truncate two layers",
        ),
    ],
    ids=lambda each: type(each).__name__,
)
def test_what_stands_between_recurrent_layers_is_named_with_a_way_out(between, error, words):
    model = keras.Sequential(
        [keras.layers.LSTM(2, return_sequences=True), between, keras.layers.LSTM(2)]
    )
    for layers in (model, model.layers):
        with pytest.raises(error, match=rf"^Layer 1, {between.name} \({type(between).__name__}\),"):
            as_cell(layers)
        with pytest.raises(error, match=words):
            as_cell(layers)
