"""The diagnosis, on networks whose answer is known because they are built by hand."""

import keras
import numpy as np
import pytest

from tbptt.keras import Diagnosis, diagnose, restore, snapshot

ROWS, CHUNKS, STEPS, UNITS = 12, 6, 5, 3
LABELS = np.arange(ROWS) % 2
SIGNAL = (2.0 * LABELS - 1)[:, None]
NOTHING = [np.zeros((ROWS, STEPS, 1), "float32")] * CHUNKS
HONEST = [np.tile(SIGNAL[:, None], (1, STEPS, 1)).astype("float32")] * CHUNKS
# A state that says nothing of the labels: as many rows of either label have each sign.
DRAWN = np.stack([[0.9, 0.9, -0.9, -0.9] * 3, [0.9] * 6 + [-0.9] * 6, [0.5] * ROWS], 1)
LABELLED = np.concatenate([SIGNAL, DRAWN[:, 1:]], 1)  # a state that says the label


def network(reads, last="softmax", layer="SimpleRNN"):
    """Return a model that answers by its first unit: what it read last, or what it was handed."""
    kind = getattr(keras.layers, layer)
    rnn = kind(UNITS, stateful=True)
    classes = 1 if last == "sigmoid" else 2
    readout = keras.layers.Dense(classes, None if last == "logits" else last)
    model = keras.Sequential([keras.Input(batch_shape=(ROWS, STEPS, 1)), rnn, readout])
    if layer == "SimpleRNN":
        rnn.cell.kernel.assign(np.eye(1, UNITS) * (3.0 if reads == "inputs" else 0.0))
        # Twice the identity under a tanh: signs stay as they are.
        rnn.cell.recurrent_kernel.assign(np.eye(UNITS) * (2.0 if reads == "state" else 0.0))
        rnn.cell.bias.assign(np.zeros(UNITS))
    weights = np.zeros((UNITS, classes))
    weights[0] = 8.0 if classes == 1 else [-4.0, 4.0]
    readout.set_weights([weights, np.zeros(classes)])
    return model


@pytest.mark.parametrize("last", ["softmax", "sigmoid", "logits"])
def test_a_network_that_reads_its_state(last):
    model = network("state", last)
    restore(model, [LABELLED])
    given = {"train_loss": 0.001, "from_logits": last == "logits"}
    report = diagnose(model, NOTHING, LABELS, fresh=[DRAWN], **given)
    assert report.verdict == "leak"
    assert report.alarms == ("gap", "probe", "swap")
    assert report.probe_carried == 1
    assert report.probe_frozen < 0.75
    assert (report.follows_state, report.follows_inputs) == (1, 0)
    # From zeros it can but guess.
    restore(model, [LABELLED])
    assert diagnose(model, NOTHING, LABELS, **given).frozen_loss == pytest.approx(np.log(2))


@pytest.mark.parametrize(("sum_of_them", "taken"), [(1.01, True), (1.05, False), (0.95, False)])
def test_what_adds_up_to_one_but_for_rounding_is_probable(sum_of_them, taken):
    model = network("inputs")
    model.add(keras.layers.Rescaling(sum_of_them))
    restore(model, [LABELLED])
    if taken:
        assert diagnose(model, HONEST, LABELS, train_loss=0.001).verdict == "no leak"
    else:
        with pytest.raises(ValueError, match="no probabilities"):
            diagnose(model, HONEST, LABELS, train_loss=0.001)


@pytest.mark.parametrize("last", ["softmax", "sigmoid", "logits"])
def test_a_network_that_reads_its_inputs(last):
    model = network("inputs", last)
    restore(model, [LABELLED])
    report = diagnose(model, HONEST, LABELS, train_loss=0.001, from_logits=last == "logits")
    assert report.verdict == "no leak"
    # Class scores of 4 tanh(3) to -4 tanh(3), and so for the sigmoid's 8.
    assert report.frozen_loss == pytest.approx(np.log1p(np.exp(-8 * np.tanh(3))), rel=1e-2)
    assert report.probe_carried == report.probe_frozen == 1
    assert (report.follows_state, report.follows_inputs) == (0, 1)


def test_it_agrees_with_a_loop_that_hands_the_state_over():
    model = network("state")
    rnn, readout = model.layers

    def forward(chunk, state):
        for t in range(STEPS):
            output, state = rnn.cell(chunk[:, t], state)
        return readout(output), state

    carried, fresh = [LABELLED.astype("float32")], [DRAWN.astype("float32")]
    by_loop = diagnose(forward, NOTHING, LABELS, train_loss=0.5, carried=carried, fresh=fresh)
    by_model = diagnose(model, NOTHING, LABELS, train_loss=0.5, carried=carried, fresh=fresh)
    assert by_loop.frozen_loss == pytest.approx(by_model.frozen_loss, rel=1e-5)
    assert by_loop.alarms == by_model.alarms == ("gap", "probe", "swap")
    assert by_loop.follows_state == by_model.follows_state == 1


def test_a_complex_state_is_read_in_both_its_parts():
    def forward(chunk, state):
        evidence = keras.ops.imag(state)[:, :1]
        return keras.ops.concatenate([-4 * evidence, 4 * evidence], 1), state

    carried, fresh = 1j * LABELLED.astype("complex64"), np.ones((ROWS, UNITS), "complex64")
    given = {"train_loss": 0.001, "from_logits": True}
    report = diagnose(forward, NOTHING, LABELS, carried=carried, fresh=fresh, **given)
    assert report.alarms == ("gap", "probe", "swap")
    assert report.probe_carried == 1


