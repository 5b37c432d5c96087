"""Twins: the same answers at another batch size and length, whatever the model is made of."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose

from tbptt.keras import reset_rows, snapshot, stateful_layers, twin

layers = keras.layers
Input, Sequential, Model = keras.Input, keras.Sequential, keras.Model
STEPS = 5


def answer(model, x):
    return np.array(keras.ops.convert_to_numpy(model(x)))


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


class OwnCell(keras.Layer):
    """A cell of the reader's own, which is registered nowhere."""

    state_size = output_size = 3

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 3), name="kernel")
        self.recurrent = self.add_weight(shape=(3, 3), name="recurrent")

    def call(self, x, states):
        h = keras.ops.tanh(x @ self.kernel + states[0] @ self.recurrent)
        return h, [h]


class Block(keras.Layer):
    """A layer of the reader's own with a recurrent one inside."""

    def __init__(self, units=2, **options):
        super().__init__(**options)
        self.units = units
        self.gru = layers.GRU(units, return_sequences=True)

    def build(self, shape):
        self.gru.build(shape)

    def call(self, x):
        return x + self.gru(x)

    def compute_output_shape(self, shape):
        return shape

    def get_config(self):
        return super().get_config() | {"units": self.units}


class Hidden(Block):
    """The same, but the layer inside is made so late that nobody can change it."""

    def __init__(self, units=2, **options):
        keras.Layer.__init__(self, **options)
        self.units = units

    def build(self, shape):
        self.gru = layers.GRU(self.units, return_sequences=True)
        self.gru.build(shape)


class Subclassed(Model):
    def __init__(self):
        super().__init__()
        self.gru = layers.GRU(2)

    def call(self, x):
        return self.gru(x)


class Doubled(Model):
    """A functional model that does more than run its graph."""

    def call(self, x):
        return 2 * super().call(x)


def inside():
    encoder = Sequential([Input((None, 2)), layers.GRU(4, return_sequences=True)])
    return Sequential([Input((None, 2)), encoder, layers.GRU(2)])


def three_deep():
    x = Input((STEPS, 2))
    inner = Model(x, layers.LSTM(3, return_sequences=True)(layers.GRU(3, return_sequences=True)(x)))
    middle = Sequential([inner, layers.SimpleRNN(2, return_sequences=True)])
    y = Input((STEPS, 2))
    return Model(y, layers.LSTM(3)(middle(layers.Dense(2)(y))))


def used_twice():
    gru, x = layers.GRU(2, return_sequences=True), Input((STEPS, 2))
    return Model(x, layers.GRU(1)(gru(x) + x))


def closed_over():
    factor = 2.0
    return Sequential([Input((STEPS, 2)), layers.Lambda(lambda x: factor * x), layers.GRU(2)])


def deferred():
    model = Sequential([layers.GRU(2)])
    model(numbers(3, STEPS, 2))
    return model


def of(*stack, shape=(STEPS, 2)):
    return lambda: Sequential([Input(shape), *[make() for make in stack]])


