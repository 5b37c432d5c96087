"""Callbacks: resets where they were asked for, and a state that validation leaves alone."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from tbptt.keras import KeepState, ResetState, reset_rows, snapshot
from tbptt.windows import in_lanes, stateful_batches

TORCH = keras.backend.backend() == "torch"


def model_of(batch=1, steps=4, layer=None):
    keras.utils.set_random_seed(0)
    layer = layer or keras.layers.LSTM(3, stateful=True, use_cudnn=False)
    model = keras.Sequential(
        [keras.Input(batch_shape=(batch, steps, 2)), layer, keras.layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    return model


def counter(rows=1, **compiled):
    """A model that counts the steps since the state was zero."""
    ones = {"kernel_initializer": "ones", "recurrent_initializer": "ones"}
    layer = keras.layers.SimpleRNN(1, activation=None, stateful=True, **ones)
    model = keras.Sequential([keras.Input(batch_shape=(rows, 1, 1)), layer])
    model.compile(keras.optimizers.SGD(0.0), "mse", **compiled)
    return model


def counted(model, batches=6, **options):
    x = np.ones((batches, 1, 1))
    return model.predict(x, batch_size=1, verbose=0, **options).ravel().tolist()


def inputs(rows=3, steps=4, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, steps, 2)).astype("float32")


@pytest.mark.carries
@pytest.mark.parametrize("batch_size", [1, 2, 6])
def test_lanes_carry_each_sequence_through(batch_size):
    x = inputs(rows=6, steps=12)
    whole = model_of(batch=6, steps=None).predict_on_batch(x)
    windows = x.reshape(18, 4, 2)  # three of each sequence, as prepare_sequences orders them
    (laid,) = in_lanes(windows, n_windows=3, batch_size=batch_size)
    model = model_of(batch=batch_size)
    answers = model.predict(laid, batch_size, verbose=0, callbacks=[ResetState(every=3)])
    order, _ = stateful_batches(6, 3, batch_size)
    last = answers[np.argsort(order.ravel())].reshape(6, 3)[:, 2:]
    assert_allclose(last, whole, rtol=0, atol=1e-6)


class Watch(keras.callbacks.Callback):
    """Notes before which batches the state is zero."""

    def __init__(self):
        super().__init__()
        self.zero = {"fit": [], "evaluate": [], "predict": []}

    def note(self, where, batch):
        if not snapshot(self.model)[0].any():
            self.zero[where].append(batch)

    def on_train_batch_begin(self, batch, logs=None):
        self.note("fit", batch)

    def on_test_batch_begin(self, batch, logs=None):
        self.note("evaluate", batch)

    def on_predict_batch_begin(self, batch, logs=None):
        self.note("predict", batch)


def zeros_before(*calls, batches=6, epochs=2):
    """Before which batches of fit, evaluate and predict the state is zero."""
    model, watch = model_of(), Watch()
    x, y = inputs(rows=batches), np.zeros((batches, 1))
    model.fit(x, y, 1, epochs, shuffle=False, verbose=0, callbacks=[*calls, watch])
    model.evaluate(x, y, 1, verbose=0, callbacks=[*calls, watch])
    model.predict(x, 1, verbose=0, callbacks=[*calls, watch])
    return watch.zero


@pytest.mark.carries
@pytest.mark.trains
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


class Batches(keras.utils.PyDataset):
    """Data that makes its own batches."""

    def __len__(self):
        return 6

    def __getitem__(self, index):
        return np.ones((2, 1, 1)), np.ones((2, 1))


def generator():
    while True:
        yield np.ones((2, 1, 1)), np.ones((2, 1))


@pytest.mark.carries
@pytest.mark.trains
@pytest.mark.parametrize("kind", ["generator", "PyDataset"])
def test_generators_and_datasets_are_counted_as_arrays_are(kind):
    model, watch = counter(rows=2), Watch()
    data, steps = (generator(), 6) if kind == "generator" else (Batches(), None)
    calls = [ResetState(every=3), KeepState(), watch]
    model.fit(
        data, steps_per_epoch=steps, epochs=2, verbose=0, callbacks=calls, shuffle=False,
        validation_data=generator() if steps else Batches(), validation_steps=steps,
    )  # fmt: skip
    assert watch.zero["fit"] == [0, 3] * 2
    assert watch.zero["evaluate"] == [0, 3] * 2
    assert snapshot(model)[0].ravel().tolist() == [3, 3]


@pytest.mark.carries
@pytest.mark.trains
def test_validation_split_counts_each_part_by_itself():
    model, watch = model_of(batch=2), Watch()
    x, y = inputs(rows=12), np.zeros((12, 1))
    model.fit(
        x, y, 2, 2, validation_split=1 / 3, verbose=0, shuffle=False,
        callbacks=[KeepState(), ResetState(every=2), watch],
    )  # fmt: skip
    assert watch.zero["fit"] == [0, 2] * 2
    assert watch.zero["evaluate"] == [0] * 2


@pytest.mark.parametrize(
    ("at_once", "asked", "fits"),
    [
        (1, {"every": 3}, True),
        (2, {"every": 3}, False),
        (3, {"every": 3}, True),
        (2, {"every": 4}, True),
        (2, {"at": [2, 4]}, True),
        (2, {"at": [3]}, False),
        (3, {}, True),
        ("auto", {"every": 3}, False),
        ("auto", {"at": [2]}, False),
        ("auto", {}, True),
    ],
)
@pytest.mark.carries
def test_a_reset_within_an_execution_is_refused(at_once, asked, fits):
    model = counter()
    if at_once != "auto" and not TORCH:
        model = counter(steps_per_execution=at_once)
        if fits:
            wanted = [t % asked.get("every", 6) + 1 for t in range(6)]
            wanted = [1, 2, 1, 2, 1, 2] if "at" in asked else wanted
            assert counted(model, callbacks=[ResetState(**asked)]) == wanted
            return
    else:  # which Keras 3.15 cannot run, nor its PyTorch backend anything but 1
        model.steps_per_execution = at_once
    call = ResetState(**asked)
    call.set_model(model)
    weights = model.get_weights()
    if fits:
        call.on_test_begin()
        call.on_predict_begin()
        return
    for begin in (call.on_train_begin, call.on_test_begin, call.on_predict_begin):
        with pytest.raises(ValueError, match=f"steps_per_execution={at_once!r}: Keras calls"):
            begin()
    if at_once != "auto" and not TORCH:
        x, y = np.ones((6, 1, 1)), np.ones((6, 1))
        for run in (lambda c: model.fit(x, y, 1, verbose=0, callbacks=c),
                    lambda c: model.evaluate(x, y, 1, verbose=0, callbacks=c),
                    lambda c: model.predict(x, 1, verbose=0, callbacks=c)):  # fmt: skip
            with pytest.raises(ValueError, match="Compile it with steps_per_execution=1"):
                run([call])
    assert not snapshot(model)[0].any()
    for ours, theirs in zip(model.get_weights(), weights, strict=True):
        assert_array_equal(ours, theirs)


class Late(keras.Model):
    """A model of the reader's own, which fit and the like build."""

    def __init__(self):
        super().__init__()
        ones = {"kernel_initializer": "ones", "recurrent_initializer": "ones"}
        self.rnn = keras.layers.SimpleRNN(1, activation=None, stateful=True, **ones)

    def call(self, x):
        return self.rnn(x)


