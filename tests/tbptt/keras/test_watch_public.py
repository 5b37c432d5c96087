"""Keras programs, in their structure: sound ones raise no alarm, planted faults are found."""

import keras
import numpy as np
import pytest

from tbptt.keras import KeepState, ResetState, Watch, kept_state, reset_rows

STEPS = 3
QUIET = {"verbose": 0, "shuffle": False}


def series(windows):
    return np.sin(np.arange(windows * STEPS) / 5).reshape(windows, STEPS, 1).astype("float32")


def layer(name, kind=keras.layers.LSTM, **options):
    own = {} if kind is keras.layers.SimpleRNN else {"use_cudnn": False}
    return kind(4, stateful=True, name=name, **own, **options)


def model_of(*layers, batch):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input(batch_shape=(batch, STEPS, 1)), *layers, keras.layers.Dense(1)]
    )
    model.compile(keras.optimizers.SGD(0.01), "mse")
    return model


def labels(x):
    return np.ascontiguousarray(x[:, -1])


def an_epoch_at_a_time_and_validation_that_goes_on(faulty):
    """One row; each fit an epoch, and the series that validates begins where training ends."""
    model, watch, x = model_of(layer("rnn"), batch=1), Watch(), series(12)
    for _ in range(3):
        held_out = (x[9:], labels(x[9:]))
        model.fit(x[:9], labels(x[:9]), 1, callbacks=[watch], validation_data=held_out, **QUIET)
        if not faulty:
            reset_rows(model)
    return watch


def an_epoch_at_a_time_then_forecasts(faulty):
    """Train, reset, let the model read the past, then forecast step by step from there."""
    model, watch, x = model_of(layer("rnn"), batch=1), Watch(), series(9)
    for _ in range(3):
        model.fit(x, labels(x), 1, callbacks=[watch], verbose=0, shuffle=faulty)
        reset_rows(model)
    model.predict(x, 1, verbose=0, callbacks=[watch])
    for _ in range(3):
        model.predict(x[-1:], 1, verbose=0, callbacks=[watch])
    return watch


def three_layers_and_validation(faulty):
    """A stack that carries its states, and data of its own to validate on after each epoch."""
    stack = [layer(name, return_sequences=name != "c") for name in "abc"]
    model, watch, x = model_of(*stack, batch=4), Watch(), series(16)
    kept = [] if faulty else [KeepState(), ResetState()]
    model.fit(
        x, labels(x), 4, 3, callbacks=[*kept, watch],
        validation_data=(x[:8], labels(x[:8])), validation_batch_size=4, **QUIET,
    )  # fmt: skip
    return watch


class ByCount(keras.callbacks.Callback):
    """Resets after so many batches, with a counter of its own."""

    def __init__(self, every):
        super().__init__()
        self.every, self.seen = every, 0

    def on_train_batch_begin(self, batch, logs=None):
        if self.seen % self.every == 0:
            reset_rows(self.model)
        self.seen += 1


def long_sequences_cut_into_windows(faulty):
    """A counter resets the state where the windows of a sequence are over."""
    model, watch, x = model_of(layer("rnn", keras.layers.GRU), batch=2), Watch(), series(16)
    model.fit(x, labels(x), 2, 3, callbacks=[ByCount(1 if faulty else 4), watch], **QUIET)
    return watch


class Reads(keras.callbacks.Callback):
    """Evaluates on other data after each epoch."""

    def __init__(self, x, *, puts_back):
        super().__init__()
        self.x, self.puts_back = x, puts_back

    def on_epoch_end(self, epoch, logs=None):
        if self.puts_back:
            with kept_state(self.model):
                reset_rows(self.model)
                self.model.evaluate(self.x, labels(self.x), 2, verbose=0)
        else:
            reset_rows(self.model)
            self.model.evaluate(self.x, labels(self.x), 2, verbose=0)


def a_callback_that_evaluates(faulty):
    """A stream without end, and a look at other data after every so many batches."""
    model, watch, x = model_of(layer("rnn", keras.layers.SimpleRNN), batch=2), Watch(), series(8)

    def stream():
        while True:
            for first in range(0, 8, 2):
                yield x[first : first + 2], labels(x[first : first + 2])

    look = Reads(series(4), puts_back=not faulty)
    model.fit(stream(), epochs=3, steps_per_epoch=4, callbacks=[watch, look], **QUIET)
    return watch


class Lowest(keras.callbacks.Callback):
    """Resets one layer as an epoch begins."""

    def on_epoch_begin(self, epoch, logs=None):
        self.model.layers[0].reset_state()


def an_encoder_below_a_readout_of_states(faulty):
    """Two layers of different kinds, reset as an epoch begins."""
    stack = layer("low", keras.layers.GRU, return_sequences=True), layer("high")
    model, watch, x = model_of(*stack, batch=2), Watch(), series(8)
    resets = Lowest() if faulty else ResetState()
    model.fit(x, labels(x), 2, 3, callbacks=[resets, watch], **QUIET)
    return watch


LOOPS = {
    # keras-team/keras, examples/lstm_stateful.py of Keras 2
    an_epoch_at_a_time_and_validation_that_goes_on: "state that validation left",
    # machinelearningmastery.com, different batch sizes for training and predicting
    an_epoch_at_a_time_then_forecasts: "fit shuffles",
    # keras.io of Keras 2, "same stacked LSTM model, rendered stateful"
    three_layers_and_validation: "Training goes on from a state that validation left",
    # philipperemy/keras-stateful-lstm
    long_sequences_cut_into_windows: "is zeroed before every batch of fit",
    # tensorflow.org of TensorFlow 2.3, text generation with a carried state
    a_callback_that_evaluates: "Training goes on from a state that evaluate left inside of fit",
    # encoders of sequence autoencoders, as in many public notebooks
    an_encoder_below_a_readout_of_states: "Only a part of the layers is reset",
}  # fmt: skip


@pytest.mark.carries
@pytest.mark.trains
@pytest.mark.parametrize("loop", LOOPS, ids=lambda loop: loop.__name__)
def test_a_sound_loop_raises_no_alarm(loop):
    assert loop(False).findings == []


@pytest.mark.carries
@pytest.mark.trains
@pytest.mark.parametrize("loop", LOOPS, ids=lambda loop: loop.__name__)
def test_what_is_planted_is_found(loop):
    findings = loop(True).findings
    assert any(LOOPS[loop] in finding for finding in findings), findings