GRU = lambda: layers.GRU(2)  # noqa: E731
WIDE = (STEPS, 4, 2)
MODELS = {
    "a model inside": (inside, (2,)),
    "models three deep": (three_deep, (2,)),
    "a layer used twice": (used_twice, (2,)),
    "stacked cells": (of(lambda: layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)])), (2,)),
    "a cell of one's own": (of(lambda: layers.RNN(OwnCell())), (2,)),
    "a layer of one's own": (of(Block, GRU), (2,)),
    "a function": (closed_over, (2,)),
    "no input given": (deferred, (2,)),
    "convolutions": (
        of(
            lambda: layers.ConvLSTM1D(2, 3, padding="same", return_sequences=True),
            lambda: layers.ConvLSTM1D(1, 2), layers.Flatten, shape=WIDE,
        ),
        (4, 2),
    ),
    "a layer in every step": (
        of(lambda: layers.TimeDistributed(layers.Bidirectional(layers.GRU(3))), GRU, shape=WIDE),
        (4, 2),
    ),
    "a model in every step": (
        of(
            lambda: layers.TimeDistributed(Sequential([Input((4, 2)), layers.GRU(3)])), GRU,
            shape=WIDE,
        ),
        (4, 2),
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", MODELS)
def test_a_stateful_twin_says_step_by_step_what_the_model_says_at_once(kind):
    keras.utils.set_random_seed(0)
    make, features = MODELS[kind]
    model, x = make(), numbers(3, STEPS, *features)
    if kind == "models three deep":
        model.compile("sgd", "mse")
    whole = answer(model, x)
    stream = twin(model, 3, stateful=True)
    assert not stream.compiled
    assert stream.input_shape == (3, None, *features)
    for step in range(STEPS):
        now = answer(stream, x[:, step : step + 1])
    assert_allclose(now, whole, rtol=0, atol=1e-6)
    assert abs(answer(stream, x[:, :1]) - answer(twin(model, 3), x[:, :1])).max() > 1e-4
    assert_allclose(answer(model, x), whole, rtol=0, atol=1e-6)  # as it was
    with pytest.raises(ValueError, match="no layer that carries state"):
        stateful_layers(model)


def with_several_inputs(structure):
    series, features = Input((STEPS, 2), name="series"), Input((4,), name="features")
    words = Input((STEPS,), dtype="int32", name="words")
    h = layers.Concatenate()([series, layers.Embedding(7, 2)(words)])
    out = layers.Dense(1)(layers.Concatenate()([layers.GRU(3)(h), layers.Dense(2)(features)]))
    return Model(structure(series, features, words), out)


@pytest.mark.parametrize(
    "structure",
    [
        lambda *parts: list(parts),
        lambda *parts: parts,
        lambda *parts: dict(zip(("series", "features", "words"), parts, strict=True)),
    ],
    ids=["list", "tuple", "dict"],
)
def test_several_inputs(structure):
    keras.utils.set_random_seed(0)
    model = with_several_inputs(structure)
    words = np.random.default_rng(1).integers(7, size=(3, STEPS)).astype("int32")
    data = numbers(3, STEPS, 2), numbers(3, 4), words
    stream = twin(model, 3, stateful=True)
    whole = answer(model, structure(*data))
    for step in range(STEPS):
        now_at = slice(step, step + 1)
        now = answer(stream, structure(data[0][:, now_at], data[1], data[2][:, now_at]))
    assert_allclose(now, whole, rtol=0, atol=1e-6)
    shapes = {x.name: tuple(x.shape) for x in twin(model, 2).inputs}
    assert shapes == {"series": (2, None, 2), "features": (2, 4), "words": (2, None)}


def stateful(kind):
    """Stateful models with a batch of three."""
    many = {"return_sequences": True, "stateful": True}
    whole = Input(batch_shape=(3, STEPS, 2))
    return Sequential(
        {
            "LSTM": [whole, layers.LSTM(3, stateful=True)],
            "stack": [whole, layers.LSTM(3, **many), layers.GRU(2, stateful=True)],
            "cells": [
                whole,
                layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)], stateful=True),
            ],
            "model": [
                whole,
                Sequential([Input(batch_shape=(3, STEPS, 2)), layers.GRU(3, **many)]),
                layers.GRU(2, stateful=True),
            ],
            "both ways": [
                whole,
                layers.Bidirectional(layers.LSTM(2, **many)),
                layers.GRU(2, stateful=True),
            ],
        }[kind]
    )


@pytest.mark.parametrize("kind", ["LSTM", "stack", "cells", "model", "both ways"])
def test_a_twin_of_a_stateful_model_carries_as_it_does(kind):
    keras.utils.set_random_seed(0)
    model, x = stateful(kind), numbers(3, 2 * STEPS, 2)
    halves = x[:, :STEPS], x[:, STEPS:]
    wanted = [answer(model, half) for half in halves]
    single = twin(model, 1)
    assert not any(state.any() for state in snapshot(single))
    assert {len(state) for state in snapshot(single)} == {1}
    assert len(snapshot(single)) == len(snapshot(model))
    for row in range(3):
        reset_rows(single)
        for half, whole in zip(halves, wanted, strict=True):
            assert_allclose(answer(single, half[row : row + 1])[0], whole[row], rtol=0, atol=1e-6)
    forgets = twin(model, 5, steps=7, stateful=False)
    assert forgets.input_shape == (5, 7, 2)
    with pytest.raises(ValueError, match="no layer that carries state"):
        stateful_layers(forgets)
    single.set_weights([0 * weight for weight in single.get_weights()])
    assert model.get_weights()[0].any()  # a copy


