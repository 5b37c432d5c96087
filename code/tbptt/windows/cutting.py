"""Cut sequences into windows.

Nothing is dropped in silence: :func:`cut` says where the windows begin and which steps none of
them contains, and :func:`prepare_sequences` warns when there are any.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tbptt._checks import numeric_array, positive_int


class DroppedStepsWarning(UserWarning):
    """Some steps of the sequence are in no window.

    Examples
    --------
    >>> import warnings
    >>> from tbptt.windows import DroppedStepsWarning, prepare_sequences
    >>> warnings.simplefilter("error", DroppedStepsWarning)  # rather stop than lose steps
    >>> prepare_sequences([range(5)], [0], window_length=2, increment=2)
    Traceback (most recent call last):
        ...
    tbptt.windows.cutting.DroppedStepsWarning: 1 of 5 steps are in no window ...
    """


@dataclass(frozen=True, slots=True)
class Cut:
    """Where the windows of one sequence lie.

    Attributes
    ----------
    steps : int
        Length of the sequence.
    window_length : int
        Steps in a window.
    increment : int
        Steps from the start of one window to the start of the next (the stride).

    Examples
    --------
    >>> from tbptt.windows import cut
    >>> where = cut(steps=11, window_length=4, increment=3)
    >>> where.n_windows, where.starts
    (3, array([0, 3, 6]))
    >>> where.coverage  # steps in two windows count twice
    array([1, 1, 1, 2, 1, 1, 2, 1, 1, 1, 0])
    >>> where.dropped
    array([10])
    """

    steps: int
    window_length: int
    increment: int

    @property
    def n_windows(self) -> int:
        """Number of windows: ``(steps - window_length) // increment + 1``."""
        return (self.steps - self.window_length) // self.increment + 1

    @property
    def starts(self) -> NDArray[np.int64]:
        """First step of every window, shape ``(n_windows,)``."""
        return np.arange(self.n_windows, dtype=np.int64) * self.increment

    @property
    def coverage(self) -> NDArray[np.int64]:
        """Number of windows that contain each step, shape ``(steps,)``."""
        edges = np.zeros(self.steps + 1, dtype=np.int64)
        np.add.at(edges, self.starts, 1)
        np.add.at(edges, self.starts + self.window_length, -1)
        return edges[:-1].cumsum()

    @property
    def dropped(self) -> NDArray[np.int64]:
        """Steps that no window contains: gaps between windows, and the end of the sequence."""
        return np.flatnonzero(self.coverage == 0)


def cut(steps: int, window_length: int, increment: int) -> Cut:
    """Cut a sequence into windows, without touching any data.

    Parameters
    ----------
    steps : int
        Length of the sequence.
    window_length : int
        Steps in a window, at most `steps`.
    increment : int
        Steps from one window's start to the next one's. More than `window_length` leaves gaps.

    Returns
    -------
    Cut
        Starts, coverage and dropped steps.

    Raises
    ------
    TypeError
        If an argument is not an integer.
    ValueError
        If one is below 1, or the window is longer than the sequence.

    Examples
    --------
    >>> from tbptt.windows import cut
    >>> cut(steps=10, window_length=4, increment=4).starts
    array([0, 4])
    >>> cut(steps=10, window_length=4, increment=4).dropped
    array([8, 9])
    """
    steps = positive_int("steps", steps)
    window_length = positive_int("window_length", window_length)
    increment = positive_int("increment", increment)
    if window_length > steps:
        raise ValueError(
            f"window_length {window_length} is longer than the sequence of {steps} steps, so "
            f"there is no window at all. Take at most {steps}, or pad the sequences."
        )
    return Cut(steps, window_length, increment)


