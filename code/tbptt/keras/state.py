"""The state that stateful layers carry: it is not among the weights, so nothing saves it for you.

Keras 3 has ``reset_state`` on a recurrent layer, which zeroes every row. It has nothing for a whole
model, for single rows, or to put a state aside; these functions are that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from tbptt._checks import Missing, numeric_array
from tbptt.keras.backends import check_carries
from tbptt.keras.layers import recurrent_layers

Snapshot = list[NDArray[Any]]


def stateful_layers(model: keras.Layer) -> list[Any]:
    """List the recurrent layers that carry state, in the order of the model.

    Parameters
    ----------
    model : keras.Layer
        A model or a layer. Layers inside other layers count, such as the two directions of a
        ``Bidirectional``, each as a layer of its own.

    Returns
    -------
    list of keras.layers.RNN

    Raises
    ------
    TypeError
        If `model` is no Keras layer or model.
    ValueError
        If nothing in it carries state.

    Examples
    --------
    >>> import keras
    >>> from tbptt.keras import stateful_layers
    >>> model = keras.Sequential([
    ...     keras.Input(batch_shape=(2, 3, 1)),
    ...     keras.layers.GRU(8, return_sequences=True),
    ...     keras.layers.GRU(4, stateful=True, name="top"),
    ... ])
    >>> [layer.name for layer in stateful_layers(model)]
    ['top']
    """
    if not isinstance(model, keras.Layer):
        raise TypeError(f"model must be a Keras model or layer, got {type(model).__name__}.")
    layers = [layer for layer in recurrent_layers(model) if layer.stateful]
    if not layers:
        built = "" if model.built else " It is not built yet: call it on one batch first, model(x)."
        raise ValueError(
            f"{model.name!r} has no layer that carries state. Give its recurrent layers "
            "stateful=True, and the model a fixed batch size, as by "
            f"keras.Input(batch_shape=(batch, steps, features)).{built}"
        )
    return layers


def state_variables(model: keras.Layer) -> list[Any]:
    """List the variables that hold the state, each of shape ``(batch, ...)``."""
    layers = stateful_layers(model)
    check_carries(layers, in_fit=False)
    return _variables(layers)


def _variables(layers: list[Any]) -> list[Any]:
    variables: list[Any] = []
    for layer in layers:
        if layer.states is None:
            raise ValueError(
                f"{layer.name!r} has no state yet, because it has not seen a batch. Call the model "
                "on one of the size that it will have, model(x[:batch_size]), or begin a "
                "Sequential or functional one with keras.Input(batch_shape=(batch, steps, "
                "features))."
            )
        variables.extend(keras.tree.flatten(layer.states))
    return variables


def snapshot(model: keras.Layer) -> Snapshot:
    """Copy the carried state of every stateful layer.

    Parameters
    ----------
    model : keras.Layer
        A model with stateful layers.

    Returns
    -------
    list of ndarray, each of shape (batch, units)
        For :func:`restore`, or for ``numpy.savez(file, *states)``: ``model.save`` and
        ``get_weights`` leave the state out.

    Raises
    ------
    TypeError, ValueError
        As :func:`stateful_layers`, or if a layer has no fixed batch size, or Keras's backend does
        not keep what it writes.

    Examples
    --------
    >>> import keras
    >>> from tbptt.keras import snapshot
    >>> lstm = keras.layers.LSTM(4, stateful=True)
    >>> model = keras.Sequential([keras.Input(batch_shape=(2, 3, 1)), lstm])
    >>> [state.shape for state in snapshot(model)]  # output and cell
    [(2, 4), (2, 4)]
    """
    return copied(state_variables(model))


def copied(variables: list[Any]) -> Snapshot:
    """Copy the values of variables."""
    # A copy on the backend first: a variable itself converts with a warning under NumPy 2.
    return [np.array(keras.ops.convert_to_numpy(keras.ops.copy(each))) for each in variables]


def restore(model: keras.Layer, states: list[Any]) -> None:
    """Put a state back that :func:`snapshot` copied, from this model or one like it.

    Raises
    ------
    TypeError
        If `model` is no Keras layer, or the states are no numbers; nothing is changed then.
    ValueError
        If number or shapes of the states differ from the model's; nothing is changed then.

    Examples
    --------
    >>> import keras, numpy as np
    >>> from tbptt.keras import restore, snapshot
    >>> rnn = keras.layers.SimpleRNN(4, stateful=True)
    >>> model = keras.Sequential([keras.Input(batch_shape=(2, 3, 1)), rnn])
    >>> restore(model, [np.full((2, 4), 0.5)])
    >>> snapshot(model)[0].sum(axis=1)
    array([2., 2.], dtype=float32)
    """
    variables = state_variables(model)
    if not isinstance(states, list | tuple):
        raise TypeError(
            f"states must be a list, as of snapshot(model), got {type(states).__name__}."
        )
    new = [part_of(f"states[{place}]", state) for place, state in enumerate(states)]
    have, want = ([tuple(each.shape) for each in group] for group in (new, variables))
    if have != want:
        raise ValueError(
            f"The snapshot has states of shapes {have}, but {model.name!r} carries {want}. "
            "Batch size, layers and their order must be the same."
        )
    for variable, state in zip(variables, new, strict=True):
        variable.assign(state)


@contextmanager
def kept_state(model: keras.Layer) -> Iterator[None]:
    """Put the state back afterwards, whatever ``predict`` or ``evaluate`` did to it.

    Parameters
    ----------
    model : keras.Layer
        A model with stateful layers.

    Raises
    ------
    TypeError, ValueError
        As :func:`snapshot`.

    Examples
    --------
    >>> import keras, numpy as np
    >>> from tbptt.keras import kept_state, snapshot
    >>> rnn = keras.layers.SimpleRNN(4, stateful=True)
    >>> model = keras.Sequential([keras.Input(batch_shape=(2, 3, 1)), rnn])
    >>> with kept_state(model):
    ...     answers = model(np.ones((2, 3, 1)))
    >>> bool(snapshot(model)[0].any())  # zero, as it was
    False
    """
    states = snapshot(model)
    try:
        yield
    finally:
        restore(model, states)


def part_of(name: str, part: Any, missing: Missing | None = None) -> NDArray[Any]:
    """Return a part of a state as an array of numbers."""
    # bfloat16, as a snapshot may have it, is of none of NumPy's kinds of number.
    half = isinstance(part, np.ndarray) and part.dtype.name == "bfloat16"
    return part if half else numeric_array(name, part, min_ndim=1, missing=missing)


def reset_rows(model: keras.Layer, rows: ArrayLike | None = None) -> None:
    """Set the state to zero, in all rows or in some.

    Parameters
    ----------
    model : keras.Layer
        A model with stateful layers.
    rows : array_like of bool, shape (batch,), optional
        True for the rows in which a new sequence begins. Without it, every row; a model that has
        not seen a batch has nothing to reset then.

    Raises
    ------
    TypeError
        If `model` is no Keras layer, or `rows` are not bools.
    ValueError
        If nothing carries state, or there is not one bool a row.

    Examples
    --------
    >>> import keras, numpy as np
    >>> from tbptt.keras import reset_rows, restore, snapshot
    >>> rnn = keras.layers.SimpleRNN(4, stateful=True)
    >>> model = keras.Sequential([keras.Input(batch_shape=(2, 3, 1)), rnn])
    >>> restore(model, [np.full((2, 4), 0.5)])
    >>> reset_rows(model, [True, False])
    >>> snapshot(model)[0].sum(axis=1)
    array([0., 2.], dtype=float32)
    """
    if rows is None:
        layers = stateful_layers(model)
        check_carries(layers, in_fit=False)
        # A layer that is not built has no state yet, and begins at zero.
        for variable in _variables([layer for layer in layers if layer.built]):
            variable.assign(keras.ops.zeros_like(variable.value))
        return
    begins = numeric_array("rows", rows, min_ndim=1)
    if begins.dtype != bool:
        raise TypeError(
            f"rows must be bools, one a row, got dtype {begins.dtype}. For a list of row numbers: "
            "numpy.isin(numpy.arange(batch), numbers)."
        )
    variables = state_variables(model)
    for variable in variables:
        if begins.shape != (variable.shape[0],):
            raise ValueError(
                f"rows has shape {begins.shape}, but the state has {variable.shape[0]} rows: pass "
                "one bool for each."
            )
    for variable in variables:
        shape = (-1,) + (1,) * (len(variable.shape) - 1)
        # where, not a product: a state that is not finite is reset as well.
        old = variable.value
        variable.assign(keras.ops.where(begins.reshape(shape), keras.ops.zeros_like(old), old))
