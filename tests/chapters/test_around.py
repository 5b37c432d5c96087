"""The claims of the page on what surrounds a windowed model."""

import numpy as np
import pytest


@pytest.fixture(scope="module")
def said(glued):
    return glued("around")


def test_predictions_put_together_are_better_and_no_forecast(said):
    assert said["lead_first"] < said["lead_last"] / 3
    assert said["of_merged"] < 0.6 * said["of_pairs"]


def test_repeated_rows_count_once_unless_added_at():
    rows, values = np.array([0, 0, 1]), np.ones(3)
    once, each = np.zeros(2), np.zeros(2)
    once[rows] += values
    np.add.at(each, rows, values)
    assert (once.tolist(), each.tolist()) == ([1, 1], [2, 1])


def test_the_exponential_of_a_mean_is_below_the_mean_of_exponentials():
    logs = np.log([1.0, 2.0, 8.0])
    assert np.exp(logs.mean()) < np.exp(logs).mean()


def test_what_is_left_of_a_wave_that_is_too_fast(said):
    assert said["left_every"] == pytest.approx(1)
    assert said["left_averaged"] == pytest.approx(np.cos(np.pi * 48 / 100), abs=0.001)
    assert said["left_filtered"] < said["left_averaged"] / 10


def test_a_filter_without_a_backward_pass_lags():
    from scipy.signal import decimate

    kick = np.zeros(200)
    kick[100] = 1.0
    assert decimate(kick, 2, zero_phase=False).argmax() > 50 == decimate(kick, 2).argmax()


def test_an_epoch_makes_fewer_updates_with_larger_batches():
    import keras

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4, 1)), keras.layers.GRU(2), keras.layers.Dense(1)])
    for batch_size, updates in ((8, 8), (64, 1)):
        model.compile("sgd", "mse")
        model.fit(np.zeros((64, 4, 1)), np.zeros((64, 1)), batch_size, verbose=0)
        assert int(model.optimizer.iterations) == updates
