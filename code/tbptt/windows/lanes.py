"""Put windows in the order that carried state needs: each row continues the row before it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tbptt._checks import Missing, check_missing, length, natural, numeric_array, positive_int


def stateful_batches(
    n_sequences: int, n_windows: int, batch_size: int, *, processes: int = 1, rank: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Order windows so that each row of a batch continues the same row of the batch before.

    Parameters
    ----------
    n_sequences : int
        Number of sequences.
    n_windows : int
        Windows in each, laid end to end and ordered as :func:`prepare_sequences` orders them:
        all windows of sequence 0, then of sequence 1, and so on.
    batch_size : int
        Rows in a batch, those of all processes together: so many sequences run side by side.
    processes : int
        Among how many processes the rows are dealt. A row stays in its process, and all processes
        have as many batches, so that none waits for another in vain.
    rank : int
        Which of them this is, counted from 0. Its rows are the `rank`-th block of the whole
        batch's: states laid end to end by rank are the state of one process, and
        ``state.chunk(processes)[rank]`` deals them out again to any number.

    Returns
    -------
    indices : ndarray of int, shape (n_batches, batch_size // processes)
        ``windows[indices[n]]`` is batch `n`. Row `i` of batch ``n + 1`` continues row `i` of
        batch `n`, except where `resets` says that new sequences begin.
    resets : ndarray of bool, shape (n_batches,)
        True where the state must be reset before the batch.

    Raises
    ------
    TypeError
        If an argument is not an integer.
    ValueError
        If one is below 1, `batch_size` does not divide `n_sequences`, `processes` does not divide
        `batch_size`, or there is no such rank.

    Examples
    --------
    >>> from tbptt.windows import stateful_batches
    >>> indices, resets = stateful_batches(n_sequences=4, n_windows=3, batch_size=2)
    >>> indices  # a column is a row of the state: windows 0, 1, 2, then the next sequence
    array([[ 0,  3],
           [ 1,  4],
           [ 2,  5],
           [ 6,  9],
           [ 7, 10],
           [ 8, 11]])
    >>> resets
    array([ True, False, False,  True, False, False])

    The second of two processes has the second half of the rows:

    >>> stateful_batches(4, 3, batch_size=2, processes=2, rank=1)[0].ravel()
    array([ 3,  4,  5,  9, 10, 11])
    """
    n_sequences = length("n_sequences", n_sequences)
    n_windows = length("n_windows", n_windows)
    batch_size = length("batch_size", batch_size)
    length("n_sequences * n_windows", n_sequences * n_windows)
    rows = rows_of(batch_size, processes, rank)
    if n_sequences % batch_size:
        raise ValueError(
            f"batch_size {batch_size} does not divide {n_sequences} sequences: "
            f"{n_sequences % batch_size} of them would be left without a full batch. "
            f"Sizes that fit: {_nearest_divisors(n_sequences, batch_size)}."
        )
    first = np.arange(n_sequences, dtype=np.int64).reshape(-1, 1, batch_size) * n_windows
    own = first[..., rows]
    indices = (own + np.arange(n_windows)[:, None]).reshape(-1, own.shape[-1])
    return indices, np.arange(len(indices)) % n_windows == 0


def rows_of(batch_size: int, processes: int, rank: int) -> slice:
    """Return which rows of a batch a process has: a block, so that states join in order of rank.

    Raises
    ------
    TypeError
        If an argument is not an integer.
    ValueError
        If there is no such rank, or rows are left over.
    """
    processes, rank = positive_int("processes", processes), natural("rank", rank)
    if rank >= processes:
        raise ValueError(
            f"rank must lie below processes, {processes}, got {rank}: ranks count from 0."
        )
    if batch_size % processes:
        raise ValueError(
            f"processes {processes} does not divide batch_size {batch_size}, the rows of all of "
            "them together: they would have unequal shares, and a mean over processes would not be "
            f"one over rows. Numbers of processes that fit: "
            f"{_nearest_divisors(batch_size, processes)}."
        )
    share = batch_size // processes
    return slice(rank * share, (rank + 1) * share)


def _nearest_divisors(number: int, wanted: int) -> str:
    small = [each for each in range(1, math.isqrt(number) + 1) if number % each == 0]
    divisors = {*small, *(number // each for each in small)}
    near = sorted(divisors, key=lambda divisor: abs(divisor - wanted))[:3]
    return ", ".join(map(str, sorted(near)))


def in_lanes(
    windows: ArrayLike,
    *others: ArrayLike,
    n_windows: int,
    batch_size: int,
    processes: int = 1,
    rank: int = 0,
    missing: Missing = "refuse",
) -> tuple[NDArray[Any], ...]:
    """Order windows for ``fit(..., batch_size=batch_size, shuffle=False)``.

    Row `i` of each batch then continues row `i` of the batch before. Reset with
    ``ResetState(every=n_windows)``.

    Parameters
    ----------
    windows : array_like, shape (n_sequences * n_windows, ...)
        As :func:`prepare_sequences` orders them, laid end to end.
    *others : array_like, the same length
        Labels, weights: whatever goes along.
    n_windows : int
        Windows in a sequence.
    batch_size : int
        Sequences side by side, those of all processes together.
    processes, rank : int
        As for :func:`stateful_batches`: this process's rows alone, for batches of
        ``batch_size // processes``.
    missing : {"refuse", "keep"}
        As for :func:`prepare_sequences`, for every array.

    Returns
    -------
    tuple of ndarray
        The same arrays, reordered; always copies, since rows change places. To undo it, in one
        process: ``result[numpy.argsort(order)]`` with the order of
        :func:`tbptt.windows.stateful_batches`.

    Raises
    ------
    TypeError
        If an array does not hold numbers or has to be converted first, or a size is not an
        integer.
    ValueError
        If lengths differ, `n_windows` does not divide them, `batch_size` does not divide the
        number of sequences, there are none, values are missing, or `processes` and `rank` do not
        fit.

    Examples
    --------
    >>> from tbptt.windows import in_lanes
    >>> windows, labels = [[0], [1], [10], [11]], [0, 0, 1, 1]  # two sequences, two windows each
    >>> x, y = in_lanes(windows, labels, n_windows=2, batch_size=2)
    >>> x.reshape(2, 2), y.reshape(2, 2)  # a line is a batch, a column a sequence
    (array([[ 0, 10],
           [ 1, 11]]), array([[0, 1],
           [0, 1]]))
    """
    missing = check_missing(missing)
    named = [("windows", windows), *((f"others[{i}]", other) for i, other in enumerate(others))]
    arrays = [numeric_array(name, each, min_ndim=1, missing=missing) for name, each in named]
    n_windows = positive_int("n_windows", n_windows)
    lengths = [len(array) for array in arrays]
    if len(set(lengths)) > 1:
        raise ValueError(f"windows and others have lengths {lengths}: pass a row for each window.")
    if lengths[0] % n_windows:
        raise ValueError(
            f"{lengths[0]} windows are not whole sequences of {n_windows}: "
            f"{lengths[0] % n_windows} are left over. Cut all sequences alike."
        )
    if not lengths[0]:
        raise ValueError("windows is empty: there is no sequence to put into a lane.")
    order, _ = stateful_batches(
        lengths[0] // n_windows, n_windows, batch_size, processes=processes, rank=rank
    )
    return tuple(array[order.ravel()] for array in arrays)