def test_an_encoder_and_a_decoder_have_a_twin_of_another_size():
    keras.utils.set_random_seed(0)
    model, x = encoder_and_decoder(), numbers(3, STEPS, 2)
    assert_allclose(answer(twin(model, 2), x[1:]), answer(model, x)[1:], rtol=0, atol=1e-6)


def test_layers_of_one_shape_are_not_exchanged():
    keras.utils.set_random_seed(0)
    x = Input((STEPS, 2))
    many = {"units": 2, "return_sequences": True}
    last, first = layers.GRU(**many, name="last"), layers.GRU(**many, name="first")
    model = Model(x, layers.Add()([last(first(x)), layers.GRU(**many, name="beside")(x)]))
    data = numbers(3, STEPS, 2)
    assert_allclose(answer(twin(model, 3), data), answer(model, data), rtol=0, atol=1e-6)


def test_a_twin_changes_nothing():
    model = stateful("stack")
    answer(model, numbers(3, STEPS, 2))
    before, names = snapshot(model), {*vars(model)}
    weights = model.get_weights()
    twin(model, 1)
    for ours, theirs in zip(snapshot(model) + model.get_weights(), before + weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert {*vars(model)} == names


def of_layers(*stack, shape=(STEPS, 2)):
    return Sequential([Input(shape), *stack])


def encoder_and_decoder():
    x = Input((STEPS, 2))
    _, state = layers.GRU(3, return_state=True)(x)
    return Model(x, layers.GRU(3, name="decoder")(x, initial_state=state))


def doubled():
    x = Input((STEPS, 2))
    return Doubled(x, layers.GRU(2)(x))


@pytest.mark.parametrize(
    ("error", "words", "call"),
    [
        (TypeError, "Sequential or functional", lambda: twin(layers.LSTM(2), 1)),
        (TypeError, "got Subclassed 'subclassed", lambda: twin(Subclassed(), 1)),
        (TypeError, "got Subclassed 'subclassed", lambda: twin(of_layers(Subclassed()), 1)),
        (TypeError, "got Doubled 'doubled", lambda: twin(doubled(), 1)),
        (ValueError, "model .* is not built: begin", lambda: twin(Sequential([layers.GRU(2)]), 1)),
        (ValueError, "batch_size", lambda: twin(inside(), 0)),
        (ValueError, "batch_size must be at most", lambda: twin(inside(), 2**63 - 1)),
        (ValueError, "steps must be at most", lambda: twin(inside(), 1, steps=2**63 - 1)),
        (TypeError, "steps", lambda: twin(inside(), 1, steps=1.5)),
        (TypeError, "True, False or left out", lambda: twin(inside(), 1, stateful=1)),
        (
            ValueError, "cannot be made to carry its state from outside",
            lambda: twin(of_layers(Hidden(), layers.GRU(2)), 1, stateful=True),
        ),
        (
            ValueError, "reads backwards",
            lambda: twin(of_layers(layers.Bidirectional(layers.GRU(2))), 1, stateful=True),
        ),
        (
            ValueError, "'decoder' is given the state that it begins with",
            lambda: twin(encoder_and_decoder(), 1, stateful=True),
        ),
        (
            ValueError, "reads backwards",
            lambda: twin(of_layers(layers.GRU(2, go_backwards=True)), 1, stateful=True),
        ),
        (
            ValueError, "cannot be built for batches of 1 and any number of steps",
            lambda: twin(of_layers(layers.Flatten(), layers.Dense(1)), 1),
        ),
        (
            ValueError, "depend on its batch size or its steps",
            lambda: twin(of_layers(layers.Flatten(), layers.Dense(1)), 1, steps=6),
        ),
    ],
)  # fmt: skip
def test_what_has_no_twin_is_named(error, words, call):
    with pytest.raises(error, match=words):
        call()
