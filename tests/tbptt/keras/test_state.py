"""Carried state in Keras: found, reset by row, kept, moved, and guarded."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from tbptt.keras import (
    kept_state,
    reset_rows,
    restore,
    snapshot,
    stateful_layers,
    twin,
)


def layers(kind):
    """Recurrent layers of a kind, and the widths of their states in order."""
    lstm, gru = keras.layers.LSTM, keras.layers.GRU
    return {
        "lstm": ([lstm(3, stateful=True)], [3, 3]),
        "gru": ([gru(3, stateful=True)], [3]),
        "stack": (
            [lstm(3, stateful=True, return_sequences=True), gru(2, stateful=True)],
            [3, 3, 2],
        ),
        "cells": (
            [keras.layers.RNN([keras.layers.LSTMCell(3), keras.layers.GRUCell(2)], stateful=True)],
            [3, 3, 2],
        ),
        "both ways": ([keras.layers.Bidirectional(gru(2, stateful=True))], [2, 2]),
        "mixed": ([lstm(4, return_sequences=True), gru(2, stateful=True)], [2]),
    }[kind]


KINDS = ("lstm", "gru", "stack", "cells", "both ways", "mixed")


def model_of(kind="lstm", batch=3, steps=None):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input(batch_shape=(batch, steps, 2)), *layers(kind)[0], keras.layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    return model


def answer(model, x):
    """What the model itself says, batch by batch, on every backend."""
    return np.array(keras.ops.convert_to_numpy(model(x)))


def inputs(rows=3, steps=4, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, steps, 2)).astype("float32")


@pytest.mark.parametrize("kind", KINDS)
def test_a_snapshot_holds_the_whole_state_and_restores_it(kind):
    model, x = model_of(kind), inputs()
    answer(model, x)
    before = snapshot(model)
    assert [s.shape for s in before] == [(3, width) for width in layers(kind)[1]]
    first = answer(model, x)
    second = answer(model, x)
    assert abs(first - second).max() > 1e-6  # the state makes a difference
    restore(model, before)
    assert_array_equal(answer(model, x), first)
    with kept_state(model):
        kept = snapshot(model)
        answer(model, x)
    for ours, theirs in zip(snapshot(model), kept, strict=True):
        assert_array_equal(ours, theirs)


def test_state_is_put_back_even_when_the_body_raises():
    model = model_of()
    before = snapshot(model)
    with pytest.raises(RuntimeError), kept_state(model):  # noqa: PT012
        answer(model, inputs())
        raise RuntimeError
    assert_array_equal(snapshot(model)[0], before[0])


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_reset_alone(kind):
    model, x = model_of(kind), inputs()
    answer(model, x)
    before = snapshot(model)
    reset_rows(model, [False, True, False])
    for ours, theirs in zip(snapshot(model), before, strict=True):
        assert_array_equal(ours[[0, 2]], theirs[[0, 2]])
        assert not ours[1].any()
        assert theirs[1].any()
    # A reset row does what a fresh one does.
    assert_allclose(answer(model, x)[1], answer(model_of(kind), x)[1], rtol=0, atol=1e-6)
    reset_rows(model)
    assert not any(state.any() for state in snapshot(model))


# Keras's own reading of a tensor whose dtype NumPy does not have.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("policy", ["float16", "bfloat16", "mixed_float16", "mixed_bfloat16"])
def test_a_state_of_any_dtype(policy):
    keras.utils.set_random_seed(0)
    options = {"stateful": True, "dtype": policy, "recurrent_initializer": "glorot_uniform"}
    whole = keras.Input(batch_shape=(3, 4, 2))
    old = keras.__version__.startswith("3.7.") and keras.backend.backend() == "tensorflow"
    if "mixed" in policy and old:
        with pytest.raises(ValueError, match="Tensor conversion"):  # Keras's own
            keras.Sequential([whole, keras.layers.GRU(3, **options)])
        return
    model = keras.Sequential([whole, keras.layers.GRU(3, **options)])
    if keras.backend.backend() == "torch" and "mixed" in policy:
        model(inputs())
        plain = keras.Sequential([keras.Input((4, 2)), keras.layers.GRU(3, dtype=policy)])
        for call in (snapshot, reset_rows, lambda model: twin(plain, 3, stateful=True)):
            with pytest.raises(ValueError, match=f"torch backend carries no .* is '{policy}'"):
                call(model)
        return
    model(inputs())
    before = snapshot(model)
    answers = [model(inputs())]
    restore(model, before)
    answers.append(model(inputs()))
    reset_rows(model, [True, False, False])
    rows = np.asarray(snapshot(model)[0], "float32").any(axis=1)
    assert_array_equal(rows, [False, True, True])
    first, second = (
        keras.ops.convert_to_numpy(keras.ops.cast(answer, "float32")) for answer in answers
    )
    assert_allclose(first, second, rtol=0, atol=1e-2)


class Subclassed(keras.Model):
    """A model of the reader's own, built by the first batch that it sees."""

    def __init__(self):
        super().__init__()
        self.rnn = keras.layers.SimpleRNN(3, stateful=True)

    def call(self, x):
        return self.rnn(x)


