"""What `diagnose` asks of its arguments, and of the answers of a network."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tbptt import _states
from tbptt._checks import index_array, numeric_array, shown
from tbptt._diagnosis import check_labels, check_logits
from tbptt.keras.backends import check_carries
from tbptt.keras.state import part_of, snapshot, stateful_layers

Parts = list[NDArray[Any]]
# Rounding of numbers of 16 bits.
_NEAR = 0.02


def checked_labels(labels: Any) -> NDArray[np.int64]:
    """Return class numbers, ``(rows,)``.

    Raises
    ------
    TypeError, ValueError
        If they are none, or the three looks cannot be taken with them.
    """
    array = numeric_array("labels", labels, min_ndim=1)
    if array.ndim == 2 and array.shape[1] > 1:
        raise ValueError(
            f"labels must be class numbers, one a row, got shape {array.shape}; "
            "numpy.argmax(labels, 1), if they are one-hot."
        )
    named = index_array("labels", array.reshape(-1) if array.ndim == 2 else array)
    check_labels(named)
    return named


def checked_chunks(chunks: Any, model: Any, labels: NDArray[Any]) -> list[NDArray[Any]]:
    """Return chunks as arrays; of a `model` that is not None they have to be batches.

    Raises
    ------
    TypeError, ValueError
        If they are none.
    """
    if not isinstance(chunks, list | tuple) and not getattr(chunks, "ndim", 0):
        raise TypeError(f"chunks must be a list of arrays, got {shown(chunks)}.")
    if not len(chunks):
        raise ValueError("chunks is empty: pass the sequences of the training pass, cut in time.")
    arrays = [
        numeric_array(f"chunks[{place}]", chunk, min_ndim=1, missing="refuse")
        for place, chunk in enumerate(chunks)
    ]
    if model is None:
        return arrays
    inputs = getattr(model, "inputs", None) or ()
    if len(inputs) > 1:
        raise ValueError(
            f"model has {len(inputs)} inputs: pass a function forward(chunk, state) -> (answers, "
            "state) that makes them of a chunk."
        )
    wanted = tuple(inputs[0].shape) if inputs else (len(labels), None, ...)
    for place, array in enumerate(arrays):
        if len(array) != len(labels) or (inputs and not _fits(array.shape, wanted)):
            sizes = ", ".join("any" if size is None else str(size) for size in wanted)
            raise ValueError(
                f"chunks[{place}] must be ({sizes}), a row for each label, got shape {array.shape}."
            )
    return arrays


def _fits(shape: tuple[int, ...], wanted: tuple[Any, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        there in (None, size) for size, there in zip(shape, wanted, strict=True)
    )


def states_of_model(
    model: keras.Layer, labels: NDArray[Any], carried: Any, fresh: Any
) -> tuple[Parts, Parts]:
    """Return the state that training left in a model, and one to begin with.

    Raises
    ------
    TypeError, ValueError
        If one is not like what the model carries, or that is zero and was asked for, because it
        was reset or Keras's backend keeps none.
    """
    now = snapshot(model)
    if len(now[0]) != len(labels):
        raise ValueError(
            f"labels must be one for each row of the state, {len(now[0])}, got {len(labels)}: pass "
            "the rows of one batch, as they were trained."
        )
    if carried is None and not any(part.any() for part in now):
        check_carries(stateful_layers(model), in_fit=True)
        raise ValueError(
            "carried is left out, and the model's state is zero: it was reset after training. Call "
            "before the reset, or pass carried=snapshot(model), taken before it."
        )
    left = checked_state("carried", now if carried is None else carried, labels)
    zeros = [np.zeros_like(part) for part in now]
    first = zeros if fresh is None else checked_state("fresh", fresh, labels)
    check_alike(left, now, "what the model carries")
    for name, state in (("carried", left), ("fresh", first)):
        if any(map(np.iscomplexobj, state)) and not any(map(np.iscomplexobj, now)):
            raise TypeError(f"{name} has complex numbers, and the model's state is real.")
    return left, first


def check_function(function: Any, carried: Any, fresh: Any) -> None:
    """Check a function, and that its states are given.

    Raises
    ------
    TypeError
        If it cannot be called, or one of them is left out.
    """
    if not callable(function) or isinstance(function, type):
        raise TypeError(
            "model must be a Keras model that carries its state, or a function forward(chunk, "
            f"state) -> (answers, state), got {shown(function)}."
        )
    for name, state in (("carried", carried), ("fresh", fresh)):
        if state is None:
            raise TypeError(f"{name} must be given where model is a function that takes a state.")


def checked_state(name: str, state: Any, labels: NDArray[Any]) -> Parts:
    """Return the parts of a state as arrays, each with a row for each label.

    Raises
    ------
    TypeError, ValueError
        If they are no numbers, not finite, or have other rows.
    """
    parts = []
    for place, part in enumerate(_states.flatten(state)):
        of = f"{name}[{place}]" if isinstance(state, tuple | list) else name
        array = part_of(of, part, missing="refuse")
        if len(array) != len(labels):
            raise ValueError(
                f"{of} must be ({len(labels)}, ...), a row for each label, got shape {array.shape}."
            )
        parts.append(array)
    if not parts:
        raise ValueError(f"{name} is empty: pass the state, as of tbptt.keras.snapshot(model).")
    return parts


def check_alike(carried: Parts, other: Parts, name: str = "fresh") -> None:
    """Check that two states have the same parts.

    Raises
    ------
    ValueError
        If they have not.
    """
    shapes, others = ([part.shape for part in parts] for parts in (carried, other))
    if shapes != others:
        raise ValueError(
            f"carried and {name} must be states of the same parts, in the same shapes, got "
            f"{shapes} and {others}."
        )


def in_double(part: NDArray[Any]) -> NDArray[Any]:
    """Return a part of a state in 64 bits a number, complex if it is: NumPy's, unlike bfloat16."""
    return part.astype(np.complex128 if np.iscomplexobj(part) else np.float64)