def prepare_sequences(
    x: ArrayLike, y: ArrayLike, window_length: int, increment: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Cut labelled sequences into windows; every window inherits its sequence's label.

    Parameters
    ----------
    x : array_like of numbers, shape (n_sequences, steps, ...)
        The sequences; features, if any, come last.
    y : array_like of numbers, shape (n_sequences, ...)
        One label (or vector of them) a sequence.
    window_length : int
        Steps in a window.
    increment : int
        Steps from one window's start to the next one's: `window_length` lays windows end to
        end, 1 gives every window there is.

    Returns
    -------
    windows : ndarray, shape (n_sequences * n_windows, window_length, ...)
        All windows of sequence 0 in order of time, then those of sequence 1, and so on; a copy,
        of the dtype of `x`.
    labels : ndarray, shape (n_sequences * n_windows, ...)
        The inherited labels, of the dtype of `y`.

    Raises
    ------
    TypeError
        If sizes are not integers, or the arrays do not hold numbers.
    ValueError
        If an array is ragged or too flat, a size is below 1, the window is longer than the
        sequence, or there is not one label a sequence.

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
    """
    x = numeric_array("x", x, min_ndim=2)
    y = numeric_array("y", y, min_ndim=1)
    if len(x) != len(y):
        raise ValueError(
            f"x holds {len(x)} sequences but y holds {len(y)} labels (shapes {x.shape} and "
            f"{y.shape}). Pass one label a sequence."
        )
    where = cut(x.shape[1], window_length, increment)
    if where.dropped.size:
        warnings.warn(describe_dropped(where), DroppedStepsWarning, stacklevel=2)
    # The view's new axis comes last; (n, W, ..., L) -> (n, W, L, ...).
    views = np.lib.stride_tricks.sliding_window_view(x, where.window_length, axis=1)
    views = np.moveaxis(views[:, :: where.increment], -1, 2)
    windows = views.reshape(-1, *views.shape[2:])
    return windows, np.repeat(y, where.n_windows, axis=0)


def forecast_windows(
    series: ArrayLike, window_length: int, increment: int, horizon: int
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.int64]]:
    """Cut one series into pairs of a past window and the steps that follow it.

    Parameters
    ----------
    series : array_like of numbers, shape (steps, ...)
        The series.
    window_length : int
        Steps in the past window.
    increment : int
        Steps from one pair's start to the next one's.
    horizon : int
        Steps to forecast, right after the window.

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
        If sizes are not integers, or the series does not hold numbers.
    ValueError
        If a size is below 1, or window and horizon together exceed the series.

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
    series = numeric_array("series", series, min_ndim=1)
    window_length = positive_int("window_length", window_length)
    horizon = positive_int("horizon", horizon)
    span = window_length + horizon
    if span > len(series):
        raise ValueError(
            f"window_length {window_length} and horizon {horizon} together need {span} steps, but "
            f"the series has {len(series)}. Shorten one of them."
        )
    where = cut(len(series), span, increment)
    if where.dropped.size:
        warnings.warn(describe_dropped(where), DroppedStepsWarning, stacklevel=2)
    pairs = series[where.starts[:, None] + np.arange(span)]  # (n_pairs, span, ...)
    return pairs[:, :window_length], pairs[:, window_length:], where.starts


def describe_dropped(where: Cut) -> str:
    """Say in a sentence which steps (counted from 0) no window contains, and what to do.

    Examples
    --------
    >>> from tbptt.windows import cut, describe_dropped
    >>> print(describe_dropped(cut(steps=10, window_length=2, increment=4)))
    4 of 10 steps are in no window (counted from 0: 2, 3, 6, 7), with windows of 2
    every 4; an increment of at most 2 closes the gaps.
    """
    dropped = where.dropped
    if not dropped.size:
        return f"Every one of the {where.steps} steps is in a window."
    listed = ", ".join(map(str, dropped[:8])) + (", …" if dropped.size > 8 else "")
    cure = (
        f"an increment of at most {where.window_length} closes the gaps"
        if where.increment > where.window_length
        else "pad the end or choose sizes that fit"
    )
    return (
        f"{dropped.size} of {where.steps} steps are in no window (counted from 0: {listed}), with "
        f"windows of {where.window_length} every {where.increment}; {cure}."
    )
