"""The Keras layers that people have, as a cell that shares their weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from tbptt._checks import shown


def as_cell(layers: keras.layers.RNN | keras.Sequential | Sequence[keras.layers.RNN]) -> Any:
    """Return a cell that shares the weights of recurrent layers, for every engine of this room.

    Parameters
    ----------
    layers : keras.layers.RNN, list of them, or keras.Sequential
        ``SimpleRNN``, ``GRU``, ``LSTM``, or ``RNN`` around a cell of your own; several are a stack,
        the lowest first, as in ``model.layers[:-1]``, where the last layer is a readout. Their
        weights stay their own: an optimiser of the model's variables updates both.

    Returns
    -------
    keras.Layer
        The layer's own cell, or a ``keras.layers.StackedRNNCells`` of several; its state is that of
        ``cell.get_initial_state(batch_size=...)``, a list with a state for each layer. Inputs are
        time-major, whatever the layers are, and a state that a stateful layer keeps is not read.

    Raises
    ------
    TypeError
        If one of them is no recurrent layer.
    ValueError
        If there is none, one runs backwards, or a layer below the top hands on its last output
        alone.

    Examples
    --------
    >>> import keras, tensorflow as tf
    >>> from tbptt import Truncation
    >>> from tbptt.tensorflow import as_cell, gradients
    >>> model = keras.Sequential([
    ...     keras.Input((None, 1)), keras.layers.LSTM(8, return_sequences=True),
    ...     keras.layers.GRU(5, return_sequences=True), keras.layers.Dense(1),
    ... ])
    >>> *recurrent, readout = model.layers
    >>> cell = as_cell(recurrent)
    >>> result = gradients(
    ...     cell, lambda outputs: tf.reduce_sum(readout(outputs)), tf.ones((30, 4, 1)),
    ...     cell.get_initial_state(batch_size=4), Truncation(k1=1, k2=10),
    ...     model.trainable_variables,
    ... )
    >>> result.outputs.shape, len(result.state), len(result.gradients)
    (TensorShape([30, 4, 5]), 2, 8)
    """
    stack = _listed(layers)
    if not stack:
        raise ValueError("layers is empty: pass a recurrent layer, or several, the lowest first.")
    for place, layer in enumerate(stack):
        _check_layer(layer, place, is_top=place == len(stack) - 1)
    if len(stack) == 1:
        return stack[0].cell
    # Without a dtype of its own, which would cast what the layers below are handed.
    return keras.layers.StackedRNNCells(
        [layer.cell for layer in stack], dtype=stack[0].dtype_policy
    )


def _listed(layers: Any) -> list[Any]:
    if isinstance(layers, keras.Sequential):
        return list(layers.layers)
    if isinstance(layers, keras.Layer):
        return [layers]
    if not isinstance(layers, list | tuple):
        raise TypeError(f"layers must be a recurrent layer or a list of them, got {shown(layers)}.")
    return list(layers)


def _check_layer(layer: Any, place: int, *, is_top: bool) -> None:
    if isinstance(layer, keras.layers.Bidirectional):
        raise ValueError(
            f"Layer {place} is bidirectional: its second half begins at the end of the sequence, "
            "so that no step can be run before the last one is there. Truncate two layers, one of "
            "them on the reversed sequence."
        )
    if not isinstance(layer, keras.layers.RNN):
        raise TypeError(
            f"layers must be SimpleRNN, GRU, LSTM or RNN, got {shown(layer)} in place {place}. "
            "What comes before them goes to the inputs, what follows to loss_fn: pass the "
            "recurrent ones, as in model.layers[:-1]. A cell goes to the engines as it is."
        )
    if layer.go_backwards:
        raise ValueError(
            f"Layer {place} runs backwards: hand its cell the reversed sequence, in a call of its "
            "own."
        )
    if not is_top and not layer.return_sequences:
        raise ValueError(
            f"Layer {place} hands its last output alone to the layer above it: "
            "return_sequences=True hands on every step."
        )
