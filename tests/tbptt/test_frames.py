"""Frames and series of pandas and polars: their numbers, or the column that holds none."""

import datetime
import re

import numpy as np
import pandas as pd
import polars as pl
import pytest

from tbptt.windows import forecast_windows, in_lanes, prepare_sequences

DAYS = pd.date_range("2020-01-01", periods=4)
MIXED = {"a": [0.5, 1.5, 2.5, 3.5], "b": [True, False, True, False], "c": [1, 2, 3, 4]}
NUMBERS = np.array([[0.5, 1, 1], [1.5, 0, 2], [2.5, 1, 3], [3.5, 0, 4]])

FRAMES = {
    "pandas": pd.DataFrame(MIXED),
    "pandas, by day": pd.DataFrame(MIXED).set_index(DAYS),
    "pandas, nullable": pd.DataFrame(MIXED).convert_dtypes(),
    "pandas, one name for all": pd.DataFrame(MIXED).set_axis(["a"] * 3, axis=1),
    "pandas, sparse": pd.DataFrame(MIXED).astype({"c": pd.SparseDtype("int64", 0)}),
    "pandas, one block": pd.DataFrame(NUMBERS),
    "pandas, float32 and more": pd.DataFrame(MIXED).astype({"a": "float32"}),
    "polars": pl.DataFrame(MIXED),
    "polars, float32 and more": pl.DataFrame(MIXED).cast({"a": pl.Float32}),
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_columns_are_the_features(frame):
    past, future, _ = forecast_windows(frame, 2, 1, 1)
    np.testing.assert_array_equal(past, [NUMBERS[:2], NUMBERS[1:3]])
    np.testing.assert_array_equal(future, NUMBERS[2:, None])
    assert past.dtype.kind == "f"


SERIES = {
    "pandas": pd.Series([1, 2, 3], index=list("xyz"), name="a"),
    "pandas, by day": pd.Series([1, 2, 3], index=DAYS[:3]),
    "pandas, nullable": pd.Series([1, 2, 3], dtype="Int16"),
    "pandas index": pd.RangeIndex(1, 4),
    "pandas array": pd.array([1, 2, 3], dtype="UInt8"),
    "polars": pl.Series("a", [1, 2, 3]),
}


@pytest.mark.parametrize("series", SERIES.values(), ids=SERIES)
def test_a_series_is_its_values(series):
    past, _, _ = forecast_windows(series, 2, 1, 1)
    np.testing.assert_array_equal(past, [[1, 2]])
    assert past.dtype.kind in "iu"
    (laid,) = in_lanes(series, n_windows=3, batch_size=1)
    np.testing.assert_array_equal(laid, [1, 2, 3])


def test_several_frames_are_several_sequences():
    frames = [pd.DataFrame(MIXED), pd.DataFrame(MIXED) * 2]
    windows, labels = prepare_sequences(frames, pd.Series([7, 8], index=[5, 5]), 2, 2)
    expected = [NUMBERS[:2], NUMBERS[2:], 2 * NUMBERS[:2], 2 * NUMBERS[2:]]
    np.testing.assert_array_equal(windows, expected)
    np.testing.assert_array_equal(labels, [7, 7, 8, 8])
    with pytest.raises(ValueError, match=r"x is ragged.*\(4, 3\), \(3, 3\)"):
        prepare_sequences([frames[0], frames[1][:3]], [0, 1], 2, 1)


def test_booleans_alone_stay_booleans():
    assert forecast_windows(pd.DataFrame({"a": [True, False]}), 1, 1, 1)[0].dtype == bool
    assert forecast_windows(pl.DataFrame({"a": [True, False]}), 1, 1, 1)[0].dtype == bool


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": pd.array([1, 2, None], dtype="Int64")}),
        pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": pd.array([True, False, None], dtype="boolean")}),
        pl.DataFrame({"a": [1.0, 2.0, 3.0], "b": [1, 2, None]}),
        pl.DataFrame({"a": [1.0, 2.0, 3.0], "b": [True, False, None]}),
    ],
)
def test_a_missing_value_is_named_by_its_column(frame):
    with pytest.raises(ValueError, match="of 6, the first in the column 'b', row 2: masked or nul"):
        forecast_windows(frame, 2, 1, 1)
    _, future, _ = forecast_windows(frame, 2, 1, 1, missing="keep")
    np.testing.assert_array_equal(future, [[[3, np.nan]]])


