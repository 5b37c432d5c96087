"""What nobody should pass, and what somebody will: each value is made anew for each call."""

from __future__ import annotations

import datetime
import decimal
import fractions
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import scipy.sparse

NAN, INF = float("nan"), float("inf")


class Foreign(Exception):  # noqa: N818  # what an argument raises, and no function of ours
    """Raised by an argument that fails by itself."""


class Failing:
    """Fails wherever it is looked at."""

    def __array__(self, dtype=None, copy=None):
        raise Foreign("the array")

    def __index__(self):
        raise Foreign("the index")

    def __len__(self):
        raise Foreign("the length")

    def __iter__(self):
        raise Foreign("the items")

    def __float__(self):
        raise Foreign("the number")

    def __repr__(self):
        raise Foreign("the words")


def raising(*_, **__):
    """Fail when called."""
    raise Foreign("the call")


def nested():
    """Return a list that holds itself."""
    inside: list[Any] = []
    inside.append(inside)
    return inside


def reading_fails():
    """Yield one value and fail."""
    yield 0
    raise Foreign("the next item")


def read_only():
    """Return an array that cannot be written to."""
    array = np.arange(6.0).reshape(1, 6)
    array.flags.writeable = False
    return array


SCALARS = [
    None, True, False, 0, 1, -1, 2, 3.0, 2.5, -0.0, NAN, INF, -INF, -(2**31),
    2**63 - 1, 2**63, -(2**63), 10**30, 10**400, 1e308, 5e-324, 1 + 2j,
    fractions.Fraction(1, 3), decimal.Decimal("0.5"), decimal.Decimal("NaN"),
    "", "2", "refuse", "mean", b"2", ..., NotImplemented, int, datetime.date(2020, 1, 1),
    np.int8(2), np.uint64(2**63), np.float16(2), np.float32(NAN), np.bool_(True), np.str_("2"),
    np.datetime64("2020-01-01"), np.datetime64("NaT"), np.ma.masked, pd.NA, pd.NaT,
    pd.Timestamp("2020-01-01"), range(3), range(0), slice(3), frozenset({1}),
]  # fmt: skip

MADE = [
    list, dict, set, tuple, object, Failing, nested, reading_fails, read_only, bytearray,
    lambda: raising, lambda: (lambda *_: None), lambda: iter([1, 2]), lambda: (i for i in range(3)),
    lambda: [1, 2], lambda: [1.5, None], lambda: [[1], [2, 3]], lambda: [[[1, 2], [3, 4]]],
    lambda: ["a", 1], lambda: (1, 2), lambda: {"a": 1}, lambda: {"x": np.ones(3)},
    lambda: [NAN] * 3,
    lambda: [np.ones(2), np.ones(3)], lambda: [True, False], lambda: [2**70, 1], lambda: [object()],
    lambda: np.array(3), lambda: np.array([3]), lambda: np.array(2.5), lambda: np.array([]),
    lambda: np.empty((0, 4)), lambda: np.empty((3, 0)), lambda: np.empty((2, 0, 3)),
    lambda: np.ones(5), lambda: np.ones((3, 4)), lambda: np.ones((4, 2, 3)),
    lambda: np.ones((1, 2, 3, 4)), lambda: np.full((3, 4), NAN), lambda: np.array([1.0, INF, 2.0]),
    lambda: np.arange(12)[::-1].reshape(3, 4).T, lambda: np.broadcast_to(1.0, (3, 4)),
    lambda: np.arange(12, dtype=np.int8).reshape(3, 4),
    lambda: np.arange(3, dtype=np.uint64) + 2**63,
    lambda: np.ones((3, 4), bool), lambda: np.ones((3, 4), np.float16), lambda: np.ones(3, complex),
    lambda: np.ones(3, np.longdouble), lambda: np.ones(3, ">f4"), lambda: np.array(["a", "b"]),
    lambda: np.array([1, None, "a"], object), lambda: np.array([1.0, 2.0], object),
    lambda: np.array([[1], [2, 3]], object), lambda: np.zeros(3, "M8[s]"),
    lambda: np.zeros(3, "m8[s]"),
    lambda: np.zeros(3, [("a", int), ("b", float)]), lambda: np.array(b"abc"),
    lambda: np.zeros(3, "V4"),
    lambda: np.ma.masked_array(np.ones((3, 4)), np.eye(3, 4) > 0), lambda: np.ma.masked_all(3),
    lambda: np.ma.masked_array(np.arange(4)), lambda: np.matrix([[1, 2]]), lambda: np.ones(3).data,
    lambda: scipy.sparse.eye_array(3).tocsr(),
    lambda: pd.DataFrame({"a": [1.0, 2.0], "b": [True, False]}), lambda: pd.DataFrame(),
    lambda: pd.DataFrame({"a": pd.array([1, None], dtype="Int64"), "b": ["x", "y"]}),
    lambda: pd.Series([1, 2, 3], index=list("abc")), lambda: pd.date_range("2020", periods=3),
    lambda: pd.Series(pd.date_range("2020", periods=3)),
    lambda: pd.Series(list("aba"), dtype="category"),
    lambda: pd.array([1, None, 3], dtype="Int8"),
    lambda: pd.MultiIndex.from_tuples([(1, 2), (3, 4)]),
    lambda: pl.DataFrame({"a": [1, None], "b": [True, False]}), lambda: pl.Series([1.0, 2.0]),
    lambda: pl.DataFrame(), lambda: pl.Series([[1], [2, 3]]), lambda: pl.LazyFrame({"a": [1]}),
]  # fmt: skip


