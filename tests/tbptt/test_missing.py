"""Values that are missing are refused with their place, or kept as NaN."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from tbptt.windows import forecast_windows, in_lanes, prepare_sequences

NAN = float("nan")

# One series of four steps in each, whose second value is missing; and what is said of the place.
SERIES = {
    "nan": (np.array([1, NAN, 3, 4]), r"at series\[1\]: nan"),
    "float16": (np.array([1, NAN, 3, 4], np.float16), r"at series\[1\]: nan"),
    "complex": (np.array([1, complex(0, NAN), 3, 4]), r"at series\[1\]"),
    "masked": (np.ma.masked_equal([1.0, 9.97e36, 3, 4], 9.97e36), "masked or null"),
    "masked integers": (np.ma.masked_equal([1, 2, 3, 4], 2), "masked or null"),
    "None in a list": ([1, None, 3, 4], r"series\[1\]: masked or null"),
    "None in an object array": (np.array([1, None, 3, 4], object), "masked or null"),
    "pandas NA in a list": ([1, pd.NA, 3, 4], r"series\[1\]"),
    "pandas, NaN": (pd.Series([1.0, NAN, 3, 4], index=list("abcd")), r"at series\[1\]: nan"),
    "pandas, nullable": (pd.Series([1, None, 3, 4], dtype="Int64"), "masked or null"),
    "pandas array": (pd.array([1, None, 3, 4], dtype="Int32"), "masked or null"),
    "pandas, nullable floats": (pd.Series([1, None, 3, 4], dtype="Float32"), "masked or null"),
    "polars": (pl.Series([1, None, 3, 4]), "masked or null"),
    "polars, NaN": (pl.Series([1.0, NAN, 3, 4]), r"at series\[1\]: nan"),
}


@pytest.mark.parametrize("series, place", SERIES.values(), ids=SERIES)  # noqa: PT006
def test_missing_values_are_refused_with_their_place_or_kept_as_nan(series, place):
    with pytest.raises(ValueError, match=f"series has 1 value .* of 4, .*{place}.*missing='keep'"):
        forecast_windows(series, 2, 1, 1)
    past, future, _ = forecast_windows(series, 2, 1, 1, missing="keep")
    np.testing.assert_array_equal(past, [[1, NAN], [NAN, 3]])
    np.testing.assert_array_equal(future, [[3], [4]])


@pytest.mark.parametrize("infinity", [np.inf, -np.inf])
def test_infinity_is_refused_or_stays(infinity):
    x = np.ones((2, 4, 3))
    x[1, 2, 0] = infinity
    with pytest.raises(ValueError, match=r"x has 1 value .* of 24, the first at x\[1, 2, 0\]"):
        prepare_sequences(x, [0, 1], 2, 2)
    windows, _ = prepare_sequences(x, [0, 1], 2, 2, missing="keep")
    assert windows[3, 0, 0] == infinity


def test_every_array_of_every_function_is_asked():
    x, gap = np.ones((2, 4)), np.ma.masked_array([1.0, 2.0], [False, True])
    with pytest.raises(ValueError, match=r"y has 1 value .*y\[1\]"):
        prepare_sequences(x, gap, 2, 2)
    with pytest.raises(ValueError, match=r"windows has 2 values .*windows\[0, 0\]"):
        in_lanes([[NAN], [NAN]], [1, 2], n_windows=2, batch_size=1)
    with pytest.raises(ValueError, match=r"others\[1\] has 1 value .*others\[1\]\[1\]"):
        in_lanes([[1], [2]], [1, 2], gap, n_windows=2, batch_size=1)
    laid = in_lanes([[1], [2]], [1, 2], gap, n_windows=2, batch_size=1, missing="keep")
    np.testing.assert_array_equal(laid[2], [1, NAN])


def test_masks_inside_lists_are_seen():
    rows = [np.ma.masked_equal([1, 2, 3], 2), np.ma.masked_equal([1, 5, 3], 0)]
    with pytest.raises(ValueError, match=r"x has 1 value .*x\[0, 1\]: masked"):
        prepare_sequences(rows, [0, 1], 3, 1)
    windows, _ = prepare_sequences(rows, [0, 1], 3, 1, missing="keep")
    np.testing.assert_array_equal(windows, [[1, NAN, 3], [1, 5, 3]])
    # A mask that hides nothing is no matter.
    np.testing.assert_array_equal(prepare_sequences(rows[1:], [0], 3, 1)[0], [[1, 5, 3]])


def test_kept_integers_are_not_rounded():
    exact = np.ma.masked_equal([2**53, 1, 7], 1)
    past, _, _ = forecast_windows(exact, 2, 1, 1, missing="keep")
    np.testing.assert_array_equal(past, [[2**53, NAN]])
    beyond = pl.Series([2**53 + 1, None, 7])
    with pytest.raises(ValueError, match=r"series holds integers beyond 2\*\*53"):
        forecast_windows(beyond, 2, 1, 1, missing="keep")


def test_keeping_leaves_the_callers_arrays_as_they_were():
    series = np.ma.masked_array([1.0, 2.0, 3.0], [False, True, False])
    forecast_windows(series, 2, 1, 1, missing="keep")
    np.testing.assert_array_equal(series.data, [1, 2, 3])
    np.testing.assert_array_equal(series.mask, [False, True, False])


@pytest.mark.parametrize("option", ["drop", None, True, ["keep"], np.array("keep")])
def test_other_options_are_refused(option):
    with pytest.raises(ValueError, match="missing must be 'refuse' or 'keep', got"):
        forecast_windows([1, 2, 3], 2, 1, 1, missing=option)
