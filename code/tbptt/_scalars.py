"""Numbers, strings and flags that callers pass: what they are, or an error in words."""

from __future__ import annotations

import math
import operator
from decimal import Decimal
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
        return f"{'an' if kind[0] in 'aeioun' else 'a'} {kind} of shape {tuple(shape)}"
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


def natural(name: str, value: Any) -> int:
    """Return `value` as an int of at least 0, with the errors of :func:`positive_int`."""
    number = integer(name, value)
    if number < 0:
        raise ValueError(f"{name} must be at least 0, got {number}; pass 0 or a positive integer.")
    return number


def length(name: str, value: Any) -> int:
    """Return `value` as an int of at least 1 that an axis of an array can have."""
    number = positive_int(name, value)
    if number > LONGEST:
        raise ValueError(
            f"{name} must be at most 2**47, got {number}: no machine holds an array of that length."
        )
    return number


def lengths(**sizes: Any) -> tuple[int, ...]:
    """Return sizes of at least 1 whose product some machine can hold, with errors as above.

    Each is passed under its name: ``rows, columns = lengths(rows=2, columns=3)``.
    """
    numbers = tuple(positive_int(name, size) for name, size in sizes.items())
    if math.prod(numbers) > LONGEST:
        raise ValueError(
            f"{' * '.join(sizes)} must be at most 2**47, got {' * '.join(map(str, numbers))}: no "
            "machine holds so many numbers."
        )
    return numbers


def row_count(name: str, value: Any, width: int) -> int:
    """Return a number of rows of at least 0, which some machine can hold at that width.

    The errors are those of :func:`natural` and :func:`lengths`.
    """
    number = natural(name, value)
    return lengths(**{name: number}, width=width)[0] if number else 0


def finite(name: str, value: Any) -> float:
    """Return `value` as a float, which is neither NaN nor infinite.

    Raises
    ------
    TypeError
        If `value` is no real number (a bool is not one, nor an array of several).
    ValueError
        If it is NaN or infinite.
    """
    number = real(name, value)
    if not math.isfinite(number):
        raise ValueError(f"{name} must be a finite number, got {number}; pass one that is.")
    return number


def real(name: str, value: Any) -> float:
    """Return `value` as a float; infinity and NaN are floats, too.

    Raises
    ------
    TypeError
        If `value` is no real number (a bool is not one, nor an array of several).
    """
    if type(value) is float:  # the usual case, and quick: a drawing has thousands of them
        return value
    single = isinstance(value, Real) or (hasattr(value, "__array__") and not np.ndim(value))
    if single and not isinstance(value, bool | np.bool_ | np.str_ | np.bytes_ | np.complexfloating):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
        except Exception as error:  # whatever the value's own __float__ raises
            raise TypeError(
                f"{name} must be a number, got {shown(value)}; pass a float."
            ) from error
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
    exact = isinstance(value, Fraction) or (isinstance(value, Decimal) and value.is_finite())
    number = Fraction(value) if exact else real(name, value)
    if not 0 <= number <= 1:
        raise ValueError(f"{name} is a share between 0 and 1, got {shown(value)}.")
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


def choice(name: str, value: Any) -> bool | None:
    """Return `value` if it is True, False, or None for one to be chosen.

    Raises
    ------
    TypeError
        If it is anything else.
    """
    if value is not None and not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True, False or None, got {shown(value)}.")
    return None if value is None else bool(value)


def text(name: str, value: Any) -> str:
    """Return `value` if it is a string.

    Raises
    ------
    TypeError
        If it is anything else.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, got {shown(value)}; pass str() of it.")
    return value


def instance(name: str, value: Any, kind: type, advice: str) -> None:
    """Refuse what is not of a class of ours.

    Raises
    ------
    TypeError
        If it is not; the message ends with `advice`.
    """
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be a {kind.__name__}, got {shown(value)}; {advice}.")
