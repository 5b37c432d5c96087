"""Windows as views of the series, and the rule for who owns what comes back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbptt._checks import shares_memory, shown
from tbptt.windows.cutting import Cut

Array = NDArray[Any]


def check_copy(copy: Any) -> bool | None:
    """Return the option `copy` if it is one of the three.

    Raises
    ------
    TypeError
        If it is not.
    """
    if copy is None or isinstance(copy, bool | np.bool_):
        return None if copy is None else bool(copy)
    raise TypeError(f"copy must be True, False or None, got {shown(copy)}.")


def check_shared(name: str, given: Any, array: Array, copy: bool | None) -> None:
    """Refuse ``copy=False`` where the array could not be read without copying it.

    Raises
    ------
    ValueError
        If `array` is a copy of `given`, and none is allowed.
    """
    if copy is False and not shares_memory(given, array):
        raise ValueError(
            f"{name} ({type(given).__name__}) cannot be read without a copy; pass an array of "
            "numbers, or copy=None to copy where it must be."
        )


def windows_of(series: Array, where: Cut, axis: int) -> Array:
    """Return all windows along an axis as a read-only view, ``(..., n_windows, length, ...)``."""
    length, increment = where.window_length, where.increment
    view = np.lib.stride_tricks.sliding_window_view(series, length, axis=axis)
    # The view's new axis comes last.
    starts = (slice(None),) * axis + (slice(None, None, increment),)
    return np.moveaxis(view[starts], -1, axis + 1)


def end_to_end(views: Array) -> Array | None:
    """Return ``(n, windows, ...)`` as ``(n * windows, ...)``; None if that takes a copy."""
    n, count = views.shape[:2]
    shape = (n * count, *views.shape[2:])
    if not views.size:
        return views.reshape(shape)
    if n == 1 or count == 1:
        return views[0] if n == 1 else views[:, 0]
    if views.strides[0] != count * views.strides[1]:
        return None
    strides = views.strides[1:]
    return np.lib.stride_tricks.as_strided(views, shape, strides, writeable=False)


def owned(view: Array, copy: bool | None) -> Array:
    """Return a writable copy if one is asked for, and otherwise the view, read-only."""
    if copy:
        return np.array(view, order="C")
    result = view.view()
    result.flags.writeable = False
    return result
