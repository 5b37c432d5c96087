"""Cut arrays into windows.

Nothing is dropped silently: steps that no window contains are warned of, and values that are
missing are refused unless ``missing="keep"``. Windows belong to the caller and can be written to;
with ``copy=None`` or ``copy=False`` they are read-only instead, views of the series where that can
be. No result lets the caller's data be changed through it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tbptt._checks import Missing, check_missing, numeric_array, positive_int
from tbptt.windows._views import check_copy, check_shared, end_to_end, owned, windows_of
from tbptt.windows.cutting import cut, warn_of_dropped


def prepare_sequences(
    x: ArrayLike,
    y: ArrayLike,
    window_length: int,
    increment: int,
    *,
    missing: Missing = "refuse",
    copy: bool | None = True,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Cut labelled sequences into windows; every window inherits its sequence's label.

    Parameters
    ----------
    x : array_like of numbers, shape (n_sequences, steps, ...)
        The sequences; features, if any, come last. Frames and series of pandas and polars are read
        without their index, tensors on the CPU as they are. A row of a frame by itself is a
        sequence; a list of frames, each (steps, features), is one sequence a frame.
    y : array_like of numbers, shape (n_sequences, ...)
        One label (or vector of them) a sequence.
    window_length : int
        Steps in a window.
    increment : int
        Steps from one window's start to the next one's: `window_length` lays windows end to
        end, 1 gives every window there is.
    missing : {"refuse", "keep"}
        What to do about values that are missing: NaN, infinity, masked entries, nulls of a frame.
        Kept, infinity stays as it is and all others are NaN (integers become floats for it), so
        that ``numpy.isfinite(windows)`` is the mask.
    copy : bool or None
        True gives windows of your own, which you may write to. Otherwise they are read-only: a view
        of `x` where that can be, which changes when `x` does, and where it cannot a copy (None) or
        an error (False). It can for one sequence, for one window a sequence, and for windows end to
        end that leave no step over.

    Returns
    -------
    windows : ndarray, shape (n_sequences * n_windows, window_length, ...)
        All windows of sequence 0 in order of time, then those of sequence 1, and so on, of the
        dtype of `x`.
    labels : ndarray, shape (n_sequences * n_windows, ...)
        The inherited labels, of the dtype of `y`; always a copy.

    Raises
    ------
    TypeError
        If sizes are not integers, the arrays do not hold numbers or have to be converted first, or
        `copy` is none of the three.
    ValueError
        If an array is ragged or too flat, a size is below 1, the window is longer than the
        sequence, there is not one label a sequence, values are missing, or there are no windows
        without a copy.

    Warns
    -----
    DroppedStepsWarning
        If some steps are in no window; the warning names them.

    Examples
    --------
    >>> from tbptt.windows import prepare_sequences
    >>> windows, labels = prepare_sequences([[0, 1, 2, 3], [4, 5, 6, 7]], [1, 0], 2, 2)
    >>> windows
    array([[0, 1],
           [2, 3],
           [4, 5],
           [6, 7]])
    >>> labels
    array([1, 1, 0, 0])

    Gaps are refused, or kept:

    >>> import numpy as np
    >>> gaps = [[0.5, np.nan, 2.5, 3.5]]
    >>> prepare_sequences(gaps, [1], 2, 2)
    Traceback (most recent call last):
        ...
    ValueError: x has 1 value that is missing ... the first at x[0, 1]: nan. ...
    >>> prepare_sequences(gaps, [1], 2, 2, missing="keep")[0]
    array([[0.5, nan],
           [2.5, 3.5]])

    Every window of a long series, without a second copy of it:

    >>> series = np.zeros((1, 1_000_000, 3), np.float32)
    >>> windows, _ = prepare_sequences(series, [0], 100, 1, copy=False)
    >>> windows.shape, np.shares_memory(windows, series)
    ((999901, 100, 3), True)
    """
    missing, copy = check_missing(missing), check_copy(copy)
    sequences = numeric_array("x", x, min_ndim=2, missing=missing)
    labels = numeric_array("y", y, min_ndim=1, missing=missing)
    if len(sequences) != len(labels):
        raise ValueError(
            f"x holds {len(sequences)} sequences but y holds {len(labels)} labels (shapes "
            f"{sequences.shape} and {labels.shape}). Pass one label a sequence."
        )
    if not sequences.shape[1]:
        raise ValueError(f"x has shape {sequences.shape}: there are no steps to cut.")
    where = cut(sequences.shape[1], window_length, increment)
    check_shared("x", x, sequences, copy)
    views = windows_of(sequences, where, axis=1)  # (n_sequences, n_windows, window_length, ...)
    windows = end_to_end(views)
    if windows is None:
        if copy is False:
            raise ValueError(
                f"{len(sequences)} sequences in windows of {where.window_length} every "
                f"{where.increment} of {where.steps} steps cannot be laid end to end without a "
                "copy; pass copy=None, one sequence at a time, or windows end to end that leave "
                "no step over."
            )
        windows = views.reshape(-1, *views.shape[2:])
        windows.flags.writeable = copy is True
    else:
        windows = owned(windows, copy)
    warn_of_dropped(where)
    return windows, np.repeat(labels, where.n_windows, axis=0)