def test_the_advice_for_a_model_that_is_not_built_works():
    model = Subclassed()
    reset_rows(model)  # nothing yet to reset
    with pytest.raises(
        ValueError, match=r"has not seen a batch. Call the model on one .*x\[:batch"
    ):
        snapshot(model)
    model(inputs())
    assert snapshot(model)[0].any()


def test_nested_models_and_wrappers_are_reached():
    inner = keras.Sequential(
        [
            keras.Input(batch_shape=(3, 4, 2)),
            keras.layers.GRU(2, stateful=True, return_sequences=True),
        ]
    )
    middle = keras.Sequential([keras.Input(batch_shape=(3, 4, 2)), inner])
    both = keras.layers.Bidirectional(keras.layers.SimpleRNN(2, stateful=True))
    model = keras.Sequential([keras.Input(batch_shape=(3, 4, 2)), middle, both])
    first = answer(model, inputs())
    assert [state.shape for state in snapshot(model)] == [(3, 2)] * 3
    assert all(state.any() for state in snapshot(model))
    reset_rows(model, [True, False, True])
    again = answer(model, inputs())
    assert_allclose(again[[0, 2]], first[[0, 2]], rtol=0, atol=1e-6)
    assert abs(again[1] - first[1]).max() > 1e-4


def test_a_convolutional_layer_has_a_state_too():
    keras.utils.set_random_seed(0)
    layer = keras.layers.ConvLSTM1D(2, 2, stateful=True)
    model = keras.Sequential([keras.Input(batch_shape=(3, 4, 5, 1)), layer])
    x = np.random.default_rng(0).normal(size=(3, 4, 5, 1)).astype("float32")
    first = answer(model, x)
    assert [state.shape for state in snapshot(model)] == [(3, 4, 2)] * 2
    reset_rows(model, [False, False, True])
    again = answer(model, x)
    assert_allclose(again[2], first[2], rtol=0, atol=1e-6)
    assert abs(again[:2] - first[:2]).max() > 1e-4


def test_a_row_that_is_not_finite_is_reset():
    model = model_of()
    restore(model, [np.full((3, 3), np.nan)] * 2)
    reset_rows(model, [True, True, False])
    assert_array_equal(np.isnan(snapshot(model)[0]).any(axis=1), [False, False, True])


@pytest.mark.parametrize(
    ("error", "words", "call"),
    [
        (TypeError, "must be a Keras model", lambda: stateful_layers("model")),
        (ValueError, "no layer that carries state", lambda: snapshot(keras.layers.LSTM(2))),
        (ValueError, "has no state yet", lambda: snapshot(keras.layers.LSTM(2, stateful=True))),
        (ValueError, r"of shapes \[\(2, 3\)\]", lambda: restore(model_of(), [np.ones((2, 3))])),
        (TypeError, "rows must be bools", lambda: reset_rows(model_of(), [0, 2])),
        (ValueError, "rows is ragged", lambda: reset_rows(model_of(), [[1], [2, 3]])),
        (TypeError, "rows is a symbolic", lambda: reset_rows(model_of(), keras.Input((3,)))),
        (ValueError, r"states\[0\] is ragged", lambda: restore(model_of(), [[[1], [2, 3]]] * 2)),
        (TypeError, r"states\[1\] must hold numbers",
         lambda: restore(model_of(), [np.ones((3, 3)), ["a"]])),
        (ValueError, r"\(2,\), but the state has 3", lambda: reset_rows(model_of(), [True] * 2)),
    ],
)  # fmt: skip
def test_bad_input_is_named(error, words, call):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize(
    ("error", "words", "call"),
    [
        (ValueError, "must be the same",
         lambda model: restore(model, [np.zeros((3, 3)), np.zeros((3, 2))])),
        (TypeError, "must hold numbers",
         lambda model: restore(model, [np.zeros((3, 3)), np.full((3, 3), "a")])),
        (TypeError, "states must be a list", lambda model: restore(model, None)),
        (ValueError, "but the state has 3 rows", lambda model: reset_rows(model, [True])),
    ],
)  # fmt: skip
def test_what_is_refused_changes_nothing(error, words, call):
    model = model_of()
    answer(model, inputs())
    before = snapshot(model)
    with pytest.raises(error, match=words):
        call(model)
    for ours, theirs in zip(snapshot(model), before, strict=True):
        assert_array_equal(ours, theirs)
