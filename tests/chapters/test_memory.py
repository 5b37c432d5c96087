"""The claims of the page on everything with a memory."""

import pytest
import torch
from torch import nn


@pytest.fixture(scope="module")
def said(glued):
    return glued("memory")


def test_without_the_cells_error_the_gradient_is_far_off(said):
    assert 0.3 < said["without_cell"] < 0.4


def test_batch_normalisation_moves_what_eval_answers_from():
    norm = nn.BatchNorm1d(3)
    x = torch.randn(8, 3) + 1
    before, first = norm.running_mean.clone(), norm(x)
    assert torch.equal(norm(x), first)
    assert not torch.equal(norm.running_mean, before)


def test_zero_times_nan_is_nan_and_where_is_not():
    state = torch.tensor([float("nan"), float("inf")])
    assert (state * 0).isnan().all()
    assert torch.where(torch.tensor(True), 0.0, state).tolist() == [0, 0]


def test_an_interpreter_clears_all_rows_at_once():
    import tensorflow as tf

    assert callable(tf.lite.Interpreter.reset_all_variables)


def test_keras_states_have_rows_first():
    import keras

    model = keras.Sequential(
        [keras.Input(batch_shape=(4, None, 1)), keras.layers.LSTM(3, stateful=True)]
    )
    assert [part.shape[0] for layer in model.layers for part in layer.states] == [4, 4]


def test_normalisation_over_time_needs_the_whole_sequence():
    x = torch.randn(2, 4, 24)  # rows, channels, steps
    norm = nn.InstanceNorm1d(4)
    pieces = torch.cat([norm(piece) for piece in x.split(6, dim=2)], dim=2)
    assert not torch.allclose(pieces, norm(x), atol=1e-2)
    by_step = nn.LayerNorm(4)
    x = x.transpose(1, 2)
    pieces = torch.cat([by_step(piece) for piece in x.split(6, dim=1)], dim=1)
    assert torch.allclose(pieces, by_step(x), atol=1e-6)
