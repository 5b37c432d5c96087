"""Split windows of one series so that no step stands on both sides.

Windows that overlap share steps. Shuffled into training and test, they put the answers of the
test into the training set; cut in time first, with the windows across the cut left out, they
cannot.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tbptt._checks import index_array, length, positive_int

Fold = tuple[NDArray[np.int64], NDArray[np.int64]]


def shared_steps(
    starts: ArrayLike, span: int, train: ArrayLike, test: ArrayLike
) -> NDArray[np.int64]:
    """Count, for every test window, its steps that some training window contains.

    Parameters
    ----------
    starts : array_like of int, shape (n_windows,)
        First step of each window.
    span : int
        Steps that a window covers, what is to be forecast included.
    train, test : array_like of int
        Indices of the windows on either side.

    Returns
    -------
    ndarray of int, shape (n_test,)
        From 0 (clean) to `span` (every step leaked).

    Raises
    ------
    TypeError
        If `span` or what an array holds is no integer; a mask of bools is none.
    ValueError
        If `span` is below 1, a start is negative, or an index names no window.

    Examples
    --------
    >>> from tbptt.splits import shared_steps
    >>> shared_steps(starts=[0, 2, 4, 6], span=4, train=[0, 2], test=[1, 3])
    array([4, 2])
    """
    span = length("span", span)
    first = index_array("starts", starts)
    last = len(first) - 1
    train_rows = index_array("train", train, most=last)
    test_rows = index_array("test", test, most=last)
    in_training = np.zeros(length("starts + span", int(first.max(initial=0)) + span), np.int64)
    steps = first[:, None] + np.arange(span)  # (n_windows, span)
    in_training[steps[train_rows]] = 1
    counts: NDArray[np.int64] = in_training[steps[test_rows]].sum(axis=1)
    return counts


def block_folds(starts: Sequence[int] | NDArray[np.int64], span: int, n_folds: int) -> list[Fold]:
    """Split windows into blocks of time; each is the test set once, with a clean training set.

    Training windows that share a step with the test block are left out, before and after it.
    The pairs fit wherever scikit-learn takes ``cv``.

    Parameters
    ----------
    starts : sequence of int, shape (n_windows,)
        First step of each window, in order.
    span : int
        Steps that a window covers, what is to be forecast included.
    n_folds : int
        Number of blocks, at least 2.

    Returns
    -------
    list of (ndarray of int, ndarray of int)
        Indices of training and test windows, one pair a block.

    Raises
    ------
    TypeError
        If a size is not an integer.
    ValueError
        If `n_folds` is below 2 or above the number of windows, the starts are not in order, or a
        block leaves nothing to train on.

    Examples
    --------
    >>> from tbptt.splits import block_folds, shared_steps
    >>> starts = range(0, 12, 2)
    >>> for train, test in block_folds(starts, span=4, n_folds=3):
    ...     print(train, test, shared_steps(starts, 4, train, test))
    [3 4 5] [0 1] [0 0]
    [0 5] [2 3] [0 0]
    [0 1 2] [4 5] [0 0]
    """
    span, n_folds = length("span", span), positive_int("n_folds", n_folds)
    first = index_array("starts", starts)
    if (np.diff(first) < 0).any():
        raise ValueError("starts must be in order of time; sort the windows by their starts first.")
    if not 2 <= n_folds <= len(first):
        raise ValueError(
            f"n_folds must lie between 2 and the number of windows, {len(first)}; got {n_folds}."
        )
    folds = []
    for test in np.array_split(np.arange(len(first)), n_folds):
        before, after = first + span <= first[test[0]], first >= first[test[-1]] + span
        train = np.flatnonzero(before | after)
        if not train.size:
            raise ValueError(
                f"n_folds {n_folds} leaves nothing to train on next to the block of windows "
                f"{test[0]} to {test[-1]}: every other window shares a step with it (span {span}). "
                "Take shorter windows or more folds."
            )
        folds.append((train, test))
    return folds
