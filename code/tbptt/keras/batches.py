"""Bring windows into the order that carried state needs, and refuse batches that do not fit it."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from tbptt._checks import numeric_array, positive_int
from tbptt.keras.state import state_variables
from tbptt.windows import stateful_batches


def in_lanes(
    windows: ArrayLike, *others: ArrayLike, n_windows: int, batch_size: int
) -> tuple[NDArray[Any], ...]:
    """Order windows for ``fit(..., batch_size=batch_size, shuffle=False)``.

    Row `i` of each batch then continues row `i` of the batch before. Reset with
    ``ResetState(every=n_windows)``.

    Parameters
    ----------
    windows : array_like, shape (n_sequences * n_windows, ...)
        As :func:`tbptt.windows.prepare_sequences` orders them, laid end to end.
    *others : array_like, the same length
        Labels, weights: whatever goes along.
    n_windows : int
        Windows in a sequence.
    batch_size : int
        Sequences side by side.

    Returns
    -------
    tuple of ndarray
        The same arrays, reordered. To undo it: ``result[numpy.argsort(order)]`` with the order of
        :func:`tbptt.windows.stateful_batches`.

    Raises
    ------
    TypeError
        If an array does not hold numbers, or a size is not an integer.
    ValueError
        If lengths differ, `n_windows` does not divide them, or `batch_size` does not divide the
        number of sequences.
    """
    arrays = [numeric_array("windows", windows, min_ndim=1)]
    arrays += [numeric_array("others", other, min_ndim=1) for other in others]
    n_windows = positive_int("n_windows", n_windows)
    lengths = [len(array) for array in arrays]
    if len(set(lengths)) > 1:
        raise ValueError(f"The arrays have lengths {lengths}: pass one row a window in each.")
    if lengths[0] % n_windows:
        raise ValueError(
            f"{lengths[0]} windows are not whole sequences of {n_windows}: "
            f"{lengths[0] % n_windows} are left over. Cut all sequences alike."
        )
    order, _ = stateful_batches(lengths[0] // n_windows, n_windows, batch_size)
    return tuple(array[order.ravel()] for array in arrays)


def check_batches(model: keras.Layer, *arrays: ArrayLike) -> tuple[Any, ...]:
    """Refuse data that does not fill whole batches of a stateful model.

    Keras 3 does not: a last batch of a single row is broadcast against the state, overwrites the
    state of every other row, and ``predict`` returns more rows than it was given.

    Parameters
    ----------
    model : keras.Layer
        A model with stateful layers.
    *arrays : array_like, shape (n, ...)
        What goes to ``fit``, ``evaluate`` or ``predict``, with the model's batch size.

    Returns
    -------
    tuple
        The arrays as they came: ``model.predict(*check_batches(model, x), batch_size=4)``.

    Raises
    ------
    TypeError
        If `model` is no Keras layer.
    ValueError
        If nothing carries state, or the batch size does not divide a length.
    """
    batch = int(state_variables(model)[0].shape[0])
    for array in arrays:
        rows = np.shape(array)[0]
        if rows % batch:
            raise ValueError(
                f"{rows} rows do not fill batches of {batch}: {rows % batch} would be left for the "
                f"last one, and {model.name!r} carries a state of {batch} rows. Pass "
                f"{rows - rows % batch} rows, pad to {rows + batch - rows % batch}, or predict "
                "with tbptt.keras.twin(model, batch_size)."
            )
    return arrays
