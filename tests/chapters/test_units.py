"""The claims of the page on windows in the reader's units."""

import numpy as np
import pytest

from tbptt.windows import place_windows, segments


@pytest.fixture(scope="module")
def said(glued):
    return glued("units")


def test_cut_at_once_some_windows_mix_recordings(said):
    assert (said["mixed"], said["at_once"], said["one_by_one"]) == (4, 14, 11)


def test_120_steps_of_every_sixth_row_are_five_days_of_ten_minutes():
    span = place_windows(segments(np.arange(2000)), 120, 1, sampling_rate=6).span
    assert span == (120 - 1) * 6 + 1 == 715
    assert round((span - 1) * 10 / 60 / 24, 2) == 4.96  # in days; and 714 hours are 29.75
    assert round((span - 1) / 24, 2) == 29.75


def test_the_generator_of_keras_2_shifts_targets_and_counts_rows():
    import tensorflow as tf

    rows = np.arange(60.0)
    generator = tf.keras.preprocessing.sequence.TimeseriesGenerator
    (window,), (target,) = generator(rows, rows, length=4, batch_size=1)[0]
    assert (window.tolist(), target) == ([0, 1, 2, 3], 4)
    thinned = generator(rows, rows, length=24, sampling_rate=6, stride=12, batch_size=1)
    windows, targets = zip(*(thinned[i] for i in range(2)), strict=True)
    assert np.concatenate(windows).tolist() == [[0, 6, 12, 18], [12, 18, 24, 30]]
    assert np.concatenate(targets).tolist() == [24, 36]


def test_the_sweep_jumps_where_a_window_holds_the_year(said):
    errors = dict(zip((2, 4, 13, 26, 52, 104), said["swept"], strict=True))
    assert errors[52] < errors[4] / 4
    assert errors[104] == min(errors.values()) > errors[52] * 0.8
    jumps = np.diff(list(errors.values()))
    assert jumps.argmin() == 3  # from half a year to a year
    assert said["sweep_best"] == 104
