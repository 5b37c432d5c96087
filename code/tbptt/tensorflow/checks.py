"""What the engine asks of cells, states and inputs, and what it says if it is missing.

Ranks, dtypes and the sizes that are known are checked in every call; values only when the call is
eager, because a graph that is being traced has none.
"""

from __future__ import annotations

import inspect
from typing import Any

import keras
import tensorflow as tf

from tbptt._checks import shown
from tbptt.schedule import Truncation

Tensor = Any  # tf.Tensor: TensorFlow comes without types.
Parts = tuple[Tensor, ...]
State = Any  # A tensor, or a list, tuple or NamedTuple of states.

_KERAS = (keras.layers.SimpleRNNCell, keras.layers.GRUCell, keras.layers.LSTMCell)
NOISE = (
    keras.layers.Dropout, keras.layers.AlphaDropout, keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
)  # fmt: skip


def check_cell(cell: Any) -> None:
    """Check that a cell is a Keras layer, on TensorFlow and without dropout.

    Raises
    ------
    TypeError
        If it is no ``keras.Layer``, or a whole recurrent layer.
    ValueError
        If Keras runs on another backend, or the cell drops out.
    """
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"Keras runs on {keras.backend.backend()}: set KERAS_BACKEND=tensorflow before Keras "
            "is imported."
        )
    if not isinstance(cell, keras.Layer):
        raise TypeError(
            f"cell must be a keras.Layer with cell(x, states) -> (output, states), got "
            f"{type(cell).__name__}."
        )
    if isinstance(cell, keras.layers.RNN):
        raise TypeError(
            f"cell must be a cell, got the whole layer {type(cell).__name__}: pass layer.cell."
        )
    for layer in layers_of(cell):
        if isinstance(layer, keras.layers.RNN):
            raise TypeError(
                f"cell must be one step, but {type(cell).__name__} holds the layer "
                f"{type(layer).__name__}, which runs over whole sequences: use its cell there."
            )
        names = ("rate", "stddev") if isinstance(layer, NOISE) else ("dropout", "recurrent_dropout")
        for name in names:
            rate = getattr(layer, name, 0)
            if isinstance(rate, int | float) and rate > 0:
                raise ValueError(
                    f"{type(layer).__name__} has {name}={rate}, and so gives another answer each "
                    "time. Set it to 0: dropout before the inputs or in loss_fn does no harm."
                )
    _check_takes_states(cell)


def _check_takes_states(cell: Any) -> None:
    own = inspect.signature(cell.call)
    places = [each for each in own.parameters.values() if each.kind is not each.KEYWORD_ONLY]
    if any(each.kind is each.VAR_POSITIONAL for each in places):
        return
    if len(places) < 2 or places[1].name in ("mask", "training"):
        raise TypeError(
            f"cell must take (x, states), but {type(cell).__name__} takes {own}: it is no "
            "recurrent cell."
        )


def check_call(loss_fn: Any, truncation: Any, takes: str) -> None:
    """Check what is called with the outputs and whatever else it `takes`, and the truncation.

    Raises
    ------
    TypeError
        If it is no function, or no :class:`tbptt.Truncation`.
    """
    if not isinstance(truncation, Truncation):
        raise TypeError(
            f"truncation must be a Truncation, got {truncation!r}; Truncation.true(20), say."
        )
    if not callable(loss_fn) or isinstance(loss_fn, type):
        raise TypeError(
            f"loss_fn must be a function of the outputs, got {shown(loss_fn)}: "
            f"lambda {takes}: ..., say."
        )


def layers_of(cell: Any) -> list[Any]:
    """Return a cell and the layers within it."""
    # Keras has no public way to list the layers within a layer.
    return list(cell._flatten_layers())


def parts_of(state: State) -> Parts:
    """Return the tensors of a state in order, however nested it is.

    Raises
    ------
    TypeError
        If it is not made of tensors.
    ValueError
        If one is not ``(batch, hidden)``.
    """
    try:
        parts = tf.nest.flatten(state)
    except RecursionError as error:
        raise ValueError("state is nested too deeply, or holds itself; pass tensors.") from error
    for part in parts:
        if isinstance(part, tf.RaggedTensor | tf.SparseTensor):
            raise TypeError(f"state must be of dense tensors, got a {type(part).__name__}.")
    if not parts or not all(tf.is_tensor(part) for part in parts):
        kinds = ", ".join(type(part).__name__ for part in parts)
        raise TypeError(
            f"state must be a tensor, or a list or tuple of them, got {kinds or 'nothing'}."
        )
    for part in parts:
        if part.shape.rank != 2:
            raise ValueError(f"state must be (batch, hidden), got shape {part.shape}.")
    return tuple(tf.convert_to_tensor(part) for part in parts)


