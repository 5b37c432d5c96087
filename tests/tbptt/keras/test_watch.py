"""Watch: what every border does to the state, faults that are planted, and sound loops."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tbptt.keras import KeepState, ResetState, Watch, kept_state, reset_rows, restore, snapshot
from tbptt.keras.watching.asked import fit_of

BACKEND = keras.backend.backend()
X = np.random.default_rng(0).normal(size=(8, 3, 1)).astype("float32")  # four batches of two rows
Y = np.random.default_rng(1).normal(size=(8, 1)).astype("float32")
QUIET = {"verbose": 0, "shuffle": False}


def model_of(*layers, batch=2, dropout=0.0, **compiled):
    keras.utils.set_random_seed(0)
    layers = layers or [keras.layers.SimpleRNN(4, stateful=True, name="rnn", dropout=dropout)]
    model = keras.Sequential(
        [keras.Input(batch_shape=(batch, 3, 1)), *layers, keras.layers.Dense(1, name="dense")]
    )
    model.compile(keras.optimizers.SGD(0.01), "mse", **compiled)
    return model


def rnn(name, **options):
    return keras.layers.SimpleRNN(4, stateful=True, name=name, **options)


class Do(keras.callbacks.Callback):
    """A callback of the reader's own."""

    def __init__(self, hook, act):
        super().__init__()
        setattr(self, hook, lambda *_, **__: act(self.model))


def draw(model):
    rng = np.random.default_rng(int(1e6 * abs(float(snapshot(model)[0].sum()))))
    restore(model, [rng.normal(size=state.shape) for state in snapshot(model)])


def fitted(*callbacks, model=None, epochs=3, **options):
    """Fit with a Watch in front, where it hears of a batch before all others."""
    model, watch = model or model_of(), Watch()
    model.fit(X, Y, 2, epochs, callbacks=[watch, *callbacks], **{**QUIET, **options})
    return watch


def borders_of(watch):
    """Return the borders; where a backend carries no state, the Watch says so instead."""
    assert watch.borders, watch.findings
    return watch.borders


def rows_of(watch, run="fit"):
    return [border.rows for border in borders_of(watch) if border.run == run]


VALIDATED = {"validation_data": (X[:4], Y[:4]), "validation_batch_size": 2}
CARRIED, ZERO = ("carried",) * 2, ("zero",) * 2


def plain():
    return fitted()


def shuffled():
    return fitted(ResetState(), shuffle=True)


def validated():
    return fitted(**VALIDATED)


def validation_from_training():
    return fitted(KeepState(), Do("on_epoch_begin", lambda model: reset_rows(model)), **VALIDATED)


def reset_always():
    return fitted(ResetState(every=1))


def reset_in_part():
    model = model_of(rnn("low", return_sequences=True), rnn("high"))
    return fitted(Do("on_epoch_begin", lambda m: m.layers[0].reset_state()), model=model)


def drawn():
    return fitted(Do("on_train_batch_begin", draw))


def predicted_inside():
    inside = Do("on_epoch_end", lambda model: model.predict(X[:2], 2, verbose=0))
    return fitted(inside)


def read_backwards():
    return fitted(ResetState(), model=model_of(rnn("rnn", go_backwards=True)))


def broken():
    model = model_of()
    restore(model, [np.full((2, 4), np.nan)])
    return fitted(model=model, epochs=1)


def fit_after_fit():
    model, watch = model_of(), Watch()
    for _ in range(3):
        model.fit(X, Y, 2, callbacks=[watch], **QUIET)
    return watch


@pytest.mark.parametrize("batches", [3, 4])
def test_three_borders_make_a_habit(batches):
    model, watch = model_of(), Watch()
    rows = slice(2 * batches)
    model.fit(X[rows], Y[rows], 2, callbacks=[watch, ResetState(every=1)], **QUIET)
    borders_of(watch)
    found = [finding for finding in watch.findings if "before every batch" in finding]
    assert len(found) == (batches == 4), watch.findings


@pytest.mark.parametrize("batches", [2, 3])
def test_three_states_that_are_drawn_make_a_habit(batches):
    model, watch = model_of(batch=8), Watch()  # rows enough to tell that they are drawn
    x, y = (np.concatenate([part] * batches) for part in (X, Y))
    drawing = Do("on_train_batch_begin", draw)
    model.fit(x, y, 8, callbacks=[watch, drawing], **QUIET)
    borders_of(watch)
    found = [finding for finding in watch.findings if "drawn again" in finding]
    assert len(found) == (batches == 3), watch.findings


