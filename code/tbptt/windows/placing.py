"""Where the windows of a table lie: in which rows, and so at which times.

Rows are numbered and not copied. What a window reads, what it is asked for and when that was are
looked up for those windows that are wanted, however many there are.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tbptt._checks import index_array, instance, natural, numeric_array, positive_int
from tbptt.windows.cutting import DroppedStepsWarning, n_covered
from tbptt.windows.gaps import Segments


@dataclass(frozen=True, eq=False)
class PlacedWindows:
    """Where windows lie in a table, as :func:`place_windows` finds it. Its length is their number.

    Attributes
    ----------
    segments : Segments
        What was cut.
    window_length, increment, sampling_rate, ahead : int
        As for :func:`place_windows`.
    starts : ndarray of int, shape (n_windows,)
        First row of each window: those of segment 0 in order of time, then those of segment 1, ….
    counts : ndarray of int, shape (n_segments,)
        Windows in each segment, as :func:`ragged_batches` takes them.

    Examples
    --------
    >>> from tbptt.windows import place_windows, segments
    >>> windows = place_windows(segments(range(9)), 3, 1, sampling_rate=2, ahead=1)
    >>> windows.span, windows.rows(0), windows.target_rows(0)
    (5, array([0, 2, 4]), array([1, 3, 5]))
    """

    segments: Segments
    window_length: int
    increment: int
    sampling_rate: int
    ahead: int
    starts: NDArray[np.int64]
    counts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def span(self) -> int:
        """Rows from a window's first step to its last, both included.

        Examples
        --------
        >>> from tbptt.windows import place_windows, segments
        >>> place_windows(segments(range(7)), 3, 1, sampling_rate=3).span
        7
        """
        return (self.window_length - 1) * self.sampling_rate + 1

    @property
    def end_to_end(self) -> bool:
        """Whether a window of a segment begins where the one before it ends, as in a carried state.

        Examples
        --------
        >>> from tbptt.windows import place_windows, segments
        >>> place_windows(segments(range(8)), 2, 4, sampling_rate=2).end_to_end
        True
        """
        return self.increment == self.window_length * self.sampling_rate

    def rows(self, windows: ArrayLike) -> NDArray[np.int64]:
        """Return the rows that windows read.

        Parameters
        ----------
        windows : int, or array_like of int of any shape
            Their numbers.

        Returns
        -------
        ndarray of int, shape (..., window_length)
            ``values[windows.rows(n)]`` is window `n`.

        Raises
        ------
        TypeError, ValueError
            If they are not integers, or there is no such window.

        Examples
        --------
        >>> from tbptt.windows import place_windows, segments
        >>> place_windows(segments(range(6)), 2, 2).rows([0, 2])
        array([[0, 1],
               [4, 5]])
        """
        chosen = numeric_array("windows", windows, min_ndim=0)
        flat = index_array("windows", chosen.reshape(-1), most=len(self) - 1)
        steps = np.arange(self.window_length, dtype=np.int64) * min(self.sampling_rate, self.span)
        return self.starts[flat].reshape(chosen.shape)[..., None] + steps

    def target_rows(self, windows: ArrayLike) -> NDArray[np.int64]:
        """Return the row of each step's target, `ahead` rows later; else as :meth:`rows`.

        The last one, ``[..., -1]``, is the target of a window that has one.

        Raises
        ------
        TypeError, ValueError
            As :meth:`rows`.

        Examples
        --------
        >>> from tbptt.windows import place_windows, segments
        >>> place_windows(segments(range(5)), 2, 2, ahead=1).target_rows(1)
        array([3, 4])
        """
        return self.rows(windows) + self.ahead

    def times(self, windows: ArrayLike) -> NDArray[Any]:
        """Return when each step of some windows was; else as :meth:`rows`.

        Raises
        ------
        TypeError, ValueError
            As :meth:`rows`.

        Examples
        --------
        >>> import numpy as np
        >>> from tbptt.windows import place_windows, segments
        >>> days = np.arange("2024-02-27", "2024-03-02", dtype="datetime64[D]")
        >>> place_windows(segments(days), 2, 2).times(1)[0]  # window 1, step 0
        np.datetime64('2024-02-29')
        """
        times: NDArray[Any] = self.segments.times[self.rows(windows)]
        return times


def place_windows(
    segments: Segments,
    window_length: int,
    increment: int,
    *,
    sampling_rate: int = 1,
    ahead: int = 0,
) -> PlacedWindows:
    """Cut each segment into windows, none across a gap, without touching any data.

    Parameters
    ----------
    segments : Segments
        What :func:`tbptt.windows.segments` found.
    window_length : int
        Steps in a window.
    increment : int
        Rows from one window's start to the next one's. Windows are laid end to end, as a carried
        state needs them, by ``window_length * sampling_rate``.
    sampling_rate : int
        Rows from one step of a window to the next: 1 reads every row. A window then spans
        ``(window_length - 1) * sampling_rate + 1`` rows.
    ahead : int
        Rows from a step to its target: 0 for a label of the same row, 1 to forecast the next row.
        The last target lies in the segment, too.

    Returns
    -------
    PlacedWindows
        Rows, targets and times of windows, by number.

    Raises
    ------
    TypeError
        If `segments` is something else, or a size is no integer.
    ValueError
        If a size is below 1, `ahead` below 0, or no segment is long enough.

    Warns
    -----
    DroppedStepsWarning
        If some rows are in no window and no target, as those of a segment that is too short; the
        warning says how many.

    Examples
    --------
    >>> from tbptt.windows import place_windows, segments
    >>> runs = segments([0, 1, 2, 3, 7, 8, 9])  # a gap after row 3
    >>> windows = place_windows(runs, window_length=2, increment=1, ahead=1)
    >>> windows.counts, windows.starts
    (array([2, 1]), array([0, 1, 4]))
    >>> windows.times(range(3))
    array([[0, 1],
           [1, 2],
           [7, 8]])
    """
    instance("segments", segments, Segments, "pass what tbptt.windows.segments() returns")
    window_length = positive_int("window_length", window_length)
    increment = positive_int("increment", increment)
    sampling_rate = positive_int("sampling_rate", sampling_rate)
    ahead = natural("ahead", ahead)
    needed = (window_length - 1) * sampling_rate + 1 + ahead
    lengths = segments.lengths
    longest = int(lengths.max())
    if needed > longest:
        raise ValueError(
            f"No segment is long enough: window_length {window_length}, sampling_rate "
            f"{sampling_rate} and ahead {ahead} need {needed} rows without a gap, and the longest "
            f"of {len(lengths)} segments has {longest}. Shorten them, or fill gaps."
        )
    # An increment beyond the longest segment leaves one window in each, whatever its size.
    move = min(increment, longest)
    counts = np.maximum((lengths - needed) // move + 1, 0)
    number = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    # What lies between two steps was left out on purpose, after a window's last step, too.
    extent = min(max(needed, window_length * sampling_rate), longest)
    beyond = np.where(counts > 0, (counts - 1) * move + extent - lengths, 0).clip(0)
    _warn_of_dropped(segments, counts, n_covered(counts, extent, increment) - beyond, needed)
    return PlacedWindows(
        segments, window_length, increment, sampling_rate, ahead,
        starts=np.repeat(segments.starts, counts) + number * move, counts=counts,
    )  # fmt: skip


def _warn_of_dropped(
    segments: Segments, counts: NDArray[np.int64], used: NDArray[np.int64], needed: int
) -> None:
    short = np.flatnonzero(counts == 0)
    lost = int(segments.lengths[short].sum())
    dropped = len(segments.times) - int(used.sum())
    if not dropped:
        return
    parts = []
    if short.size:
        first = int(segments.starts[short[0]])
        are = "segment is" if short.size == 1 else "segments are"
        parts.append(
            f"{short.size} {are} shorter than the {needed} rows that a window and its target take "
            f"({lost} rows, the first {first}, {segments.times[first]})"
        )
    if dropped > lost:
        over = dropped - lost
        are = "row is" if over == 1 else "rows are"
        parts.append(f"{over} {are} left over in segments that have windows")
    warnings.warn(
        f"{dropped} of {len(segments.times)} rows are in no window, and no target of one: "
        f"{'; '.join(parts)}.",
        DroppedStepsWarning, stacklevel=3,
    )  # fmt: skip