@pytest.mark.parametrize("fails", [False, True])
def test_a_model_has_the_state_and_the_weights_that_it_had(fails):
    model = network("state", layer="LSTM")
    carried = [LABELLED, DRAWN]
    restore(model, carried)
    weights = model.get_weights()
    given = NOTHING if not fails else [*NOTHING[1:], np.zeros((ROWS, STEPS + 1, 1))]
    if fails:
        with pytest.raises(ValueError, match=r"chunks\[5\] must be \(12, 5, 1\)"):
            diagnose(model, given, LABELS, train_loss=0.5)
    else:
        assert isinstance(diagnose(model, given, LABELS, train_loss=0.5), Diagnosis)
    for now, before in zip(snapshot(model), carried, strict=True):
        np.testing.assert_array_equal(now, before.astype("float32"))
    for now, before in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(now, before)


def test_dropout_is_off_and_two_layers_are_read():
    layers = [keras.layers.GRU(3, stateful=True, return_sequences=True), keras.layers.Dropout(0.9),
              keras.layers.LSTM(2, stateful=True), keras.layers.Dense(2, "softmax")]  # fmt: skip
    model = keras.Sequential([keras.Input(batch_shape=(ROWS, STEPS, 1)), *layers])
    restore(model, [DRAWN, DRAWN[:, :2], DRAWN[:, 1:]])
    once, again = (diagnose(model, HONEST, LABELS, train_loss=0.7) for _ in range(2))
    assert once == again


@pytest.mark.carries
def test_after_fit_the_state_is_what_training_left():
    model = network("state")
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(np.concatenate(HONEST), np.tile(LABELS, CHUNKS), ROWS, shuffle=False, verbose=0)
    left = snapshot(model)
    report = diagnose(model, HONEST, LABELS, train_loss=0.5)
    assert report == diagnose(model, HONEST, LABELS, train_loss=0.5, carried=left)


def stateless():
    return keras.Sequential([keras.Input((STEPS, 1)), keras.layers.GRU(2)])


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"model": 3}, TypeError, "model must be a Keras model"),
        ({"model": lambda x, h: (h, h)}, TypeError, "carried must be given"),
        ({"model": stateless()}, ValueError, "has no layer that carries state"),
        ({"model": network("state", "logits")}, ValueError, "pass from_logits=True"),
        ({"from_logits": True}, ValueError, "leave from_logits out"),
        ({"from_logits": 1}, TypeError, "from_logits must be True or False"),
        ({"labels": LABELS + 0.5}, TypeError, "labels must hold integers"),
        ({"labels": LABELS - 1}, ValueError, "labels must lie between 0"),
        ({"labels": np.eye(2)[LABELS]}, ValueError, "if they are one-hot"),
        ({"labels": LABELS[:-1]}, ValueError, "one for each row of the state, 12, got 11"),
        ({"labels": 0 * LABELS}, ValueError, "two classes or more"),
        ({"labels": LABELS + 1}, ValueError, r"\(12, classes\) with a class for each label, 0 to"),
        ({"chunks": []}, ValueError, "chunks is empty"),
        ({"chunks": 3}, TypeError, "chunks must be a list"),
        ({"chunks": [NOTHING[0][:3]]}, ValueError, r"chunks\[0\] must be \(12, 5, 1\), a row for"),
        ({"chunks": [NOTHING[0] * np.nan]}, ValueError, r"chunks\[0\] has 60 values that are miss"),
        ({"carried": [DRAWN[:5]]}, ValueError, r"carried\[0\] must be \(12, \.\.\.\)"),
        ({"carried": [DRAWN, DRAWN]}, ValueError, "carried and what the model carries must be"),
        ({"fresh": [DRAWN[:, :2]]}, ValueError, "carried and fresh must be states of the same"),
        ({"fresh": "zeros"}, TypeError, "fresh is text"),
        ({"carried": [LABELLED + 0j]}, TypeError, "carried has complex numbers, and the model's"),
        ({"fresh": [DRAWN + 0j]}, TypeError, "fresh has complex numbers, and the model's"),
        ({"train_loss": float("nan")}, ValueError, "finite"),
    ],
)
def test_bad_input(changed, error, words):
    good = {"model": network("state"), "chunks": NOTHING, "labels": LABELS, "train_loss": 0.5,
            "carried": [LABELLED]}  # fmt: skip
    if callable(changed.get("model")) and not isinstance(changed["model"], keras.Layer):
        del good["carried"]
    with pytest.raises(error, match=words):
        diagnose(**good | changed)


@pytest.mark.carries
def test_a_state_that_was_reset_is_no_state_that_training_left():
    with pytest.raises(ValueError, match="it was reset after training"):
        diagnose(network("state"), NOTHING, LABELS, train_loss=0.5)


@pytest.mark.parametrize(
    ("forward", "error", "words"),
    [
        (lambda chunk: chunk, TypeError, r"model must take \(chunk, state\)"),
        (lambda chunk, state: state, TypeError, "must return"),
        (lambda chunk, state: (state, state[:3]), ValueError, "a state like the one it is given"),
        (lambda chunk, state: ([state], state), TypeError, "must be one array"),
        (lambda chunk, state: (state * np.nan, state), ValueError, "answers must be finite"),
        (lambda chunk, state: (state, state * np.inf), ValueError, "made a state with NaN"),
    ],
)
def test_a_function_that_answers_otherwise(forward, error, words):
    with pytest.raises(error, match=words):
        diagnose(
            forward, NOTHING, LABELS, train_loss=0.5, carried=LABELLED, fresh=DRAWN,
            from_logits=True,
        )  # fmt: skip