def test_nan_in_a_block_is_named_by_its_column():
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, np.nan]}, index=DAYS[:2])
    with pytest.raises(ValueError, match=r"series has 1 value .* in the column 'b', row 1: nan"):
        forecast_windows(frame, 1, 1, 1)


def day(number):
    return datetime.datetime(2020, 1, number, tzinfo=datetime.UTC)


COLUMN = "series['odd']"
SINCE = f"({COLUMN} - {COLUMN}.min()).dt.total_seconds()"


@pytest.mark.parametrize(
    ("column", "call"),
    [
        (pd.Series(DAYS), SINCE),
        (pd.Series(DAYS.tz_localize("UTC")), SINCE),
        (pd.Series(DAYS - DAYS[0]), f"{COLUMN}.dt.total_seconds()"),
        (pd.Series(["1", "2", "3", "4"], dtype=object), f"{COLUMN}.to_numpy('float32')"),
        (pd.Series([1, 2, 3, 4], dtype=object), f"{COLUMN}.to_numpy('float32')"),
        (pl.Series([day(1), day(2), day(3), day(4)]), SINCE),
        (pl.Series(list("abab"), dtype=pl.Categorical), f"{COLUMN}.to_physical()"),
        (pl.Series(["1", "2", "3", "4"]), f"{COLUMN}.cast(polars.Float32)"),
    ],
)
def test_what_is_no_number_is_named_with_a_call_that_works(column, call):
    frame = pd.DataFrame if isinstance(column, pd.Series) else pl.DataFrame
    series = frame({"ok": range(4), "odd": column})
    with pytest.raises(TypeError, match="The column 'odd' of series") as refused:
        forecast_windows(series, 2, 1, 1)
    assert re.search(rf"pass .*{re.escape(call)}", str(refused.value))
    helped = eval(call, {"series": series, "polars": pl})
    assert len(forecast_windows(helped, 2, 1, 1)[0]) == 2


def test_categories_are_told_of_their_codes():
    series = pd.Series(list("abab"), dtype="category", name="kind")
    with pytest.raises(TypeError, match=r"the column 'kind', holds cat.*series.cat.codes, or"):
        forecast_windows(series, 2, 1, 1)
    assert len(forecast_windows(series.cat.codes, 2, 1, 1)[0]) == 2


def test_an_index_of_dates_by_itself_is_named_too():
    with pytest.raises(TypeError, match=r"\(series - series.min\(\)\).total_seconds\(\)"):
        forecast_windows(DAYS, 2, 1, 1)
    past, _, _ = forecast_windows((DAYS - DAYS.min()).total_seconds(), 2, 1, 1)
    np.testing.assert_array_equal(past, [[0, 86400], [86400, 172800]])


def test_frames_without_columns_or_rows_are_refused_in_words():
    with pytest.raises(ValueError, match="the series has 0"):
        forecast_windows(pd.DataFrame({"a": []}), 1, 1, 1)
    with pytest.raises(ValueError, match="the series has 0"):
        forecast_windows(pl.DataFrame(), 1, 1, 1)
    with pytest.raises(TypeError, match=r"polars LazyFrame; pass series.collect\(\)"):
        forecast_windows(pl.DataFrame(MIXED).lazy(), 1, 1, 1)


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_a_frame_is_as_it_was(frame):
    before = frame.copy() if isinstance(frame, pd.DataFrame) else frame.clone()
    past, _, _ = forecast_windows(frame, 2, 1, 1)
    past[:] = 99
    assert frame.equals(before)