PLANTED = {
    plain: ["2 epochs begin with the state that the end of the last one left"],
    shuffled: ["fit shuffles (shuffle=True, which is its default), and the state is carried at 9"],
    validated: [
        "Training goes on from a state that validation left (first in fit, epoch 2, batch 0)",
        "Validation begins from the state that training left (after epoch 1)",
    ],
    validation_from_training: ["Validation begins from the state that training left"],
    reset_always: ["The state of 'rnn' is zeroed before every batch of fit (at 9 borders"],
    reset_in_part: [
        "2 epochs begin with the state",
        "Only a part of the layers is reset: 'low' begins from zeros where 'high' is carried",
    ],
    drawn: ["The state is drawn again at 12 of 12 borders"],
    predicted_inside: ["Training goes on from a state that predict left inside of fit"],
    read_backwards: ["'rnn' reads its windows from the end and carries its state"],
    broken: ["The state is NaN or infinite after a batch (first in fit, epoch 1, batch 0)"],
    fit_after_fit: ["2 epochs begin with the state that the end of the last one left"],
}


@pytest.mark.carries
@pytest.mark.trains
@pytest.mark.parametrize("loop", PLANTED, ids=lambda loop: loop.__name__)
def test_what_is_planted_is_found_and_nothing_else(loop):
    found = loop().findings
    assert len(found) == len(PLANTED[loop]), found
    for sentence, words in zip(found, PLANTED[loop], strict=True):
        assert sentence.startswith(words), found


def in_order():
    yield fitted(ResetState())


def several_windows_a_sequence():
    yield fitted(ResetState(every=2))


def validation_beside():
    yield fitted(KeepState(), ResetState(), **VALIDATED)


def reset_by_hand_between_fits():
    model, watch = model_of(), Watch()
    for _ in range(3):
        model.fit(X, Y, 2, callbacks=[watch], **QUIET)
        reset_rows(model)
    yield watch


def one_stream_in_pieces():
    model, watch = model_of(), Watch()
    for piece in (slice(0, 4), slice(4, 8)):
        model.fit(X[piece], Y[piece], 2, callbacks=[watch], **QUIET)
    yield watch


def endless():
    while True:
        yield X[:2], Y[:2]


def a_generator_without_end():
    model, watch = model_of(), Watch()
    model.fit(endless(), epochs=3, steps_per_epoch=4, callbacks=[watch], **QUIET)
    yield watch


def rows_begin_at_other_times():
    some = Do("on_train_batch_begin", lambda model: reset_rows(model, [True, False]))
    yield fitted(ResetState(), some)


def forecasts_step_by_step():
    model, watch = model_of(), Watch()
    model.fit(X, Y, 2, 2, callbacks=[ResetState(), watch], **QUIET)
    for _ in range(3):
        model.predict(X[:2], 2, verbose=0, callbacks=[watch])
    model.evaluate(X, Y, 2, verbose=0, callbacks=[watch])
    yield watch


def predictions_that_put_the_state_back():
    def look(model):
        with kept_state(model):
            model.predict(X[:2], 2, verbose=0)

    yield fitted(ResetState(), Do("on_train_batch_end", look))


def a_stack_of_two():
    model = model_of(
        rnn("low", return_sequences=True),
        keras.layers.LSTM(3, stateful=True, use_cudnn=False, name="high"),
    )
    yield fitted(ResetState(every=2), model=model)


def begun_from_a_state_that_was_kept():
    model = model_of()
    restore(model, [np.full((2, 4), 0.5)])
    yield fitted(model=model, epochs=1)


SOUND = [
    in_order, several_windows_a_sequence, validation_beside, reset_by_hand_between_fits,
    one_stream_in_pieces, a_generator_without_end,
    rows_begin_at_other_times, forecasts_step_by_step, predictions_that_put_the_state_back,
    a_stack_of_two, begun_from_a_state_that_was_kept,
]  # fmt: skip


@pytest.mark.carries
@pytest.mark.trains
@pytest.mark.parametrize("loop", SOUND, ids=lambda loop: loop.__name__)
def test_sound_loops_raise_no_alarm(loop):
    (watch,) = loop()
    assert watch.findings == []
    assert "Nothing unusual was seen." in str(watch)


@pytest.mark.carries
@pytest.mark.trains
def test_borders_say_of_every_row_what_it_began_with_and_whose_state_it_was():
    some = Do("on_train_batch_begin", lambda model: reset_rows(model, [True, False]))
    watch = fitted(some, epochs=2)
    mixed = ("zero", "carried")
    assert rows_of(watch) == [ZERO, *[mixed] * 7]
    assert [border.source for border in borders_of(watch)] == [None, *["fit"] * 7]
    assert [border[:4] for border in borders_of(watch)] == [
        ("fit", 0, epoch, batch) for epoch in range(2) for batch in range(4)
    ]
    assert {border.layer for border in borders_of(watch)} == {"rnn"}


@pytest.mark.carries
@pytest.mark.trains
def test_validation_says_what_it_began_with_and_what_it_left():
    watch = fitted(**VALIDATED)
    assert rows_of(watch, "validation") == [CARRIED] * 6
    begun = [border for border in borders_of(watch) if border.batch == 0]
    assert [(border.run, border.source) for border in begun] == [
        ("fit", None), ("validation", "fit"), ("fit", "validation"), ("validation", "fit"),
        ("fit", "validation"), ("validation", "fit"),
    ]  # fmt: skip
    kept = fitted(KeepState(), ResetState(), **VALIDATED)
    assert {b.rows for b in borders_of(kept) if b.batch == 0} == {ZERO}


