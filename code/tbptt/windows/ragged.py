"""Lanes of sequences of unequal length: each row continues until its sequence ends.

Where one ends the next begins in the same row, at a batch of its own, so that resets are by row. At
the end some rows have nothing left; a mask says which, and they wait.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tbptt._checks import flag, index_array, length
from tbptt.windows.lanes import rows_of


class RaggedBatches(NamedTuple):
    """What :func:`ragged_batches` returns.

    Attributes
    ----------
    indices : ndarray of int, shape (n_batches, rows)
        ``windows[indices[n]]`` is batch `n`. A row that has nothing left stays at its last window.
    resets : ndarray of bool, shape (n_batches, rows)
        True where a row's state must be reset before the batch.
    mask : ndarray of bool, shape (n_batches, rows)
        False where a row has nothing left: its errors must not count.

    Examples
    --------
    >>> from tbptt.windows import ragged_batches
    >>> batches = ragged_batches([2, 1, 3], batch_size=2)
    >>> batches.resets.sum()  # three sequences begin
    np.int64(3)
    """

    indices: NDArray[np.int64]
    resets: NDArray[np.bool_]
    mask: NDArray[np.bool_]


def ragged_batches(
    n_windows: ArrayLike,
    batch_size: int,
    *,
    whole: bool = True,
    processes: int = 1,
    rank: int = 0,
) -> RaggedBatches:
    """Order the windows of unequal sequences so that each row continues until its sequence ends.

    The sibling of :func:`stateful_batches`, for episodes, recordings, or series with gaps. A window
    of one step will do: then `n_windows` are lengths in steps, and what comes back are time-major
    ``(steps, rows)`` indices, resets and mask, of which an engine takes as many steps at a time as
    you like.

    Parameters
    ----------
    n_windows : array_like of int, shape (n_sequences,)
        Windows in each sequence, laid end to end; all windows of sequence 0 come first, then those
        of sequence 1, and so on. A sequence of 0 windows is passed over.
    batch_size : int
        Rows in a batch, those of all processes together.
    whole : bool
        True keeps each sequence in one row: the row that is free first takes the next one. False
        lays all sequences end to end and cuts them into rows of equal length, give or take one
        window, as suits few long sequences. A sequence that is cut there begins again in the next
        row.
    processes, rank : int
        As for :func:`stateful_batches`. All processes have as many batches, whatever ends earlier.

    Returns
    -------
    RaggedBatches
        ``indices, resets, mask``, each ``(n_batches, batch_size // processes)``.

    Raises
    ------
    TypeError
        If a size is not an integer, or `whole` no bool.
    ValueError
        If there is no window, one of the sizes is negative, there are fewer sequences (of windows,
        where `whole` is False) than rows, or `processes` and `rank` do not fit.

    Examples
    --------
    Sequences of 3, 1, 2 and 1 windows in two rows. The second row takes sequence 1, and 2 after it:

    >>> from tbptt.windows import ragged_batches
    >>> indices, resets, mask = ragged_batches([3, 1, 2, 1], batch_size=2)
    >>> indices
    array([[0, 3],
           [1, 4],
           [2, 5],
           [6, 5]])
    >>> resets.astype(int)
    array([[1, 1],
           [0, 1],
           [0, 0],
           [1, 0]])
    >>> mask[-1]  # nothing is left for the second row
    array([ True, False])

    One long sequence in two rows:

    >>> ragged_batches([5], batch_size=2, whole=False).indices.T
    array([[0, 1, 2],
           [3, 4, 4]])
    """
    counts = index_array("n_windows", n_windows)
    batch_size, whole = length("batch_size", batch_size), flag("whole", whole)
    total = int(counts.sum())
    if not total:
        raise ValueError(
            f"n_windows holds {len(counts)} sequences and no window among them: take shorter "
            "windows, or leave nothing to order."
        )
    length("the number of windows", total)
    rows = rows_of(batch_size, processes, rank)
    available = int((counts > 0).sum()) if whole else total
    if batch_size > available:
        what = "sequences with a window" if whole else "windows"
        cure = ", or pass whole=False to cut sequences" if whole and batch_size <= total else ""
        raise ValueError(
            f"batch_size {batch_size} is more than the {available} {what}: some rows would be "
            f"empty. Take at most {available} rows{cure}."
        )
    first = np.cumsum(counts) - counts
    runs = _whole(first, counts, batch_size) if whole else _cut(total, batch_size)
    begins = np.zeros(total, dtype=bool)
    begins[first[counts > 0]] = True
    # Of all rows, not of this process's: processes wait for one another at every batch.
    n_batches = max(len(run) for run in runs)
    indices = np.empty((n_batches, rows.stop - rows.start), dtype=np.int64)
    resets, mask = np.zeros(indices.shape, dtype=bool), np.zeros(indices.shape, dtype=bool)
    for row, run in enumerate(runs[rows]):
        size = len(run)
        indices[:size, row], indices[size:, row] = run, run[-1]
        resets[:size, row], mask[:size, row] = begins[run], True
    resets[0] = True
    return RaggedBatches(indices, resets, mask)


def _whole(
    first: NDArray[np.int64], counts: NDArray[np.int64], batch_size: int
) -> list[NDArray[np.int64]]:
    """Return the windows of each row: the one that ends first takes the next sequence."""
    ends = [(0, row) for row in range(batch_size)]
    dealt: list[list[NDArray[np.int64]]] = [[] for _ in ends]
    for begin, count in zip(first.tolist(), counts.tolist(), strict=True):
        if count:
            end, row = ends[0]
            heapq.heapreplace(ends, (end + count, row))
            dealt[row].append(np.arange(begin, begin + count))
    return [np.concatenate(parts) for parts in dealt]


def _cut(total: int, batch_size: int) -> list[NDArray[np.int64]]:
    """Return the windows of each row: equal parts of all, the longer ones first."""
    return np.array_split(np.arange(total), batch_size)