def check_made(who: str, after: Parts, before: Parts) -> None:
    """Check a state that a network returned.

    Raises
    ------
    ValueError
        If it is not like the one before, or NaN or infinity is in it.
    """
    shapes, others = ([part.shape for part in parts] for parts in (after, before))
    if shapes != others:
        raise ValueError(
            f"{who} must return a state like the one it is given, {others}, got {shapes}."
        )
    if not all(np.isfinite(in_double(part)).all() for part in after):
        raise ValueError(
            f"{who} made a state with NaN or infinity in it. Look for a learning rate that is too "
            "high, or for weights that are not finite."
        )


def log_probabilities(
    answers: Any, labels: NDArray[Any], *, from_logits: bool
) -> NDArray[np.float64]:
    """Return the logarithm of each class's probability, ``(rows, classes)``, as Keras's losses do.

    Raises
    ------
    TypeError, ValueError
        If answers are none, or not of the kind that `from_logits` says.
    """
    if isinstance(answers, list | tuple | dict):
        raise TypeError(
            f"The model's answers must be one array (rows, classes), got a {type(answers).__name__}"
            " of them: pass a model or a function that gives the one that is trained."
        )
    scores = np.asarray(keras.ops.convert_to_numpy(answers), np.float64)
    single = scores.ndim == 2 and scores.shape[1] == 1  # of class 1, as a sigmoid gives
    shape = (len(scores), 2) if single else scores.shape
    check_logits(shape, labels, "The model's answers")
    if not np.isfinite(scores).all():
        raise ValueError("The model's answers must be finite, but NaN or infinity is among them.")
    sums = 1.0 if single else scores.sum(1)
    probable = bool((scores >= 0).all() and (scores <= 1 + _NEAR).all()) and bool(
        (np.abs(sums - 1) <= _NEAR).all()
    )
    if not from_logits and not probable:
        raise ValueError(
            f"The model's answers are no probabilities, {scores.min():.3g} to {scores.max():.3g}: "
            "pass from_logits=True, or give it a softmax."
        )
    if from_logits and probable and not single:
        raise ValueError(
            "The model's answers are probabilities, each row adds up to 1: leave from_logits out."
        )
    if from_logits:
        # Of a single logit, the other class's is zero.
        logits = np.concatenate([np.zeros_like(scores), scores], 1) if single else scores
        shifted = logits - logits.max(1, keepdims=True)
        return np.asarray(shifted - np.log(np.exp(shifted).sum(1, keepdims=True)))
    both = np.concatenate([1 - scores, scores], 1) if single else scores / scores.sum(1)[:, None]
    least = keras.config.epsilon()
    return np.asarray(np.log(np.clip(both, least, 1 - least)))
