"""Checks of arguments, so that every public function refuses bad input in the same words."""

from __future__ import annotations

import math
import operator
from fractions import Fraction
from numbers import Real
from typing import Any

import numpy as np

# More than any machine addresses: NumPy's own words for such sizes name no argument.
LONGEST = 2**47


def shown(value: Any) -> str:
    """Write a value for a message: what it is, and in full only where that is short."""
    kind = type(value).__name__
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and not isinstance(value, np.generic):
        return f"a {kind} of shape {tuple(shape)}"
    try:
        text = repr(value)
    except Exception:  # a message must not fail over the value that it is about
        text = "…"
    return f"{text if len(text) <= 60 else text[:57] + '…'} ({kind})"


def integer(name: str, value: Any) -> int:
    """Return `value` as an int.

    Raises
    ------
    TypeError
        If `value` is not an integer (a bool is not one either).
    """
    if isinstance(value, bool | np.bool_) or str(getattr(value, "dtype", "")).endswith("bool"):
        raise TypeError(f"{name} must be an integer, got the bool {value!r}; pass 1 or more.")
    try:
        return operator.index(value)
    except Exception as error:  # whatever the value's own __index__ raises
        if isinstance(value, Real):
            advice = "round it yourself, so that the rounding is yours"
        elif isinstance(value, str | bytes):
            advice = "convert it with int()"
        elif hasattr(value, "__len__") or hasattr(value, "__iter__"):
            advice = "pass a single number, and call once for each if there are several"
        else:
            advice = "pass a whole number"
        raise TypeError(f"{name} must be an integer, got {shown(value)}; {advice}.") from error


def positive_int(name: str, value: Any) -> int:
    """Return `value` as an int of at least 1.

    Raises
    ------
    TypeError
        If `value` is not an integer (a bool is not one either).
    ValueError
        If it is zero or negative.
    """
    number = integer(name, value)
    if number < 1:
        raise ValueError(f"{name} must be at least 1, got {number}; pass a positive integer.")
    return number


def length(name: str, value: Any) -> int:
    """Return `value` as an int of at least 1 that an axis of an array can have."""
    number = positive_int(name, value)
    if number > LONGEST:
        raise ValueError(
            f"{name} must be at most 2**47, got {number}: no machine holds an array of that length."
        )
    return number


def real(name: str, value: Any) -> float:
    """Return `value` as a float; infinity and NaN are floats, too.

    Raises
    ------
    TypeError
        If `value` is no real number (a bool is not one, nor an array of several).
    """
    single = np.ndim(value) == 0 if isinstance(value, np.ndarray) else True
    convertible = isinstance(value, Real) or (single and hasattr(value, "__array__"))
    if convertible and not isinstance(value, bool | np.bool_):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
        except Exception:  # noqa: S110  # said below, in the words of the others
            pass
    raise TypeError(f"{name} must be a number, got {shown(value)}; pass a float.")


def fraction(name: str, value: Any) -> Fraction:
    """Return a number between 0 and 1 as a fraction, exactly.

    Raises
    ------
    TypeError
        If `value` is no number.
    ValueError
        If it lies outside.
    """
    exact = isinstance(value, Fraction)
    number = value if exact else real(name, value)
    if not 0 <= number <= 1:
        raise ValueError(f"{name} is a share between 0 and 1, got {value}.")
    return Fraction(number)


def flag(name: str, value: Any) -> bool:
    """Return `value` if it is True or False.

    Raises
    ------
    TypeError
        If it is anything else.
    """
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {shown(value)}.")
    return bool(value)


def instance(name: str, value: Any, kind: type, advice: str) -> None:
    """Refuse what is not of a class of ours.

    Raises
    ------
    TypeError
        If it is not; the message ends with `advice`.
    """
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be a {kind.__name__}, got {shown(value)}; {advice}.")