def check_inputs(cell: Any, inputs: Any, parts: Parts) -> None:
    """Check time-major inputs and the state before them, and that both fit the cell.

    Raises
    ------
    TypeError
        If a dtype does not fit, or the number of the state's parts.
    ValueError
        If a shape does not fit.
    """
    if isinstance(inputs, tf.RaggedTensor | tf.SparseTensor):
        raise TypeError(
            f"inputs must be dense, got a {type(inputs).__name__}: pad rows of several lengths "
            "(to_tensor), and say by mask which steps they have."
        )
    if not tf.is_tensor(inputs) or not inputs.dtype.is_floating:
        kind = inputs.dtype.name if tf.is_tensor(inputs) else type(inputs).__name__
        raise TypeError(
            f"inputs must be a floating-point tensor (steps, batch, features), got {kind}."
        )
    shape = inputs.shape
    if shape.rank != 3 or shape[0] == 0 or shape[2] is None:
        raise ValueError(
            f"inputs must be (steps, batch, features) with at least one step and a known number "
            f"of features, got shape {shape}."
        )
    for part in parts:
        if not part.shape[:1].is_compatible_with(shape[1:2]):
            raise ValueError(
                f"state must be (batch, hidden) with batch {shape[1]}, the second axis of inputs; "
                f"got shape {part.shape}."
            )
        if part.dtype != inputs.dtype:
            raise TypeError(
                f"state is {part.dtype.name}, but inputs are {inputs.dtype.name}: bring both to "
                "one dtype."
            )
    if cell.compute_dtype != inputs.dtype.name:
        raise TypeError(
            f"inputs are {inputs.dtype.name}, but the cell computes in {cell.compute_dtype}: cast "
            f"the inputs, or make the cell with dtype={inputs.dtype.name!r}."
        )
    _check_sizes(cell, inputs, parts)


def check_flags(name: str, flags: Any, inputs: Tensor) -> None:
    """Check resets or a mask, bool ``(steps, batch)``.

    Raises
    ------
    TypeError, ValueError
        If dtype or shape do not fit.
    """
    if flags is None:
        return
    if not tf.is_tensor(flags) or flags.dtype != tf.bool:
        kind = flags.dtype.name if tf.is_tensor(flags) else type(flags).__name__
        raise TypeError(f"{name} must be a tensor of bool (steps, batch), got {kind}.")
    if flags.shape.rank != 2 or not flags.shape.is_compatible_with(inputs.shape[:2]):
        raise ValueError(
            f"{name} must be (steps, batch) = {inputs.shape[:2]}, got shape {flags.shape}."
        )


def check_sizes_met(inputs: Tensor, parts: Parts, resets: Any, mask: Any) -> None:
    """Check, as a part of a graph, sizes that were not known while it was traced.

    One row of state or of flags would be broadcast to all rows without a word.
    """
    steps_and_batch = tf.shape(inputs)[:2]
    for name, flags in (("resets", resets), ("mask", mask)):
        if flags is not None:
            words = f"{name} must be (steps, batch), the first two axes of inputs."
            tf.debugging.assert_equal(tf.shape(flags), steps_and_batch, message=words)
    for part in parts:
        words = "state must be (batch, hidden) with the batch of inputs (steps, batch, features)."
        tf.debugging.assert_equal(tf.shape(part)[0], steps_and_batch[1], message=words)


def check_variables(variables: Any, inputs: Any = None) -> None:
    """Check the list of what gradients are wanted of.

    Raises
    ------
    TypeError
        If it is no list or tuple of variables; the inputs themselves may be among them, if given.
    ValueError
        If it is empty.
    """
    if not isinstance(variables, list | tuple):
        raise TypeError(
            f"variables must be a list, such as cell.trainable_variables, got "
            f"{type(variables).__name__}."
        )
    if not variables:
        raise ValueError(
            "variables is empty. A cell has none before it is built: cell.build((None, features))."
        )
    for place, variable in enumerate(variables):
        is_inputs = inputs is not None and variable is inputs
        if not is_inputs and not isinstance(variable, tf.Variable | keras.Variable):
            others = "" if inputs is None else ", or the inputs themselves"
            raise TypeError(
                f"variables[{place}] must be a variable{others}; got {type(variable).__name__}."
            )


def _check_sizes(cell: Any, inputs: Tensor, parts: Parts) -> None:
    """Compare with the sizes that Keras's cells, and most others, declare."""
    sizes = tf.nest.flatten(getattr(cell, "state_size", None))
    if all(isinstance(size, int) for size in sizes):
        if len(sizes) != len(parts):
            raise TypeError(
                f"The state of {type(cell).__name__} must have {len(sizes)} tensor(s), got "
                f"{len(parts)}."
            )
        for part, size in zip(parts, sizes, strict=True):
            if not part.shape[1:].is_compatible_with([size]):
                raise ValueError(
                    f"state must be (batch, hidden) with hidden {size}, got shape {part.shape}."
                )
    while isinstance(cell, keras.layers.StackedRNNCells):
        cell = cell.cells[0]
    if isinstance(cell, _KERAS) and cell.built and cell.kernel.shape[0] != inputs.shape[2]:
        raise ValueError(
            f"inputs must have {cell.kernel.shape[0]} features, got shape {inputs.shape}."
        )
