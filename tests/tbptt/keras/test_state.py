"""Carried state in Keras: found, reset by row, kept, moved, and guarded."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from tbptt.keras import (
    KeepState,
    ResetState,
    check_batches,
    kept_state,
    reset_rows,
    restore,
    snapshot,
    stateful_layers,
    twin,
)
from tbptt.windows import in_lanes, stateful_batches


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


def inputs(rows=3, steps=4, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, steps, 2)).astype("float32")


@pytest.mark.parametrize("kind", KINDS)
def test_a_snapshot_holds_the_whole_state_and_restores_it(kind):
    model, x = model_of(kind), inputs()
    model.predict_on_batch(x)
    before = snapshot(model)
    assert [s.shape for s in before] == [(3, width) for width in layers(kind)[1]]
    first = model.predict_on_batch(x)
    second = model.predict_on_batch(x)
    assert abs(first - second).max() > 1e-6  # the state makes a difference
    restore(model, before)
    assert_array_equal(model.predict_on_batch(x), first)
    with kept_state(model):
        kept = snapshot(model)
        model.predict_on_batch(x)
    for ours, theirs in zip(snapshot(model), kept, strict=True):
        assert_array_equal(ours, theirs)


def test_state_is_put_back_even_when_the_body_raises():
    model = model_of()
    before = snapshot(model)
    with pytest.raises(RuntimeError), kept_state(model):  # noqa: PT012
        model.predict_on_batch(inputs())
        raise RuntimeError
    assert_array_equal(snapshot(model)[0], before[0])


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_reset_alone(kind):
    model, x = model_of(kind), inputs()
    model.predict_on_batch(x)
    before = snapshot(model)
    reset_rows(model, [False, True, False])
    for ours, theirs in zip(snapshot(model), before, strict=True):
        assert_array_equal(ours[[0, 2]], theirs[[0, 2]])
        assert not ours[1].any()
        assert theirs[1].any()
    # A reset row does what a fresh one does.
    assert_allclose(
        model.predict_on_batch(x)[1], model_of(kind).predict_on_batch(x)[1], rtol=0, atol=1e-6
    )
    reset_rows(model)
    assert not any(state.any() for state in snapshot(model))


def test_a_row_that_is_not_finite_is_reset():
    model = model_of()
    restore(model, [np.full((3, 3), np.nan)] * 2)
    reset_rows(model, [True, True, False])
    assert_array_equal(np.isnan(snapshot(model)[0]).any(axis=1), [False, False, True])


@pytest.mark.parametrize("batch_size", [1, 2, 6])
def test_lanes_carry_each_sequence_through(batch_size):
    x = inputs(rows=6, steps=12)
    whole = model_of(batch=6).predict_on_batch(x)
    windows = x.reshape(18, 4, 2)  # three of each sequence, as prepare_sequences orders them
    (laid,) = in_lanes(windows, n_windows=3, batch_size=batch_size)
    model = model_of(batch=batch_size)
    said = model.predict(laid, batch_size, verbose=0, callbacks=[ResetState(every=3)])
    order, _ = stateful_batches(6, 3, batch_size)
    last = said[np.argsort(order.ravel())].reshape(6, 3)[:, 2:]
    assert_allclose(last, whole, rtol=0, atol=1e-6)


def zeros_before(*calls, batches=6, epochs=2):
    """Before which batches of fit, evaluate and predict the state is zero."""
    model, seen = model_of(batch=1, steps=4), []

    class Watch(keras.callbacks.Callback):
        def see(self, where, batch):
            seen.append((where, batch, not snapshot(self.model)[0].any()))

        def on_train_batch_begin(self, batch, logs=None):
            self.see("fit", batch)

        def on_test_batch_begin(self, batch, logs=None):
            self.see("evaluate", batch)

        def on_predict_batch_begin(self, batch, logs=None):
            self.see("predict", batch)

    x = inputs(rows=batches)
    y = np.zeros((batches, 1))
    model.fit(x, y, 1, epochs, shuffle=False, verbose=0, callbacks=[*calls, Watch()])
    model.evaluate(x, y, 1, verbose=0, callbacks=[*calls, Watch()])
    model.predict(x, 1, verbose=0, callbacks=[*calls, Watch()])
    return {
        where: [batch for name, batch, zero in seen if name == where and zero]
        for where in ("fit", "evaluate", "predict")
    }


def test_resets_come_where_they_were_asked_for():
    assert zeros_before(ResetState(every=2)) == {
        "fit": [0, 2, 4] * 2, "evaluate": [0, 2, 4], "predict": [0, 2, 4],
    }  # fmt: skip
    assert zeros_before(ResetState(at=[1, 5])) == {
        "fit": [0, 1, 5] * 2, "evaluate": [0, 1, 5], "predict": [0, 1, 5],
    }  # fmt: skip
    assert zeros_before(ResetState()) == {"fit": [0, 0], "evaluate": [0], "predict": [0]}
    # Keras itself: zero once, when the model is new, and never again.
    assert zeros_before() == {"fit": [0], "evaluate": [], "predict": []}


@pytest.mark.parametrize("kept", [False, True])
def test_validation_moves_the_state_unless_it_is_kept(kept):
    x, y = inputs(rows=6), np.zeros((6, 1))
    starts = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            starts.append(snapshot(self.model)[0])

    def after(validation):
        starts.clear()
        calls = [*([KeepState()] if kept else []), Watch()]
        more = {"validation_data": (x[:3], y[:3])} if validation else {}
        model_of().fit(x, y, 3, 2, shuffle=False, verbose=0, callbacks=calls, **more)
        return starts[1]

    assert np.allclose(after(True), after(False), rtol=0, atol=1e-7) == kept


@pytest.mark.parametrize("kind", ["lstm", "gru", "stack", "cells"])
def test_a_twin_says_the_same_at_any_batch_size_and_length(kind):
    model, x = model_of(kind, steps=4), inputs(steps=8)
    model.predict_on_batch(x[:, :4])
    both = model.predict_on_batch(x[:, 4:])
    one = twin(model, 1)
    assert not any(state.any() for state in snapshot(one))
    for row in range(3):
        reset_rows(one)
        assert_allclose(one.predict_on_batch(x[row : row + 1]), both[row : row + 1], atol=1e-6)
    reset_rows(one)
    for step in range(8):
        said = one.predict_on_batch(x[:1, step : step + 1])
    assert_allclose(said, both[:1], atol=1e-6)
    assert twin(model, 5, steps=7).input_shape == (5, 7, 2)
    one.set_weights([0 * weight for weight in one.get_weights()])
    assert model.get_weights()[0].any()  # a copy


def test_a_twin_of_a_stateless_model_can_carry():
    keras.utils.set_random_seed(0)
    layers = [keras.layers.LSTM(3, return_sequences=True), keras.layers.GRU(2)]
    plain = keras.Sequential([keras.Input((8, 2)), *layers])
    x = inputs(steps=8)
    whole = plain.predict_on_batch(x)
    carried = twin(plain, 3, stateful=True)
    for start in (0, 3, 6):
        said = carried.predict_on_batch(x[:, start : start + 3])
    assert_allclose(said, whole, atol=1e-6)
    for forgets in (twin(carried, 3, stateful=False), twin(plain, 3)):
        with pytest.raises(ValueError, match="no layer that carries state"):
            stateful_layers(forgets)


def test_keras_broadcasts_a_last_row_and_the_check_refuses_it():
    model, x = model_of(batch=2, steps=4), inputs(rows=5)
    assert len(model.predict(x, batch_size=2, verbose=0)) == 6  # Keras, today
    with pytest.raises(ValueError, match=r"5 rows do not fill batches of 2: 1 would be left"):
        check_batches(model, x)
    assert check_batches(model, x[:4])[0] is not None
    assert len(model.predict(*check_batches(model, x[:4]), batch_size=2, verbose=0)) == 4


@pytest.mark.parametrize(
    ("error", "words", "call"),
    [
        (TypeError, "must be a Keras model", lambda: stateful_layers("model")),
        (ValueError, "no layer that carries state", lambda: snapshot(keras.layers.LSTM(2))),
        (ValueError, "has no state yet", lambda: snapshot(keras.layers.LSTM(2, stateful=True))),
        (ValueError, r"of shapes \[\(2, 3\)\]", lambda: restore(model_of(), [np.ones((2, 3))])),
        (TypeError, "rows must be bools", lambda: reset_rows(model_of(), [0, 2])),
        (ValueError, r"\(2,\), but the state has 3", lambda: reset_rows(model_of(), [True] * 2)),
        (ValueError, "not both", lambda: ResetState(every=2, at=[1])),
        (ValueError, "every must be", lambda: ResetState(every=0)),
        (TypeError, "integer", lambda: ResetState(every=2.0)),
        (ValueError, "got -1", lambda: ResetState(at=[3, -1])),
        (ValueError, "not whole sequences of 4",
         lambda: in_lanes(inputs(6), n_windows=4, batch_size=1)),
        (ValueError, r"lengths \[6, 5\]",
         lambda: in_lanes(inputs(6), np.ones(5), n_windows=3, batch_size=1)),
        (ValueError, "does not divide 2", lambda: in_lanes(inputs(6), n_windows=3, batch_size=4)),
        (TypeError, "Sequential or functional", lambda: twin(keras.layers.LSTM(2), 1)),
        (ValueError, "batch_size", lambda: twin(model_of(), 0)),
        (TypeError, "steps", lambda: twin(model_of(), 1, steps=1.5)),
        (TypeError, "True, False or left out", lambda: twin(model_of(), 1, stateful=1)),
    ],
)  # fmt: skip
def test_bad_input_is_named(error, words, call):
    with pytest.raises(error, match=words):
        call()


def test_a_refused_snapshot_changes_nothing():
    model = model_of()
    model.predict_on_batch(inputs())
    before = snapshot(model)
    with pytest.raises(ValueError, match="must be the same"):
        restore(model, [np.zeros((3, 3)), np.zeros((3, 2))])
    for ours, theirs in zip(snapshot(model), before, strict=True):
        assert_array_equal(ours, theirs)
