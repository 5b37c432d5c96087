"""The Keras layers that people have, as a cell that shares their weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from tbptt._checks import shown
from tbptt.tensorflow.checks import NOISE


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
        If one of them is no recurrent layer; the error says what to do with that kind of layer.
    ValueError
        If there is none, one reads both ways or runs backwards, or a layer below the top hands on
        its last output alone.

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
        _check_layer(layer, place, stack)
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


def _check_layer(layer: Any, place: int, stack: list[Any]) -> None:
    named = f"Layer {place}{_name(layer)}"
    if isinstance(layer, keras.layers.Bidirectional):
        raise ValueError(
            f"{named} is bidirectional: its second half begins at the end of the sequence, "
            "so that no step can be run before the last one is there. Truncate two layers, one of "
            "them on the reversed sequence."
        )
    if not isinstance(layer, keras.layers.RNN):
        raise TypeError(_no_recurrent_layer(layer, place, stack))
    if layer.go_backwards:
        raise ValueError(
            f"{named} runs backwards: hand its cell the reversed sequence, in a call of its own."
        )
    if place < len(stack) - 1 and not layer.return_sequences:
        raise ValueError(
            f"{named} hands its last output alone to the layer above it: "
            "return_sequences=True hands on every step."
        )


def _no_recurrent_layer(layer: Any, place: int, stack: list[Any]) -> str:
    """Say what a layer is that no stack of cells can hold, and where else to put it."""
    recurrent = [n for n, other in enumerate(stack) if isinstance(other, keras.layers.RNN)]
    if not isinstance(layer, keras.Layer) or not recurrent or hasattr(layer, "state_size"):
        return (
            f"layers must be SimpleRNN, GRU, LSTM or RNN, got {shown(layer)} in place {place}. "
            "What comes before them goes to the inputs, what follows to loss_fn: pass the "
            "recurrent ones, as in model.layers[:-1]. A cell goes to the engines as it is."
        )
    named = f"Layer {place}{_name(layer)}"
    if place < recurrent[0]:
        return (
            f"{named} comes before the recurrent layers, and is none itself: leave it out, and "
            f"pass what it makes of the inputs, layers[{place}](inputs)."
        )
    if place > recurrent[-1]:
        return (
            f"{named} follows the recurrent layers, and is none itself: leave it out, as in "
            f"model.layers[:{place}], and call it in loss_fn."
        )
    if isinstance(layer, NOISE):
        return (
            f"{named} draws again at each call, between recurrent layers: an engine that runs a "
            "step twice would get two answers. Leave it out, and drop units of the inputs or in "
            "loss_fn."
        )
    if isinstance(layer, keras.layers.BatchNormalization):
        return (
            f"{named} normalises by averages over steps to come, between recurrent layers: no step "
            "can be run by itself. Leave it out, and normalise the inputs or in loss_fn; in the "
            "stack a LayerNormalization can stand inside a cell of your own, in keras.layers.RNN."
        )
    return (
        f"{named} stands between recurrent layers, and is none itself. Leave it out, or run it in "
        "each step of a cell of your own: call it there on what the cell below returns, and pass "
        "keras.layers.RNN around that cell."
    )


def _name(layer: Any) -> str:
    return f", {layer.name} ({type(layer).__name__})," if isinstance(layer, keras.Layer) else ""
