"""Sensible calls of TensorFlow's room, and tensors that nobody should pass."""

import keras
import numpy as np
import tensorflow as tf
from hypothesis import strategies as st

from fuzz.recipes import numbers, recipe, size
from fuzz.recipes.schedules import truncation
from tbptt.tensorflow import Block
from tbptt.tensorflow.graph import GraphLSTM, GraphStack

CELLS = {
    "rnn": keras.layers.SimpleRNNCell(2),
    "gru": keras.layers.GRUCell(2),
    "lstm": keras.layers.LSTMCell(2),
}
for cell in CELLS.values():
    cell.build((None, 2))

HOSTILE = [
    lambda: tf.constant(2), lambda: tf.constant(2.5), lambda: tf.constant(True),
    lambda: tf.zeros((0,)), lambda: tf.zeros((0, 2, 2)), lambda: tf.zeros((3, 0, 2)),
    lambda: tf.zeros((3, 2)), lambda: tf.zeros((3, 2, 2)), lambda: tf.zeros((3, 2, 2), tf.float64),
    lambda: tf.zeros((3, 2, 2), tf.int32), lambda: tf.zeros((3, 2), tf.bool),
    lambda: tf.fill((3, 2, 2), np.nan), lambda: tf.zeros((3, 2, 2), tf.bfloat16),
    lambda: tf.Variable(tf.zeros((2, 2))), lambda: tf.sparse.from_dense(tf.eye(2)),
    lambda: tf.ragged.constant([[1.0], [2.0, 3.0]]), lambda: tf.constant(["a"]),
    lambda: tf.data.Dataset.range(3), lambda: tf.function(lambda x: x),
    lambda: keras.layers.LSTM(2), lambda: keras.layers.Dense(2), lambda: keras.layers.LSTMCell,
    lambda: keras.layers.GRUCell(2), lambda: keras.layers.GRUCell(2, dropout=0.5),
    lambda: keras.layers.StackedRNNCells([keras.layers.GRUCell(2)]), lambda: keras.Input((3, 2)),
    lambda: [tf.zeros((2, 2)), None], lambda: (lambda outputs: outputs), lambda: (lambda o: 1.0),
    lambda: (lambda outputs: tf.stop_gradient(tf.reduce_sum(outputs))),
    lambda: (lambda outputs: tf.reduce_sum(outputs) * np.nan), lambda: [tf.Variable(1.0)],
    lambda: [keras.Variable(1.0)], lambda: tf.float32, lambda: GraphLSTM(2),
]  # fmt: skip


def kills(value):
    """Say whether TensorFlow 2.21 itself ends the process over a list with this value in it."""
    return isinstance(value, np.ndarray) and value.dtype.kind in "mMV"


@recipe("tbptt.tensorflow.gradients")
def gradients(draw):
    kind = draw(st.sampled_from(sorted(CELLS)))
    steps, batch = size(draw, 3), size(draw, 2)
    state = tf.constant(numbers(batch, 2), tf.float32)
    flags = st.sampled_from(
        [None, tf.zeros((steps, batch), tf.bool), tf.ones((steps, batch), tf.bool)]
    )
    return {
        "cell": CELLS[kind], "loss_fn": tf.reduce_sum,
        "inputs": tf.constant(numbers(steps, batch, 2), tf.float32),
        "state": [state, state] if kind == "lstm" else state, "truncation": truncation(draw),
        "variables": CELLS[kind].trainable_variables, "resets": draw(flags), "mask": draw(flags),
    }  # fmt: skip


@recipe("tbptt.tensorflow.online")
def online(draw):
    kind, chosen = draw(st.sampled_from(sorted(CELLS))), truncation(draw)
    batch = size(draw, 2)
    inputs = tf.constant(numbers(size(draw, 6), batch, 2), tf.float32)
    state = tf.constant(numbers(batch, 2), tf.float32)
    return {
        "cell": CELLS[kind], "loss_fn": lambda outputs, target: tf.reduce_sum(outputs) + target,
        "blocks": [
            Block(inputs[i : i + chosen.k1], 1.0) for i in range(0, len(inputs), chosen.k1)
        ],
        "state": [state, state] if kind == "lstm" else state, "truncation": chosen,
        "variables": CELLS[kind].trainable_variables,
    }  # fmt: skip


@recipe("tbptt.tensorflow.as_cell")
def as_cell(draw):
    kinds = st.sampled_from([keras.layers.SimpleRNN, keras.layers.GRU, keras.layers.LSTM])
    return {"layers": [draw(kinds)(2, return_sequences=True) for _ in range(size(draw, 3))]}


@recipe("tbptt.tensorflow.graph.GraphLSTM")
def graph_cell(draw):
    return {"units": size(draw), "forget_bias": 1.0}


@recipe("tbptt.tensorflow.graph.GraphStack")
def stack(draw):
    return {"cells": [GraphLSTM(2) for _ in range(size(draw, 3))]}


def made(draw, kind):
    cell = GraphLSTM(size(draw))
    return cell if kind == "GraphLSTM" else GraphStack([cell])


for kind in ("GraphLSTM", "GraphStack"):

    @recipe(f"tbptt.tensorflow.graph.{kind}.zero_state")
    def zeros(draw, kind=kind):
        return {"self": made(draw, kind), "batch_size": size(draw), "dtype": tf.float32}

    @recipe(f"tbptt.tensorflow.graph.{kind}.get_initial_state")
    def initial(draw, kind=kind):
        rows, dtype = size(draw), tf.float32
        by = st.sampled_from([(None, rows, dtype), (tf.zeros((rows, 3)), None, None)])
        inputs, batch_size, dtype = draw(by)
        return {
            "self": made(draw, kind), "inputs": inputs, "batch_size": batch_size, "dtype": dtype
        }  # fmt: skip
