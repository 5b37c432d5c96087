"""The same weights in another library: gate order, transposition and biases.

A recurrent cell's weights stand in one array whose blocks are the gates, and every library orders
them differently. TensorFlow 1 stacks the input's weights on the state's and puts an LSTM's gates as
input, candidate, forget, output, with a constant that is added to the forget gate and kept in no
array. Keras has two arrays and the order input, forget, candidate, output; for a GRU update, reset,
candidate. PyTorch transposes, has two biases, and a GRU's reset before update.

Sources: the equations of TensorFlow's ``rnn_cell``, of Keras's ``LSTMCell`` and ``GRUCell``, and of
PyTorch's ``nn.LSTMCell`` and ``nn.GRUCell``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tbptt._checks import finite, numeric_array

Array = NDArray[Any]


def lstm_graph_to_keras(
    kernel: ArrayLike, bias: ArrayLike, *, forget_bias: float = 1.0
) -> tuple[Array, Array, Array]:
    """Convert an LSTM's weights from TensorFlow 1 to Keras.

    Parameters
    ----------
    kernel : array_like, shape (features + units, 4 * units)
        Rows: input, then state. Blocks of columns: input, candidate, forget and output gate.
    bias : array_like, shape (4 * units,)
        In the same order.
    forget_bias : float
        What the cell adds to its forget gate in every step.

    Returns
    -------
    kernel : ndarray, shape (features, 4 * units)
        Blocks: input, forget, candidate, output.
    recurrent_kernel : ndarray, shape (units, 4 * units)
        The same.
    bias : ndarray, shape (4 * units,)
        The same, `forget_bias` included: for ``keras.layers.LSTM(...).set_weights``.

    Raises
    ------
    TypeError
        If an array does not hold numbers.
    ValueError
        If the shapes do not belong to one cell.

    Examples
    --------
    >>> from tbptt.gates import lstm_graph_to_keras
    >>> kernel = [[1, 2, 3, 4], [5, 6, 7, 8]]  # one feature, one unit
    >>> for array in lstm_graph_to_keras(kernel, bias=[0, 0, 0, 0]):
    ...     print(array)
    [[1 3 2 4]]
    [[5 7 6 8]]
    [0. 1. 0. 0.]
    """
    both, row = _arrays(kernel=kernel, bias=bias)
    units = _units(row, 4, "bias", dims=1)
    _shape("kernel", both, (None, 4 * units))
    features = _features("kernel", both, units)
    row = row.astype(np.result_type(row, np.float32))
    row[2 * units : 3 * units] += finite("forget_bias", forget_bias)
    both, row = (_reorder(array, units, (0, 2, 1, 3)) for array in (both, row))
    return both[:features], both[features:], row


def lstm_keras_to_torch(
    kernel: ArrayLike, recurrent_kernel: ArrayLike, bias: ArrayLike
) -> tuple[Array, Array, Array, Array]:
    """Convert an LSTM's weights from Keras to PyTorch.

    Parameters
    ----------
    kernel, recurrent_kernel : array_like, shapes (features, 4 * units) and (units, 4 * units)
        As ``keras.layers.LSTM(...).get_weights()`` returns them.
    bias : array_like, shape (4 * units,)
        The same.

    Returns
    -------
    weight_ih, weight_hh : ndarray, shapes (4 * units, features) and (4 * units, units)
        The gates have the same order in both.
    bias_ih, bias_hh : ndarray, shape (4 * units,)
        The whole bias, and zeros: PyTorch adds two.

    Raises
    ------
    TypeError
        If an array does not hold numbers.
    ValueError
        If the shapes do not belong to one cell.

    Examples
    --------
    >>> from tbptt.gates import lstm_keras_to_torch
    >>> weight_ih, weight_hh, bias_ih, bias_hh = lstm_keras_to_torch(
    ...     kernel=[[1, 2, 3, 4]], recurrent_kernel=[[5, 6, 7, 8]], bias=[0, 1, 0, 0]
    ... )
    >>> weight_ih.shape
    (4, 1)
    >>> bias_ih, bias_hh
    (array([0, 1, 0, 0]), array([0, 0, 0, 0]))
    """
    inner, outer, row = _arrays(kernel=kernel, recurrent_kernel=recurrent_kernel, bias=bias)
    units = _units(row, 4, "bias", dims=1)
    _shape("kernel", inner, (None, 4 * units))
    _shape("recurrent_kernel", outer, (units, 4 * units))
    return inner.T.copy(), outer.T.copy(), row.copy(), np.zeros_like(row)


def gru_graph_to_keras(
    gates_kernel: ArrayLike,
    gates_bias: ArrayLike,
    candidate_kernel: ArrayLike,
    candidate_bias: ArrayLike,
) -> tuple[Array, Array, Array]:
    """Convert a GRU's weights from TensorFlow 1 to Keras's ``GRU(reset_after=False)``.

    Both reset the state before it is multiplied. Keras's default and PyTorch reset afterwards,
    which is another function: no weights make them equal.

    Parameters
    ----------
    gates_kernel : array_like, shape (features + units, 2 * units)
        Rows: input, then state. Blocks: reset, update.
    gates_bias : array_like, shape (2 * units,)
        In the same order.
    candidate_kernel, candidate_bias : array_like, shapes (features + units, units) and (units,)
        Of the candidate.

    Returns
    -------
    kernel, recurrent_kernel : ndarray, shapes (features, 3 * units) and (units, 3 * units)
        Blocks: update, reset, candidate.
    bias : ndarray, shape (3 * units,)
        The same.

    Raises
    ------
    TypeError
        If an array does not hold numbers.
    ValueError
        If the shapes do not belong to one cell.

    Examples
    --------
    >>> from tbptt.gates import gru_graph_to_keras
    >>> for array in gru_graph_to_keras(
    ...     gates_kernel=[[1, 2], [4, 5]], gates_bias=[7, 8],
    ...     candidate_kernel=[[3], [6]], candidate_bias=[9],
    ... ):  # one feature, one unit
    ...     print(array)
    [[2 1 3]]
    [[5 4 6]]
    [8 7 9]
    """
    gates, row, candidate, last = _arrays(
        gates_kernel=gates_kernel, gates_bias=gates_bias,
        candidate_kernel=candidate_kernel, candidate_bias=candidate_bias,
    )  # fmt: skip
    units = _units(last, 1, "candidate_bias", dims=1)
    _shape("gates_bias", row, (2 * units,))
    _shape("gates_kernel", gates, (None, 2 * units))
    _shape("candidate_kernel", candidate, (len(gates), units))
    features = _features("gates_kernel", gates, units)
    both = np.concatenate([_reorder(gates, units, (1, 0)), candidate], axis=1)
    bias = np.concatenate([_reorder(row, units, (1, 0)), last])
    return both[:features], both[features:], bias


def gru_keras_to_torch(
    kernel: ArrayLike, recurrent_kernel: ArrayLike, bias: ArrayLike
) -> tuple[Array, Array, Array, Array]:
    """Convert the weights of Keras's ``GRU(reset_after=True)``, its default, to PyTorch.

    Parameters
    ----------
    kernel, recurrent_kernel : array_like, shapes (features, 3 * units) and (units, 3 * units)
        Blocks: update, reset, candidate.
    bias : array_like, shape (2, 3 * units)
        For the input, and for the state.

    Returns
    -------
    weight_ih, weight_hh : ndarray, shapes (3 * units, features) and (3 * units, units)
        Blocks: reset, update, candidate.
    bias_ih, bias_hh : ndarray, shape (3 * units,)
        The same.

    Raises
    ------
    TypeError
        If an array does not hold numbers.
    ValueError
        If the shapes do not belong to one cell; a bias of one row is from ``reset_after=False``,
        which PyTorch does not have.

    Examples
    --------
    >>> from tbptt.gates import gru_keras_to_torch
    >>> weight_ih, weight_hh, bias_ih, bias_hh = gru_keras_to_torch(
    ...     kernel=[[1, 2, 3]], recurrent_kernel=[[4, 5, 6]], bias=[[7, 8, 9], [0, 0, 0]]
    ... )
    >>> weight_ih.ravel(), bias_ih  # reset before update
    (array([2, 1, 3]), array([8, 7, 9]))
    """
    inner, outer, rows = _arrays(kernel=kernel, recurrent_kernel=recurrent_kernel, bias=bias)
    if rows.ndim == 1:
        raise ValueError(
            f"bias has shape {rows.shape}: one row, as with reset_after=False. PyTorch's GRU "
            "resets after the product, so no weights make the two equal; use reset_after=True."
        )
    units = _units(rows, 3, "bias", dims=2)
    _shape("bias", rows, (2, 3 * units))
    _shape("kernel", inner, (None, 3 * units))
    _shape("recurrent_kernel", outer, (units, 3 * units))
    inner, outer, rows = (_reorder(array, units, (1, 0, 2)) for array in (inner, outer, rows))
    return inner.T.copy(), outer.T.copy(), rows[0], rows[1]


def _arrays(**named: ArrayLike) -> tuple[Array, ...]:
    return tuple(numeric_array(name, value, min_ndim=1) for name, value in named.items())


def _units(bias: Array, gates: int, name: str, *, dims: int) -> int:
    if bias.ndim != dims or bias.shape[-1] % gates or not bias.size:
        raise ValueError(
            f"{name} has shape {bias.shape}: pass {dims} dimension{'s' * (dims > 1)}, the last one "
            f"{gates} times the units."
        )
    return int(bias.shape[-1]) // gates


def _features(name: str, kernel: Array, units: int) -> int:
    if len(kernel) <= units:
        raise ValueError(
            f"{name} has {len(kernel)} rows, but the state alone has {units}: pass the rows of "
            "the input first, then those of the state."
        )
    return len(kernel) - units


def _shape(name: str, array: Array, wanted: tuple[int | None, ...]) -> None:
    fits = len(wanted) == array.ndim and all(
        want in (None, have) for want, have in zip(wanted, array.shape, strict=True)
    )
    if not fits:
        listed = ", ".join("any" if want is None else str(want) for want in wanted)
        raise ValueError(f"{name} has shape {array.shape}; with this bias it must be ({listed}).")


def _reorder(array: Array, units: int, order: tuple[int, ...]) -> Array:
    """Put the blocks of `units` columns in another order."""
    blocks = np.split(array, array.shape[-1] // units, axis=-1)
    return np.concatenate([blocks[i] for i in order], axis=-1)
