"""Refuse batches that do not fit a carried state."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from tbptt.keras.state import state_variables


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

    Examples
    --------
    >>> import keras, numpy as np
    >>> from tbptt.keras import check_batches
    >>> rnn = keras.layers.SimpleRNN(4, stateful=True)
    >>> model = keras.Sequential([keras.Input(batch_shape=(2, 3, 1)), rnn])
    >>> check_batches(model, np.zeros((5, 3, 1)))
    Traceback (most recent call last):
        ...
    ValueError: 5 rows do not fill batches of 2: 1 would be left for the last one, ...
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
