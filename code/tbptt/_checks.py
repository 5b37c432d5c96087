"""Checks of arguments, so that every public function refuses bad input in the same words."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np


def positive_int(name: str, value: Any) -> int:
    """Return `value` as an int of at least 1.

    Raises
    ------
    TypeError
        If `value` is not an integer (a bool is not one either).
    ValueError
        If it is zero or negative.
    """
    if isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be an integer, got the bool {value!r}; pass 1 or more.")
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(
            f"{name} must be an integer, got {value!r} ({type(value).__name__}); "
            "round it yourself, so that the rounding is yours."
        ) from None
    if number < 1:
        raise ValueError(f"{name} must be at least 1, got {number}; pass a positive integer.")
    return number


def numeric_array(name: str, values: Any, *, min_ndim: int) -> np.ndarray[Any, np.dtype[Any]]:
    """Return `values` as an array of numbers with at least `min_ndim` dimensions.

    Raises
    ------
    ValueError
        If the rows differ in length (ragged) or dimensions are missing.
    TypeError
        If the entries are not numbers.
    """
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(
            f"{name} is ragged: its rows differ in length. Pad them to one length, or cut each "
            "row by itself."
        ) from error
    if array.dtype == object or array.dtype.kind not in "biufc":
        raise TypeError(
            f"{name} must hold numbers, got dtype {array.dtype}. Encode text and missing values "
            "as numbers first."
        )
    if array.ndim < min_ndim:
        raise ValueError(
            f"{name} must have at least {min_ndim} dimension(s), got shape {array.shape}. "
            "One sequence needs a leading axis of length 1: x[None]."
        )
    return array