def test_a_model_that_is_not_built_begins_at_zero():
    if keras.backend.backend() == "jax":
        with pytest.raises(ValueError, match="create a variable while in a stateless scope"):
            counted(Late())  # Keras itself does not build it
    else:
        assert counted(Late(), callbacks=[ResetState(every=3)]) == [1, 2, 3, 1, 2, 3]


@pytest.mark.carries
@pytest.mark.trains
def test_a_callback_that_went_to_another_model_says_so():
    first, second, call = counter(), counter(), ResetState(every=2)

    class Between(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            counted(second, callbacks=[call])

    x, y = np.ones((6, 1, 1)), np.ones((6, 1))
    with pytest.raises(ValueError, match="make one for each model"):
        first.fit(x, y, 1, verbose=0, shuffle=False, callbacks=[call, Between()])
    # One after the other is no trouble.
    for model in (first, second, first):
        assert counted(model, callbacks=[call]) == [1, 2, 1, 2, 1, 2]


@pytest.mark.carries
@pytest.mark.trains
@pytest.mark.parametrize("kept", [False, True])
def test_validation_moves_the_state_unless_it_is_kept(kept):
    x, y = inputs(rows=6), np.zeros((6, 1))
    starts = []

    class Starts(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            starts.append(snapshot(self.model)[0])

    def after(validation):
        starts.clear()
        calls = [KeepState(), Starts()] if kept or not validation else [Starts()]
        more = {"validation_data": (x[:3], y[:3])} if validation else {}
        model_of(batch=3).fit(x, y, 3, 2, shuffle=False, verbose=0, callbacks=calls, **more)
        return starts[1]

    assert np.allclose(after(False), after(True), rtol=0, atol=1e-7) == kept


@pytest.mark.carries
@pytest.mark.trains
def test_evaluate_inside_fit_keeps_the_state_of_both():
    model, starts = counter(), []
    x, y = np.ones((4, 1, 1)), np.ones((4, 1))
    keep = KeepState()

    class Evaluate(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.evaluate(x, y, 1, verbose=0, callbacks=[keep, ResetState(every=2)])
            starts.append(snapshot(self.model)[0].item())

        def on_test_batch_end(self, batch, logs=None):  # and within validation
            before = snapshot(self.model)[0]
            self.model.evaluate(x, y, 1, verbose=0, callbacks=[keep])
            assert_array_equal(snapshot(self.model)[0], before)

    calls = [ResetState(), keep, Evaluate()]
    model.fit(x, y, 1, 2, verbose=0, shuffle=False, callbacks=calls, validation_data=(x, y))
    assert starts == [1, 2, 3, 4] * 2
    assert snapshot(model)[0].item() == 4
    assert "evaluate" not in vars(model)


class Failing(keras.callbacks.Callback):
    """Raises at a hook, the given time that it is called."""

    def __init__(self, hook, time):
        super().__init__()
        self.left = time
        setattr(self, hook, self.fail)

    def fail(self, *_, **__):
        self.left -= 1
        if not self.left:
            raise RuntimeError("injected")


def failing(batches):
    for _ in range(batches):
        yield np.ones((2, 1, 1)), np.ones((2, 1))
    raise OSError("injected")


@pytest.mark.carries
@pytest.mark.trains
@settings(max_examples=12, deadline=None)
@given(
    st.sampled_from(["on_test_batch_begin", "on_test_batch_end", "on_test_begin", "data"]),
    st.integers(1, 2),
)  # fmt: skip
def test_the_state_is_put_back_when_validation_raises(where, time):
    model = counter(rows=2)
    x, y = np.ones((8, 1, 1)), np.ones((8, 1))
    calls, validation = [ResetState(), KeepState()], {"validation_data": (x, y)}
    if where == "data":
        validation = {"validation_data": failing(time + 1), "validation_steps": 4}
    else:
        calls.append(Failing(where, time))
    with pytest.raises(Exception, match="injected"):
        model.fit(x, y, 2, 2, verbose=0, shuffle=False, callbacks=calls, **validation)
    assert snapshot(model)[0].ravel().tolist() == [4, 4]  # as after the four batches of training
    assert "evaluate" not in vars(model)
    reset_rows(model)
    calls, more = [ResetState(), KeepState()], {"validation_data": (x, y)}
    model.fit(x, y, 2, verbose=0, shuffle=False, callbacks=calls, **more)
    assert snapshot(model)[0].ravel().tolist() == [4, 4]


@pytest.mark.carries
@pytest.mark.trains
def test_a_fit_that_raised_leaves_evaluate_as_it_is_without():
    model = counter()
    x, y = np.ones((4, 1, 1)), np.ones((4, 1))
    with pytest.raises(RuntimeError, match="injected"):
        model.fit(x, y, 1, verbose=0, callbacks=[KeepState(), Failing("on_train_batch_end", 2)])
    reset_rows(model)
    model.evaluate(x[:3], y[:3], 1, verbose=0)
    assert snapshot(model)[0].item() == 3  # moved, as no KeepState was asked for
    model.fit(x, y, 1, verbose=0, callbacks=[KeepState()])
    assert "evaluate" not in vars(model)


@pytest.mark.parametrize(
    ("error", "words", "call"),
    [
        (ValueError, "not both", lambda: ResetState(every=2, at=[1])),
        (ValueError, "every must be", lambda: ResetState(every=0)),
        (TypeError, "integer", lambda: ResetState(every=2.0)),
        (ValueError, "got -1", lambda: ResetState(at=[3, -1])),
        (TypeError, r"at must be a list of batches.*got 3", lambda: ResetState(at=3)),
        (TypeError, "at must be a list of batches", lambda: ResetState(at=np.array(3))),
        (ValueError, "each number of at must be at least 0, got -1", lambda: ResetState(at={-1})),
        (TypeError, "each number of at must be an int", lambda: ResetState(at=np.ones((2, 2)))),
        (
            TypeError,
            "must be an integer, got the bool True",
            lambda: ResetState(at=[True]),
        ),
        (
            TypeError,
            r"each number of at must be an integer, got 1\.5",
            lambda: ResetState(at=[1.5]),
        ),
    ],
)
def test_bad_input_is_named(error, words, call):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize("kind", [ResetState, KeepState])
def test_a_model_without_state_is_refused_before_anything_is_changed(kind):
    model = model_of(layer=keras.layers.SimpleRNN(3))
    weights = model.get_weights()
    with pytest.raises(ValueError, match="no layer that carries state"):
        model.fit(inputs(), np.zeros((3, 1)), 1, verbose=0, callbacks=[kind()])
    for ours, theirs in zip(model.get_weights(), weights, strict=True):
        assert_array_equal(ours, theirs)