def forecast_windows(
    series: ArrayLike,
    window_length: int,
    increment: int,
    horizon: int,
    *,
    missing: Missing = "refuse",
    copy: bool | None = True,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.int64]]:
    """Cut one series into pairs of a past window and the steps that follow it.

    Parameters
    ----------
    series : array_like of numbers, shape (steps, ...)
        The series. Frames and series of pandas and polars are read without their index, tensors on
        the CPU as they are.
    window_length : int
        Steps in the past window.
    increment : int
        Steps from one pair's start to the next one's.
    horizon : int
        Steps to forecast, right after the window.
    missing : {"refuse", "keep"}
        As for :func:`prepare_sequences`.
    copy : bool or None
        As for :func:`prepare_sequences`. Windows of one series are always possible as views.

    Returns
    -------
    past : ndarray, shape (n_pairs, window_length, ...)
        What a model may see.
    future : ndarray, shape (n_pairs, horizon, ...)
        What it is asked for.
    starts : ndarray of int, shape (n_pairs,)
        First step of each pair; it spans ``window_length + horizon`` steps.

    Raises
    ------
    TypeError
        If sizes are not integers, the series does not hold numbers or has to be converted first, or
        `copy` is none of the three.
    ValueError
        If a size is below 1, window and horizon together exceed the series, values are missing, or
        the series cannot be read without a copy.

    Warns
    -----
    DroppedStepsWarning
        If some steps are in no pair; the warning names them.

    Examples
    --------
    >>> from tbptt.windows import forecast_windows
    >>> past, future, starts = forecast_windows(
    ...     range(8), window_length=3, increment=2, horizon=1
    ... )
    >>> past
    array([[0, 1, 2],
           [2, 3, 4],
           [4, 5, 6]])
    >>> future.ravel(), starts
    (array([3, 5, 7]), array([0, 2, 4]))
    """
    missing, copy = check_missing(missing), check_copy(copy)
    steps = numeric_array("series", series, min_ndim=1, missing=missing)
    window_length = positive_int("window_length", window_length)
    horizon = positive_int("horizon", horizon)
    span = window_length + horizon
    if span > len(steps):
        raise ValueError(
            f"window_length {window_length} and horizon {horizon} together need {span} steps, but "
            f"the series has {len(steps)}. Shorten one of them."
        )
    where = cut(len(steps), span, increment)
    check_shared("series", series, steps, copy)
    warn_of_dropped(where)
    pairs = windows_of(steps, where, axis=0)  # (n_pairs, span, ...)
    past, future = pairs[:, :window_length], pairs[:, window_length:]
    return owned(past, copy), owned(future, copy), where.starts