def hostile() -> list[Any]:
    """Return functions without arguments that each make one hostile value."""
    return [lambda value=value: value for value in SCALARS] + MADE


def _altered_array(array: np.ndarray) -> list[Any]:
    """Return functions that make a misshapen array of a sensible one."""

    def holding(value: float) -> Any:
        def make() -> np.ndarray:
            other = array.astype(np.result_type(array, np.float32))
            with np.errstate(over="ignore"):
                other[(-1,) * array.ndim] = value
            return other

        return make

    made = [
        lambda: array[None], lambda: array[..., None], lambda: array[:0], lambda: array[:1],
        lambda: array[..., :0], lambda: array.T.copy(), lambda: array.ravel(),
        lambda: array.tolist(),
        lambda: tuple(array), lambda: array[::-1], lambda: array.astype(object), lambda: array > 0,
        lambda: array.astype(np.float32), lambda: array.astype(np.float16),
        lambda: array.astype(int),
        lambda: array.astype(complex), lambda: array.astype(str),
        lambda: np.concatenate([array] * 2),
        lambda: np.asfortranarray(array), lambda: array * 1e200, lambda: -array,
        lambda: np.ma.masked_array(array, np.zeros(array.shape, bool)),
        lambda: np.ma.masked_array(array, array == array.flat[0]) if array.size else array,
        lambda: pd.DataFrame(array) if array.ndim == 2 else pd.Series(array.ravel()),
        lambda: pl.DataFrame(array) if array.ndim == 2 else pl.Series(array.ravel()),
    ]  # fmt: skip
    return made + [holding(value) for value in (NAN, INF, -INF, 1e300)] if array.size else made


def altered(value: Any) -> list[Any]:
    """Return functions that make something like a sensible value, but not quite it."""
    if isinstance(value, np.ndarray) and value.ndim:
        return _altered_array(value)
    if isinstance(value, bool | str) or value is None:
        return []
    if isinstance(value, int):
        beside = [value - 1, value + 1, -value, value * 2, float(value), str(value), [value]]
        return [lambda each=each: each for each in [*beside, np.int64(value), np.array(value)]]
    if isinstance(value, list | tuple):
        kind = type(value)
        rebuilt = getattr(kind, "_make", kind)
        made = [lambda: list(value), lambda: tuple(value), lambda: [], lambda: list(value) * 2]
        for change in [part for each in value[:1] for part in altered(each)]:
            made.append(lambda change=change: _first_changed(rebuilt, value, change))
        return made
    if isinstance(value, dict):
        made = [lambda: dict(list(value.items())[1:]), lambda: {**value, "more": 1}]
        for key in value:
            for change in altered(value[key]):
                made.append(lambda key=key, change=change: {**value, key: change()})
        return made
    return []


def _first_changed(rebuilt: Any, value: Any, change: Any) -> Any:
    parts = list(value)
    parts[0] = change()
    try:
        return rebuilt(parts)
    except TypeError:
        return parts
