"""What the oracle and its cells ask of their arguments before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbptt import _states
from tbptt._checks import numeric_array, real_array, shown

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


def check_cell(cell: Any, weights: Any) -> None:
    """Refuse what has no step and adjoint, and weights that are no arrays under names."""
    if isinstance(cell, type) or not (hasattr(cell, "step") and hasattr(cell, "adjoint")):
        raise TypeError(
            f"cell must have a step and an adjoint, got {shown(cell)}; pass RNN(), GRU(), LSTM() "
            "or one of your own."
        )
    if not isinstance(weights, Mapping):
        raise TypeError(f"weights must be a mapping of names to arrays, got {shown(weights)}.")
    for name, weight in weights.items():
        real_array(f"weights[{name!r}]", weight, min_ndim=0)


def checked(
    inputs: Any, state: Any, resets: Any, mask: Any
) -> tuple[Array, tuple[Array, ...], Flags, Flags]:
    """Return inputs, parts of the state, resets and mask; inputs are zero where no step is."""
    given = numeric_array("inputs", inputs, min_ndim=3)
    if given.ndim != 3:
        raise ValueError(
            f"inputs must be (steps, batch, features), got shape {given.shape}; flatten the "
            "features of a step into one axis."
        )
    begins = _flags("resets", resets, given.shape[:2], default=False)
    has = _flags("mask", mask, given.shape[:2], default=True)
    x = _where_there_is_a_step("inputs", given, has)
    parts = tuple(real_array("state", part, min_ndim=0) for part in _states.flatten(state))
    if not parts or any(part.ndim != 2 or len(part) != x.shape[1] for part in parts):
        raise ValueError(
            f"state must be one or several (batch, hidden) arrays with batch {x.shape[1]}, the "
            "second axis of inputs (steps, batch, features); got "
            f"{[part.shape for part in parts]}."
        )
    return x, parts, begins, has


def checked_errors(errors: Any, state: tuple[Array, ...], has: Flags) -> Array:
    """Return the errors as an array; they are zero where there is no step."""
    given = numeric_array("errors", errors, min_ndim=3)
    wanted = (*has.shape, state[0].shape[1])
    if given.shape != wanted:
        raise ValueError(
            f"errors must be (steps, batch, hidden) = {wanted}, got {given.shape}: the derivative "
            "of the loss by each step's output."
        )
    return _where_there_is_a_step("errors", given, has)


def check_step(name: str, gates: int, n_parts: int, w: Any, x: Any, state: Any) -> None:
    """Refuse what one step of a cell of the package cannot be taken with."""
    x = _plain_array("x", x, 2)
    hidden = _parts("state", state, n_parts, name, len(x))
    shapes = {
        "weight_ih": (gates * hidden, x.shape[1]),
        "weight_hh": (gates * hidden, hidden),
        "bias_ih": (gates * hidden,),
        "bias_hh": (gates * hidden,),
    }
    if not isinstance(w, Mapping) or not set(shapes) <= set(w):
        names = list(w) if isinstance(w, Mapping) else shown(w)
        raise TypeError(f"w, the weights of {name}, must have {list(shapes)}, got {names}.")
    for key, shape in shapes.items():
        found = _plain_array(f"w[{key!r}], one of the weights,", w[key], len(shape)).shape
        if found != shape:
            raise ValueError(
                f"w[{key!r}], one of the weights, must have shape {shape} for {hidden} units of "
                f"{name} and {x.shape[1]} features, got {found}."
            )


def check_adjoint(
    name: str, gates: int, n_parts: int, w: Any, x: Any, state: Any, error: Any
) -> None:
    """Refuse what :func:`check_step` does, and an error that is not shaped as the state."""
    check_step(name, gates, n_parts, w, x, state)
    if _parts("error", error, n_parts, name, len(x)) != state[0].shape[1]:
        raise ValueError(
            f"error must be shaped as the state, {state[0].shape}, got {error[0].shape}."
        )


def _plain_array(name: str, value: Any, ndim: int) -> NDArray[Any]:
    plain = isinstance(value, np.ndarray) and not isinstance(value, np.ma.MaskedArray | np.matrix)
    if not plain or value.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be a NumPy array of real numbers, got {shown(value)}.")
    if value.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimension(s), got shape {value.shape}.")
    array: NDArray[Any] = value
    return array


def _parts(name: str, value: Any, count: int, cell: str, rows: int) -> int:
    """Check a state or its error, and return its units."""
    if not isinstance(value, tuple | list) or len(value) != count:
        kind = "a tuple of one array" if count == 1 else f"a tuple of {count} arrays"
        raise TypeError(f"{name} of {cell} must be {kind}, got {shown(value)}.")
    shapes = {_plain_array(name, part, 2).shape for part in value}
    if len(shapes) > 1 or {shape[0] for shape in shapes} != {rows}:
        raise ValueError(
            f"{name} of {cell} must be (batch, hidden) with {rows} rows, as x has, in every part; "
            f"got {sorted(shapes)}."
        )
    return int(shapes.pop()[1])


def _flags(name: str, given: Any, shape: tuple[int, ...], *, default: bool) -> Flags:
    if given is None:
        return np.full(shape, default)
    flags = numeric_array(name, given, min_ndim=0)
    if flags.dtype != bool:
        raise TypeError(
            f"{name} must hold bools, got dtype {flags.dtype}; pass {name}.astype(bool)."
        )
    if flags.shape != shape:
        raise ValueError(f"{name} must be bool (steps, batch) = {shape}, got {flags.shape}.")
    return flags


def _where_there_is_a_step(name: str, given: NDArray[Any], has: Flags) -> Array:
    """Return an array with zeros in the steps that the mask leaves out, whatever was in them."""
    return real_array(name, given if has.all() else np.where(has[..., None], given, 0), min_ndim=3)
