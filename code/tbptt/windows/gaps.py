"""Where a table of rows may be cut into windows: within a group, and never across a gap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbptt.windows._stamps import read_every, read_groups, read_times, span_of, span_text


@dataclass(frozen=True, eq=False)
class Segments:
    """Runs of rows without a gap, as :func:`segments` finds them.

    Attributes
    ----------
    times : ndarray of datetime64, timedelta64 or int64, shape (rows,)
        When each row was.
    every : numpy.timedelta64 or int
        Time from a row to the next one.
    starts : ndarray of int, shape (n_segments,)
        First row of each segment.
    lengths : ndarray of int, shape (n_segments,)
        Rows of each. Segments follow one another, and leave out no row.
    groups : ndarray, shape (n_segments,), or None
        The label of each segment's group, if groups were given.

    Examples
    --------
    >>> from tbptt.windows import segments
    >>> runs = segments([0, 1, 2, 7, 8, 0, 1], groups=["a"] * 5 + ["b"] * 2)
    >>> runs.starts, runs.lengths, runs.groups
    (array([0, 3, 5]), array([3, 2, 2]), array(['a', 'a', 'b'], dtype='<U1'))
    >>> print(runs)
    7 rows in 3 segments of 2 to 3 rows, one every 1; 2 groups, 1 gap
    """

    times: NDArray[Any]
    every: Any
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    groups: NDArray[Any] | None

    def __str__(self) -> str:
        """Say it in a line."""
        n = len(self.starts)
        sizes = sorted({int(self.lengths.min()), int(self.lengths.max())})
        groups = 1 if self.groups is None else 1 + int((self.groups[1:] != self.groups[:-1]).sum())
        labelled = "" if self.groups is None else f"{groups} group{'s' * (groups != 1)}, "
        return (
            f"{len(self.times)} rows in {n} segment{'s' * (n != 1)} of "
            f"{' to '.join(map(str, sizes))} rows, one every {span_text(self.every)}; "
            f"{labelled}{n - groups} gap{'s' * (n - groups != 1)}"
        )


def segments(times: Any, groups: Any = None, *, every: Any = None) -> Segments:
    """Split rows where their group changes or a time is missing, so that no window crosses.

    Parameters
    ----------
    times : array_like of datetime64, timedelta64 or int, shape (rows,)
        When each row was: a ``DatetimeIndex``, a column of pandas or polars, an array. In a group
        they rise. Without a time zone: with one, you choose between UTC and the clock on the wall.
    groups : array_like, shape (rows,), optional
        A label for each row, of any kind: the sensor, patient or episode. All rows of a group
        follow one another; groups may be of any length.
    every : numpy.timedelta64, datetime.timedelta or int, optional
        Time from a row to the next one; by default what most rows have. From twice that on it is a
        gap.

    Returns
    -------
    Segments
        Where to cut: see :func:`place_windows`.

    Raises
    ------
    TypeError
        If times are text, floats or objects, a whole frame is handed, or `every` is of another
        kind than `times`.
    ValueError
        If there are no rows, a time or label is missing, times have a time zone, are doubled,
        fall, or come unevenly, a group comes again later, or no two rows say what `every` is.

    Examples
    --------
    A logger that was off from 3 to 6 o'clock:

    >>> import pandas as pd
    >>> from tbptt.windows import segments
    >>> hours = pd.date_range("2024-05-01", periods=8, freq="h").delete([4, 5])
    >>> runs = segments(hours)
    >>> runs.lengths, str(runs.every.astype("timedelta64[h]"))
    (array([4, 2]), '1 hours')
    >>> segments(hours[::-1])
    Traceback (most recent call last):
        ...
    ValueError: times fall: times[1], 2024-05-01T06:00:00..., lies before times[0], ...
    """
    stamps = read_times(times)
    labels = None if groups is None else read_groups(groups, len(stamps))
    step = None if every is None else read_every(every, stamps)
    changes = _changes(labels, len(stamps))
    numbers: NDArray[np.int64] = stamps.astype(np.int64)
    moves = numbers[1:] - numbers[:-1]
    within = ~changes[1:]
    _check_rising(stamps, moves, within, grouped=labels is not None)
    if step is None:
        step = _usual(moves[within])
    _check_even(stamps, moves, within, step)
    starts = np.flatnonzero(changes | np.append(True, moves > step))
    return Segments(
        times=stamps,
        every=span_of(step, stamps),
        starts=starts,
        lengths=np.diff(np.append(starts, len(stamps))),
        groups=None if labels is None else labels[starts],
    )


def _changes(labels: NDArray[Any] | None, rows: int) -> NDArray[np.bool_]:
    """Say at which rows a group begins."""
    changes = np.zeros(rows, dtype=bool)
    changes[0] = True
    if labels is None:
        return changes
    changes[1:] = labels[1:] != labels[:-1]
    known = set()
    for row in np.flatnonzero(changes).tolist():
        label = labels[row]
        if label in known:
            raise ValueError(
                f"The group {label!s} comes again at row {row}, after another one: sort by group "
                "first, and by time inside it."
            )
        known.add(label)
    return changes


def _check_rising(
    times: NDArray[Any], moves: NDArray[np.int64], within: NDArray[np.bool_], *, grouped: bool
) -> None:
    hint = "" if grouped else " If several series share these times, pass groups."
    falls, doubles = np.flatnonzero(within & (moves < 0)), np.flatnonzero(within & (moves == 0))
    for row in doubles[:1].tolist():
        raise ValueError(
            f"times[{row}] and times[{row + 1}] are both {times[row]}, and {doubles.size} of "
            f"{len(times)} rows have the time of the row before: keep one of each.{hint}"
        )
    for row in falls[:1].tolist():
        raise ValueError(
            f"times fall: times[{row + 1}], {times[row + 1]}, lies before times[{row}], "
            f"{times[row]}. Sort the rows by time, values and all.{hint}"
        )


def _usual(moves: NDArray[np.int64]) -> int:
    """Return the most common of the times from row to row, the shortest of several."""
    if not moves.size:
        raise ValueError(
            "No group has two rows, which would say how far apart rows are: pass every."
        )
    values, counts = np.unique(moves, return_counts=True)
    return int(values[counts.argmax()])


def _check_even(
    times: NDArray[Any], moves: NDArray[np.int64], within: NDArray[np.bool_], step: int
) -> None:
    odd = np.flatnonzero(within & (moves != step) & (moves < 2 * step))
    for row in odd[:1].tolist():
        after = span_text(span_of(int(moves[row]), times))
        raise ValueError(
            f"times come unevenly: rows should be {span_text(span_of(step, times))} apart, but "
            f"times[{row + 1}], {times[row + 1]}, comes {after} after "
            f"the one before, one of {odd.size} such of {len(times)} rows. Round the times, "
            "resample the rows to even ones, or pass every if they should be apart otherwise."
        )
