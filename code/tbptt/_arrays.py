"""What callers pass as an array, read by one rule: numbers, or an error that names the place.

Missing is a value that is no finite number: NaN, infinity, a masked entry, a null of a frame, None
in a list. A function with an option ``missing`` refuses it or, asked to, keeps it: infinity as it
is, all the others as NaN. A function without one takes NaN and infinity as the numbers that they
are, and refuses what an array of numbers cannot hold.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from tbptt._frames import Table
from tbptt._reading import read
from tbptt._scalars import LONGEST, shown

Missing = Literal["refuse", "keep"]

# Integers up to here are floats without rounding.
_EXACT = 2**53


def numeric_array(
    name: str, values: Any, *, min_ndim: int, missing: Missing | None = None
) -> NDArray[Any]:
    """Return `values` as an array of numbers with at least `min_ndim` dimensions.

    An array comes back as it is, without a copy; no value is looked at twice.

    Raises
    ------
    ValueError
        If the rows differ in length (ragged), dimensions are missing, or a value is missing and
        `missing` does not say to keep it.
    TypeError
        If the entries are not numbers, or `values` is of a type that has to be converted first.
    """
    table = read(name, values)
    array, absent = table.values, table.absent
    if array.ndim < min_ndim:
        one = "a number by itself" if array.ndim == 0 else "one sequence by itself"
        call = f"{name}[None]" if isinstance(values, np.ndarray) else f"numpy.asarray({name})[None]"
        raise ValueError(
            f"{name} must have at least {min_ndim} dimension(s), got shape {array.shape}: {one} "
            f"needs a leading axis of length 1, {call}."
        )
    if missing == "refuse" and not _all_finite(array):
        absent = ~np.isfinite(array) if absent is None else absent | ~np.isfinite(array)
    if absent is not None and missing != "keep":
        keep = ", or pass missing='keep' to have them as NaN" if missing == "refuse" else ""
        raise ValueError(_where(name, table, absent, keep))
    return array if absent is None else _with_nan(name, array, absent)


def real_array(name: str, values: Any, *, min_ndim: int) -> NDArray[np.float64]:
    """Return `values` as an array of finite float64, a copy where they are not.

    Raises
    ------
    TypeError, ValueError
        As for :func:`numeric_array`, which refuses missing values here; or if numbers are complex.
    """
    array = numeric_array(name, values, min_ndim=min_ndim)
    if array.dtype.kind == "c":
        raise TypeError(
            f"{name} must hold real numbers, got {array.dtype}; pass {name}.real or its absolute "
            "values."
        )
    kept = array.astype(np.float64, copy=False)
    if not _all_finite(kept):
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(kept))[0])
        at = f"{name}[{', '.join(map(str, place))}]" if place else name
        raise ValueError(
            f"{name} must be finite, but NaN or infinity is among the values, first at {at}: "
            f"{kept[place]}. Fill it, or leave out what it belongs to."
        )
    return kept


def index_array(
    name: str, values: Any, *, least: int = 0, most: int = LONGEST
) -> NDArray[np.int64]:
    """Return `values` as a row of integers from `least` to `most`.

    Raises
    ------
    TypeError
        If they are not integers; bools are a mask, and no row of indices.
    ValueError
        If they are not in a row, or one lies outside.
    """
    array = numeric_array(name, values, min_ndim=1)
    if array.ndim != 1:
        raise ValueError(f"{name} must be a row of integers, got shape {array.shape}; ravel it.")
    if array.size and array.dtype.kind not in "iu":
        cure = f"numpy.flatnonzero({name})" if array.dtype == bool else f"{name}.astype(int)"
        raise TypeError(f"{name} must hold integers, got dtype {array.dtype}; pass {cure}.")
    if array.size and not 0 <= int(array.min()) <= int(array.max()) <= most:
        raise ValueError(
            f"{name} must lie between 0 and {most}, got {array.min()} to {array.max()}."
        )
    return array.astype(np.int64)


def check_missing(missing: Any) -> Missing:
    """Return the option `missing` if it is one of the two.

    Raises
    ------
    ValueError
        If it is not.
    """
    if not isinstance(missing, str) or missing not in get_args(Missing):
        raise ValueError(f"missing must be 'refuse' or 'keep', got {shown(missing)}.")
    return "keep" if missing == "keep" else "refuse"


def shares_memory(values: Any, array: NDArray[Any]) -> bool:
    """Say whether `array`, which was read from `values`, is a view of the same memory."""
    if not array.size:
        return True
    if isinstance(values, np.ndarray):
        return np.may_share_memory(values, array)
    if isinstance(values, list | tuple):
        return False
    # A conversion that copies answers with other memory each time.
    return np.may_share_memory(read("values", values).values, array)


def _all_finite(array: NDArray[Any]) -> bool:
    """Say whether all values are finite, without an array of answers as `isfinite` makes it."""
    if array.dtype.kind not in "fc" or not array.size:
        return True
    if array.dtype.kind == "c":
        return _all_finite(array.real) and _all_finite(array.imag)
    # NaN passes through both, infinity through one of them.
    return bool(np.isfinite(array.min()) and np.isfinite(array.max()))


def _with_nan(name: str, array: NDArray[Any], absent: NDArray[np.bool_]) -> NDArray[Any]:
    whole = array.dtype.kind in "iu"
    if whole and max(abs(int(array.min())), abs(int(array.max()))) > _EXACT:
        raise ValueError(
            f"{name} holds integers beyond 2**53 and missing values: NaN needs a float, which "
            "would round them. Fill the missing values first."
        )
    kept = array.astype(np.float64 if whole or array.dtype == bool else array.dtype)
    kept[absent] = np.nan
    return kept


def _where(name: str, table: Table, absent: NDArray[np.bool_], keep: str) -> str:
    count = int(absent.sum())
    index = tuple(int(i) for i in np.unravel_index(int(absent.argmax()), absent.shape))
    if table.columns is not None:
        place = f"in the column {table.columns[index[1]]!r}, row {index[0]}"
    else:
        place = f"at {name}[{', '.join(map(str, index))}]" if index else f"{name} itself"
    # Where a value was absent before it was read stands a number that nobody has to see.
    hidden = table.absent is not None and table.absent[index]
    kind = "masked or null" if hidden else str(table.values[index])
    values = "value that is" if count == 1 else "values that are"
    return (
        f"{name} has {count} {values} missing (NaN, infinite, masked or null) of {absent.size}, "
        f"the first {place}: {kind}. Fill them, or leave out such steps{keep}."
    )
