"""Sensible calls of Keras's room, and models that nobody should pass."""

from functools import cache

import keras
import numpy as np
from hypothesis import strategies as st

from fuzz.recipes import numbers, recipe, size


@cache
def model(batch, layer="SimpleRNN"):
    """Return a model that carries state. Building one takes longer than calling it."""
    rnn = getattr(keras.layers, layer)(2, stateful=True)
    return keras.Sequential([keras.Input(batch_shape=(batch, 3, 1)), rnn])


@cache
def other(kind):
    """Return a model or layer without a state to carry, or with one in an odd place."""
    layers = keras.layers
    if kind == "stateless":
        return keras.Sequential([keras.Input((3, 1)), layers.GRU(2)])
    if kind == "unbuilt":
        return keras.Sequential([layers.GRU(2, stateful=True)])
    if kind == "both ways":
        both = layers.Bidirectional(layers.GRU(2, stateful=True))
        return keras.Sequential([keras.Input(batch_shape=(2, 3, 1)), both])
    if kind == "inside":
        return keras.Sequential([keras.Input(batch_shape=(2, 3, 1)), model(2)])
    first, second = (keras.Input(batch_shape=(2, 3, 1)) for _ in range(2))
    joined = layers.Concatenate()([first, second])
    return keras.Model([first, second], layers.GRU(2, stateful=True)(joined))


def begun_anew(kept):
    """Reset a model that is kept: a call before this one may have left NaN in its state."""
    for layer in kept._flatten_layers():
        if getattr(layer, "stateful", False) and layer.built:
            layer.reset_state()
    return kept


KINDS = "stateless", "unbuilt", "both ways", "inside", "two"
HOSTILE = [
    *(lambda kind=kind: begun_anew(other(kind)) for kind in KINDS),
    lambda: begun_anew(model(2, "LSTM")), lambda: model, lambda: keras.Model(),
    lambda: keras.Input((3, 1)),
    lambda: keras.layers.GRU(2), lambda: keras.layers.Dense(2), lambda: keras.layers.GRU,
    lambda: keras.Variable(1.0), lambda: keras.ops.zeros((4, 3, 1)), lambda: [np.zeros((2, 2))] * 2,
]  # fmt: skip
LAYERS = st.sampled_from(["SimpleRNN", "GRU", "LSTM"])


def carrying(draw):
    batch = draw(st.sampled_from([1, 2]))
    return batch, begun_anew(model(batch, draw(LAYERS)))


@recipe("tbptt.keras.check_batches")
def batches(draw):
    batch, carries = carrying(draw)
    rows = batch * size(draw, 3)
    return {"model": carries, "arrays": (numbers(rows, 3, 1), np.arange(rows))}


@recipe("tbptt.keras.ResetState")
def reset(draw):
    both = st.sampled_from([{"every": 2}, {"at": [1, 3]}, {"every": None}, {"at": range(2)}])
    return {"every": None, "at": None, **draw(both)}


@cache
def answering():
    """Return a model that carries state and names one of two classes."""
    rnn = keras.layers.SimpleRNN(2, stateful=True)
    return keras.Sequential([keras.Input(batch_shape=(4, 3, 1)), rnn, keras.layers.Softmax()])


@recipe("tbptt.keras.diagnose")
def diagnose(draw):
    carries = begun_anew(answering())
    return {
        "model": carries, "chunks": [numbers(4, 3, 1)] * size(draw, 3), "labels": np.arange(4) % 2,
        "train_loss": 0.5, "carried": [numbers(4, 2)], "fresh": draw(
            st.sampled_from([None, [np.zeros((4, 2))]])
        ),
        "from_logits": False,
    }  # fmt: skip


@recipe("tbptt.keras.Watch")
def watch(draw):
    return {"last": draw(st.sampled_from([None, 1, 5]))}


@recipe("tbptt.keras.twin")
def twin(draw):
    _, carries = carrying(draw)
    return {"model": carries, "batch_size": size(draw, 3), "steps": size(draw, 3), "stateful": True}


@recipe("tbptt.keras.kept_state")
@recipe("tbptt.keras.snapshot")
@recipe("tbptt.keras.stateful_layers")
def alone(draw):
    return {"model": carrying(draw)[1]}


@recipe("tbptt.keras.reset_rows")
def rows(draw):
    batch, carries = carrying(draw)
    some = st.sampled_from([None, [0], np.arange(batch), np.ones(batch, bool)])
    return {"model": carries, "rows": draw(some)}


@recipe("tbptt.keras.restore")
def restore(draw):
    batch, carries = carrying(draw)
    count = len(carries.layers[0].states)
    return {"model": carries, "states": [numbers(batch, 2).astype("float32")] * count}