@pytest.mark.carries
@pytest.mark.trains
@pytest.mark.parametrize("place", [0, 1])
def test_its_place_among_the_callbacks_makes_no_difference(place):
    model, watch, calls = model_of(), Watch(), [ResetState(every=2)]
    calls.insert(place, watch)
    model.fit(X, Y, 2, callbacks=calls, **QUIET)
    assert rows_of(watch) == [ZERO, CARRIED] * 2


@pytest.mark.trains
@pytest.mark.parametrize("options", [{}, VALIDATED, {"shuffle": True}], ids=["", "valid", "mixed"])
def test_no_number_changes(options):
    def after(*callbacks):
        model = model_of(dropout=0.3)
        history = model.fit(X, Y, 2, 3, callbacks=[*callbacks], **{**QUIET, **options})
        answers = model.predict(X, 2, verbose=0, callbacks=[*callbacks])
        return [*model.get_weights(), *snapshot(model), answers, *history.history.values()]

    for ours, theirs in zip(after(Watch()), after(), strict=True):
        assert_array_equal(ours, theirs)


@pytest.mark.carries
@pytest.mark.trains
def test_the_model_is_left_as_it_was():
    model, names = model_of(), ("train_function", "test_function", "predict_function")
    first, second = Watch(), Watch()
    model.fit(X, Y, 2, callbacks=[first, second], **QUIET)
    assert len(borders_of(first)) == len(borders_of(second)) == 4
    assert not any("Looked" in type(getattr(model, name)).__name__ for name in names)
    assert model.test_function is None
    assert model.predict_function is None
    assert fit_of(model) is None


@pytest.mark.carries
@pytest.mark.trains
def test_after_a_fit_that_was_broken_off_an_evaluation_is_no_validation():
    def stop(model):
        raise KeyboardInterrupt

    model, watch = model_of(), Watch()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, 2, callbacks=[watch, Do("on_train_batch_end", stop)], **QUIET)
    model.evaluate(X, Y, 2, verbose=0, callbacks=[watch])
    assert {border.run for border in borders_of(watch)} == {"fit", "evaluate"}
    assert watch.findings == []
    model.evaluate(X, Y, 2, verbose=0)
    assert len(borders_of(watch)) == 1 + 4


@pytest.mark.carries
@pytest.mark.trains
def test_constant_memory():
    model, watch = model_of(), Watch(last=3)
    model.fit(X, Y, 2, 3, callbacks=[watch], **QUIET)
    assert [border.batch for border in borders_of(watch)] == [1, 2, 3]
    assert "Inside, the state is carried at 3 of 3 borders" in " ".join(str(watch).split())


def test_borders_inside_an_execution_are_not_seen_and_it_says_so():
    if BACKEND != "tensorflow":
        return  # no other backend runs them
    model, watch = model_of(steps_per_execution=4), Watch()
    model.fit(X, Y, 2, 2, callbacks=[ResetState(), watch], **QUIET)
    assert [border.unseen for border in borders_of(watch)] == [3, 3]
    (told,) = watch.findings
    assert told.startswith("steps_per_execution hides 6 of 8 borders (4 batches run at once)")
    assert "2 epochs, 8 batches" in str(watch)


def test_a_stateless_layer_begins_from_zeros_in_plain_words():
    layer = keras.layers.GRU(3, name="gru", use_cudnn=False)
    watch = fitted(model=model_of(layer), shuffle=True, **VALIDATED)
    assert watch.borders == watch.findings == []
    words = " ".join(str(watch).split())
    assert words.startswith("gru (GRU) is stateless: every call begins from zeros")


def test_a_backend_that_drops_the_state_is_named():
    model, watch = model_of(), Watch()
    model.predict(X, 2, verbose=0, callbacks=[watch])
    told = [sentence for sentence in watch.findings if "carries no state in fit" in sentence]
    assert len(told) == (BACKEND == "jax")
    assert len(watch.borders) == 4 * (BACKEND != "jax")


def test_bad_input_is_named():
    assert str(Watch()) == "Nothing ran yet that had this Watch among its callbacks."
    assert Watch().findings == Watch().borders == []
    with pytest.raises(TypeError, match="last"):
        Watch(last=1.5)
    dense = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    with pytest.raises(ValueError, match="no recurrent layer in 'sequential"):
        dense.predict(np.ones((2, 1)), verbose=0, callbacks=[Watch()])
    watch = Watch()
    model_of().predict(X, 2, verbose=0, callbacks=[watch])
    with pytest.raises(ValueError, match="make one for each model"):
        model_of().predict(X, 2, verbose=0, callbacks=[watch])


@pytest.mark.carries
def test_a_row_that_is_left_at_zero_is_carried_where_others_are():
    model, watch, x = model_of(), Watch(), X.copy()
    x[1::2] = 0
    model.predict(x, 2, verbose=0, callbacks=[watch])
    assert rows_of(watch, "predict") == [ZERO, *[CARRIED] * 3]
