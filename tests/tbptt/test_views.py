"""Who owns the windows: a writable copy, or a read-only view, by one rule."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tbptt.windows import forecast_windows, in_lanes, prepare_sequences

pytestmark = pytest.mark.filterwarnings("ignore::tbptt.windows.DroppedStepsWarning")

COPY = st.sampled_from([True, False, None])
LONG = (2_000_000, 27)


@given(st.integers(0, 3), st.integers(1, 12), st.integers(1, 12), st.integers(1, 12), COPY)
def test_windows_are_the_same_whoever_owns_them(rows, steps, length, increment, copy):
    length = min(length, steps)
    x = np.arange(rows * steps * 2.0).reshape(rows, steps, 2)
    expected, labels = prepare_sequences(x, range(rows), length, increment)
    try:
        windows, others = prepare_sequences(x, range(rows), length, increment, copy=copy)
    except ValueError as error:
        assert copy is False and "without a copy" in str(error)  # noqa: PT017, PT018
        windows, others = prepare_sequences(x, range(rows), length, increment, copy=None)
        assert not np.shares_memory(windows, x)
    else:
        assert copy is not False or not x.size or np.shares_memory(windows, x)
    np.testing.assert_array_equal(windows, expected)
    np.testing.assert_array_equal(others, labels)
    assert windows.flags.writeable is (copy is True)
    assert others.flags.writeable


@pytest.mark.parametrize(
    ("rows", "length", "increment", "shared"),
    [(1, 4, 1, True), (3, 4, 4, True), (3, 12, 5, True), (3, 4, 3, False), (3, 5, 5, False)],
)
def test_a_view_where_the_windows_lie_end_to_end(rows, length, increment, shared):
    x = np.arange(rows * 12.0).reshape(rows, 12)
    windows, _ = prepare_sequences(x, range(rows), length, increment, copy=None)
    assert np.shares_memory(windows, x) is shared
    if not shared:
        with pytest.raises(ValueError, match="cannot be laid end to end without a copy"):
            prepare_sequences(x, range(rows), length, increment, copy=False)


@given(st.integers(1, 3), st.integers(1, 6), st.integers(1, 6), st.booleans())
def test_the_callers_data_never_change_through_windows(rows, length, increment, forecast):
    x = np.arange(rows * 12.0).reshape(rows, 12)
    before = x.copy()
    made = (
        forecast_windows(x.T, length, increment, 3)[:2]
        if forecast
        else prepare_sequences(x, range(rows), length, increment)
    )
    for array in made:
        array += 100
    np.testing.assert_array_equal(x, before)
    kept = made[0].copy()
    x *= 7
    np.testing.assert_array_equal(made[0], kept)


def test_past_and_future_do_not_share_memory_when_they_are_copies():
    past, future, _ = forecast_windows(np.arange(9.0), 3, 1, 2)
    assert not np.shares_memory(past, future)
    past, future, _ = forecast_windows(np.arange(9.0), 3, 1, 2, copy=False)
    assert not past.flags.writeable
    assert not future.flags.writeable


def test_rows_in_lanes_and_labels_are_copies():
    x, y = np.arange(4.0).reshape(4, 1), np.arange(4)
    laid, labels = in_lanes(x, y, n_windows=4, batch_size=1)  # in the order that they have
    _, repeated = prepare_sequences(x, y, 1, 1)
    for array in (laid, labels, repeated):
        array += 100
    assert (x.ravel() == np.arange(4)).all()
    assert (y == np.arange(4)).all()


def test_a_read_only_series_gives_writable_copies():
    series = np.arange(9.0)
    series.flags.writeable = False
    forecast_windows(series, 3, 1, 2)[0][:] = 0
    windows, _ = prepare_sequences(series[None], [0], 3, 3)
    windows[:] = 0
    assert series.sum() == 36


def test_nothing_is_called_a_view_that_is_none():
    for series in (list(range(9)), pd.DataFrame({"a": range(9), "b": [0.5] * 9})):
        with pytest.raises(ValueError, match=r"series \(\w+\) cannot be read without"):
            forecast_windows(series, 3, 1, 2, copy=False)
        assert not forecast_windows(series, 3, 1, 2, copy=None)[0].flags.writeable
    frame = pd.DataFrame(np.arange(18.0).reshape(9, 2))
    past, _, _ = forecast_windows(frame, 3, 1, 2, copy=False)
    assert np.shares_memory(past, frame.to_numpy())
    gap = np.array([1.0, np.nan, 3.0])
    assert np.shares_memory(forecast_windows(gap, 1, 1, 1, missing="keep", copy=False)[0], gap)


@pytest.mark.parametrize("option", [0, 1, "no", [True]])
def test_other_options_are_refused(option):
    with pytest.raises(TypeError, match="copy must be True, False or None, got"):
        forecast_windows([1, 2, 3], 2, 1, 1, copy=option)


def peak(call):
    """Return what a call returns, and the most memory that NumPy held meanwhile, in bytes."""
    tracemalloc.start()
    try:
        returned = call()
        return returned, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_two_million_steps_of_27_columns_cost_no_copy():
    series = np.zeros(LONG, np.float32)
    (windows, _), most = peak(lambda: prepare_sequences(series[None], [0], 100, 100, copy=False))
    assert windows.shape == (20_000, 100, 27)
    assert most < series.nbytes / 100
    (past, _, starts), most = peak(lambda: forecast_windows(series, 100, 1, 1, copy=False))
    assert past.shape == (1_999_900, 100, 27)
    assert most < 1.2 * starts.nbytes + series.nbytes / 100


@pytest.mark.parametrize(("length", "increment", "columns"), [(50, 5, 7), (24, 1, 1), (6, 6, 3)])
def test_forecasts_peak_at_their_own_size(length, increment, columns):
    series = np.zeros((50_000, columns), np.float32)
    made, most = peak(lambda: forecast_windows(series, length, increment, 4))
    assert most <= 1.2 * sum(array.nbytes for array in made)


def test_windows_of_several_sequences_peak_at_their_own_size():
    x = np.zeros((40, 1000, 5), np.float32)
    made, most = peak(lambda: prepare_sequences(x, np.zeros(40), 30, 3))
    assert most <= 1.2 * sum(array.nbytes for array in made)
