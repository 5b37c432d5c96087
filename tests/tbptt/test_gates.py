"""Converted weights give the same numbers: checked step by step in the libraries themselves."""

import keras
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from tbptt.gates import (
    gru_graph_to_keras,
    gru_keras_to_torch,
    lstm_graph_to_keras,
    lstm_keras_to_torch,
)

sizes = st.integers(1, 4)
CLOSE = {"rtol": 1e-10, "atol": 1e-12}


def drawn(seed, *shapes):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in shapes]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def keras_cell(kind, weights, **options):
    cell = kind(len(weights[1]), dtype="float64", **options)
    cell.build((None, len(weights[0])))
    cell.set_weights(weights)
    return cell


def torch_cell(kind, weights):
    cell = kind(weights[0].shape[1], weights[1].shape[1]).double()
    for parameter, weight in zip(cell.parameters(), weights, strict=True):
        parameter.data = torch.from_numpy(weight)
    return cell


@settings(max_examples=25, deadline=None)
@given(sizes, sizes, st.floats(-2, 2), st.integers(0, 10))
def test_an_lstm_is_the_same_in_all_three(features, units, forget_bias, seed):
    kernel, bias, x, h, c = drawn(
        seed, (features + units, 4 * units), 4 * units, (2, features), (2, units), (2, units)
    )
    i, j, f, o = np.split(np.concatenate([x, h], axis=1) @ kernel + bias, 4, axis=1)
    after = sigmoid(f + forget_bias) * c + sigmoid(i) * np.tanh(j)
    wanted = sigmoid(o) * np.tanh(after), after
    ours = lstm_graph_to_keras(kernel, bias, forget_bias=forget_bias)
    _, (h_keras, c_keras) = keras_cell(keras.layers.LSTMCell, ours)(x, [h, c])
    cell = torch_cell(torch.nn.LSTMCell, lstm_keras_to_torch(*ours))
    h_torch, c_torch = cell(torch.from_numpy(x), (torch.from_numpy(h), torch.from_numpy(c)))
    for got in ((h_keras.numpy(), c_keras.numpy()), (h_torch.detach(), c_torch.detach())):
        assert_allclose(got[0], wanted[0], **CLOSE)
        assert_allclose(got[1], wanted[1], **CLOSE)


@settings(max_examples=25, deadline=None)
@given(sizes, sizes, st.integers(0, 10))
def test_a_gru_that_resets_before_is_the_same_in_keras(features, units, seed):
    kernel, bias, inner, last, x, h = drawn(
        seed, (features + units, 2 * units), 2 * units, (features + units, units), units,
        (2, features), (2, units),
    )  # fmt: skip
    r, u = np.split(sigmoid(np.concatenate([x, h], axis=1) @ kernel + bias), 2, axis=1)
    candidate = np.tanh(np.concatenate([x, r * h], axis=1) @ inner + last)
    ours = gru_graph_to_keras(kernel, bias, inner, last)
    got, _ = keras_cell(keras.layers.GRUCell, ours, reset_after=False)(x, [h])
    assert_allclose(got, u * h + (1 - u) * candidate, **CLOSE)


@settings(max_examples=25, deadline=None)
@given(sizes, sizes, st.integers(0, 10))
def test_a_gru_that_resets_after_is_the_same_in_torch(features, units, seed):
    kernel, recurrent, bias, x, h = drawn(
        seed, (features, 3 * units), (units, 3 * units), (2, 3 * units), (2, features), (2, units)
    )
    wanted, _ = keras_cell(keras.layers.GRUCell, [kernel, recurrent, bias])(x, [h])
    cell = torch_cell(torch.nn.GRUCell, gru_keras_to_torch(kernel, recurrent, bias))
    got = cell(torch.from_numpy(x), torch.from_numpy(h)).detach()
    assert_allclose(got, wanted, **CLOSE)


ONES = np.ones


@pytest.mark.parametrize(
    ("error", "words", "call"),
    [
        (ValueError, "bias has shape", lambda: lstm_graph_to_keras(ONES((5, 8)), ONES(7))),
        (ValueError, "kernel has shape", lambda: lstm_graph_to_keras(ONES((5, 4)), ONES(8))),
        (ValueError, "the state alone has 2", lambda: lstm_graph_to_keras(ONES((2, 8)), ONES(8))),
        (ValueError, "recurrent_kernel has shape",
         lambda: lstm_keras_to_torch(ONES((3, 8)), ONES((3, 8)), ONES(8))),
        (ValueError, "reset_after=False",
         lambda: gru_keras_to_torch(ONES((3, 6)), ONES((2, 6)), ONES(6))),
        (ValueError, r"must be \(2, 6\)",
         lambda: gru_keras_to_torch(ONES((3, 6)), ONES((2, 6)), ONES((1, 6)))),
        (ValueError, "gates_bias has shape",
         lambda: gru_graph_to_keras(ONES((5, 4)), ONES(6), ONES((5, 2)), ONES(2))),
        (TypeError, "must hold numbers", lambda: lstm_graph_to_keras(ONES((5, 8)), ["a"] * 8)),
    ],
)  # fmt: skip
def test_bad_shapes_are_named(error, words, call):
    with pytest.raises(error, match=words):
        call()
