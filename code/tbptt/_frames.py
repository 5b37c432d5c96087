"""Frames and series of pandas and polars: their columns as one array, their index left out.

They are known by the names of their packages, so that neither is imported.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tbptt._foreign import comes_from


class Table(NamedTuple):
    """What was read: numbers, where there are none, and the names of the columns."""

    values: NDArray[Any]
    absent: NDArray[np.bool_] | None
    columns: list[str] | None


def is_frame(values: Any) -> bool:
    """Say whether this is a frame or a series, or an array of pandas's own."""
    known = comes_from(values, "pandas") or comes_from(values, "polars")
    return known and hasattr(values, "to_numpy") and hasattr(values, "shape")


def read_frame(name: str, values: Any) -> Table:
    """Return the columns of a frame, or a series, as numbers.

    Raises
    ------
    TypeError
        If a column does not hold numbers: the message names it, and the call that helps.
    """
    polars = comes_from(values, "polars")
    read = _polars_column if polars else _pandas_column
    if np.ndim(values) != 2:
        label = getattr(values, "name", None)
        what = name if label in (None, "") else f"{name}, the column {label!r},"
        column, absent = read(what, name, values)
        return Table(column, absent, None)
    labels = [str(label) for label in values.columns]
    if not labels:
        return Table(np.empty(values.shape), None, labels)
    dtypes = list(values.dtypes)
    plain = isinstance(dtypes[0], np.dtype) and dtypes[0].kind in "biufc"
    if plain and all(dtype == dtypes[0] for dtype in dtypes):
        return Table(values.to_numpy(), None, labels)  # no copy where the frame is one block
    columns, masks = [], []
    for place, label in enumerate(labels):
        one = values.to_series(place) if polars else values.iloc[:, place]
        call = f"{name}[{label!r}]"
        column, absent = read(f"The column {label!r} of {name}", call, one)
        columns.append(column)
        masks.append(np.zeros(len(column), bool) if absent is None else absent)
    mask = np.stack(masks, axis=1)
    return Table(np.stack(columns, axis=1), mask if mask.any() else None, labels)


Column = tuple[NDArray[Any], NDArray[np.bool_] | None]


def _pandas_column(what: str, call: str, column: Any) -> Column:
    dtype = column.dtype
    kind = getattr(dtype, "kind", "O")
    if str(dtype) == "category":
        raise TypeError(
            f"{what} holds categories; pass their codes, {call}.cat.codes, or a column for each."
        )
    if kind in "Mm":
        since = f"({call} - {call}.min())" if kind == "M" else call
        accessor = ".dt" if hasattr(column, "dt") else ""
        raise TypeError(_dates(what, dtype, f"{since}{accessor}.total_seconds()"))
    if kind not in "biufc":
        raise TypeError(_no_numbers(what, dtype, f"{call}.to_numpy('float32')"))
    if isinstance(dtype, np.dtype):
        return column.to_numpy(), None
    absent = np.asarray(column.isna(), dtype=bool)
    inner: Any = getattr(dtype, "numpy_dtype", None) or getattr(dtype, "subtype", None) or kind
    if not absent.any():
        return column.to_numpy(dtype=inner), None
    return column.to_numpy(dtype=inner, na_value=False if kind == "b" else 0), absent


def _polars_column(what: str, call: str, column: Any) -> Column:
    dtype = column.dtype
    if dtype.is_temporal():
        raise TypeError(_dates(what, dtype, f"({call} - {call}.min()).dt.total_seconds()"))
    if str(dtype).startswith(("Categorical", "Enum")):
        raise TypeError(
            f"{what} holds categories; pass their codes, {call}.to_physical(), or a column for "
            "each."
        )
    if not (dtype.is_integer() or dtype.is_float() or str(dtype) == "Boolean"):
        raise TypeError(_no_numbers(what, dtype, f"{call}.cast(polars.Float32)"))
    if not column.null_count():
        return column.to_numpy(), None
    filler = False if str(dtype) == "Boolean" else 0
    return column.fill_null(filler).to_numpy(), column.is_null().to_numpy()


def _dates(what: str, dtype: Any, call: str) -> str:
    return f"{what} holds dates or spans ({dtype}); leave it out, or pass seconds, {call}."


def _no_numbers(what: str, dtype: Any, call: str) -> str:
    return (
        f"{what} must hold numbers, got dtype {dtype}. Encode text first; if it holds numbers, "
        f"pass {call}."
    )
