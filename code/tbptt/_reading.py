"""One array of numbers from what callers pass: arrays, frames, tensors, lists of any of them."""

from __future__ import annotations

from numbers import Complex, Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbptt._foreign import comes_from, why_not
from tbptt._frames import Table, is_frame, read_frame
from tbptt._scalars import shown

_DEEPEST = 32


def read(name: str, values: Any, depth: int = 0) -> Table:
    """Return the numbers in `values`, and where there are none; an array as it is.

    Raises
    ------
    ValueError
        If rows differ in length, or lists are nested too deeply.
    TypeError
        If the entries are not numbers, or `values` is of a type that has to be converted first.
    """
    reason = why_not(name, values)
    if reason is not None:
        raise TypeError(reason)
    if is_frame(values):
        return read_frame(name, values)
    if isinstance(values, list | tuple) and holds_arrays(name, values):
        return _stacked(name, values, depth + 1)
    if isinstance(values, np.ma.MaskedArray):
        mask = np.ma.getmaskarray(values)
        plain = read(name, np.asarray(values.data), depth)
        return plain._replace(absent=mask if mask.any() else plain.absent)
    array = _converted(name, values)
    if array.dtype == object:
        return _from_objects(name, array, depth)
    if array.dtype.kind not in "biufc":
        raise TypeError(_no_numbers(name, array.dtype))
    return Table(array, None, None)


def _converted(name: str, values: Any) -> NDArray[Any]:
    try:
        # Variables of TensorFlow warn of what NumPy 2 asks for when they are converted themselves.
        plain = values.numpy() if comes_from(values, "tensorflow") else values
        return np.asarray(plain)
    except MemoryError:
        raise
    except Exception as error:
        if isinstance(values, list | tuple) and isinstance(error, ValueError):
            raise ValueError(_ragged(name, values)) from error
        raise TypeError(
            f"{name} cannot be read as an array: converting {type(values).__name__} raised "
            f"{type(error).__name__} ({str(error)[:200]}). Pass an array of numbers."
        ) from error


def holds_arrays(name: str, values: Any, depth: int = 1) -> bool:
    """Say whether a list has other things in it than numbers, text, None and lists of them."""
    if depth > _DEEPEST:
        raise ValueError(f"{name} is nested deeper than {_DEEPEST} lists; pass an array.")
    return any(
        holds_arrays(name, each, depth + 1)
        if isinstance(each, list | tuple)
        else not (
            each is None or isinstance(each, np.generic | int | float | complex | str | bytes)
        )
        for each in values
    )


def _stacked(name: str, values: Any, depth: int) -> Table:
    if depth > _DEEPEST:
        raise ValueError(f"{name} is nested deeper than {_DEEPEST} lists; pass an array.")
    parts = [read(f"{name}[{place}]", each, depth) for place, each in enumerate(values)]
    if len({part.values.shape for part in parts}) > 1:
        raise ValueError(_ragged(name, [part.values for part in parts]))
    masks = [np.zeros(p.values.shape, bool) if p.absent is None else p.absent for p in parts]
    absent = np.stack(masks)
    return Table(np.stack([part.values for part in parts]), absent if absent.any() else None, None)


def _from_objects(name: str, array: NDArray[Any], depth: int) -> Table:
    """Read an array of Python objects: numbers and missing values, or arrays of them."""
    flat = array.ravel()
    if array.ndim and any(isinstance(each, np.ndarray | list | tuple) for each in flat):
        return _stacked(name, list(array), depth + 1)
    absent = np.fromiter((_is_absent(each) for each in flat), bool, len(flat))
    numbers = [0 if gone else each for each, gone in zip(flat, absent, strict=True)]
    for place, each in enumerate(numbers):
        real = isinstance(each, Integral | float | np.floating | np.bool_)
        if not real and not (isinstance(each, Complex) and not isinstance(each, Real)):
            index = tuple(int(i) for i in np.unravel_index(place, array.shape))
            where = f"{name}[{', '.join(map(str, index))}]" if index else name
            raise TypeError(
                f"{name} must hold numbers, got dtype object: {where} is {shown(each)}. Encode "
                "text as numbers first; other kinds of numbers become floats by "
                f"numpy.asarray({name}, float)."
            )
    values = np.array(numbers) if numbers else np.empty(0)
    if values.dtype == object:
        raise TypeError(
            f"{name} holds integers too large for any NumPy dtype; scale them, or pass floats, "
            f"numpy.asarray({name}, float)."
        )
    mask = absent.reshape(array.shape) if absent.any() else None
    return Table(values.reshape(array.shape), mask, None)


def _is_absent(value: Any) -> bool:
    return value is None or value is np.ma.masked or type(value).__name__ in ("NAType", "NaTType")


def _no_numbers(name: str, dtype: np.dtype[Any]) -> str:
    if dtype.names:
        cure = (
            f"its fields are {', '.join(dtype.names)}: pass "
            f"numpy.lib.recfunctions.structured_to_unstructured({name})."
        )
    elif dtype.kind in "mM":
        cure = f"pass spans as floats, ({name} - {name}.min()) / numpy.timedelta64(1, 's')."
        cure = cure if dtype.kind == "M" else f"pass floats, {name} / numpy.timedelta64(1, 's')."
    elif dtype.kind == "V":
        cure = f"pass {name}.astype('float32')."
    else:
        cure = "encode text and missing values as numbers first."
    return f"{name} must hold numbers, got dtype {dtype}; {cure}"


def _ragged(name: str, rows: Any) -> str:
    sizes = [str(np.shape(row)) for row in rows[:6] if isinstance(row, np.ndarray)]
    sizes = sizes or [str(len(row)) for row in rows[:6] if isinstance(row, list | tuple)]
    listed = f" ({', '.join(sizes)}{', …' if len(rows) > 6 else ''})" if sizes else ""
    return (
        f"{name} is ragged: its rows differ in length{listed}. Pad them to one length, or cut each "
        "row by itself."
    )
