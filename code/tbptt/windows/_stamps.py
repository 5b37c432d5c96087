"""Times and groups as people have them: an index or a column of pandas or polars, an array.

They are known by what they have, so that neither package is imported.
"""

from __future__ import annotations

import datetime
from collections.abc import Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbptt._checks import numeric_array, positive_int, shown
from tbptt._foreign import comes_from, why_not
from tbptt._frames import is_frame

# Differences of larger ones would not fit.
_LARGEST = 2**62


def read_times(times: Any) -> NDArray[Any]:
    """Return times as a row of datetime64, timedelta64 or int64.

    Raises
    ------
    TypeError
        If they are text, floats, objects, or a whole frame.
    ValueError
        If they have a time zone, are missing somewhere, are not in a row, or there are none.
    """
    _refuse_frames("times", times)
    zone = _zone(times)
    if zone is not None:
        utc, clock = _without_zone(times)
        raise ValueError(
            f"times have the time zone {zone}, by which a day may have 23 or 25 hours. Pass UTC, "
            f"{utc}, or what the clock says, {clock}."
        )
    array = times.to_numpy() if is_frame(times) else times
    kind = getattr(getattr(array, "dtype", None), "kind", "")
    if kind in ("M", "m"):
        _one_row("times", array)
        missing = np.flatnonzero(np.isnat(np.asarray(array)) | np.ma.getmaskarray(array))
        if missing.size:
            raise ValueError(
                f"times[{missing[0]}] is NaT, and so are {missing.size} of {len(array)}: leave "
                "such rows out, or fill in when they were."
            )
        stamps: NDArray[Any] = np.asarray(array)
        return stamps
    if kind in ("O", "U", "S", "T") or _holds_no_numbers(array):
        raise TypeError(
            f"times must be datetimes or whole numbers, got {_first(array)}. Convert them first: "
            "pandas.to_datetime(times), numpy.array(times, 'datetime64[s]'), or .to_timestamp() "
            "of periods."
        )
    array = numeric_array("times", array, min_ndim=1)
    _one_row("times", array)
    if array.dtype.kind not in "iu":
        raise TypeError(
            f"times must be datetimes or whole numbers, got {array.dtype}. Count steps, or round "
            "to a unit that is fine enough: numpy.rint(1000 * times).astype(int)."
        )
    if not -_LARGEST < int(array.min()) <= int(array.max()) < _LARGEST:
        raise ValueError("times must lie within 2**62 of 0: subtract the first one.")
    return array.astype(np.int64)


def read_groups(groups: Any, rows: int) -> NDArray[Any]:
    """Return the label of each row.

    Raises
    ------
    TypeError
        If they are no row of labels.
    ValueError
        If there is not one a row, or one is missing.
    """
    _refuse_frames("groups", groups)
    if groups is None or isinstance(groups, str | bytes):
        raise TypeError(f"groups must hold a label for each row, got {shown(groups)}.")
    reason = why_not("groups", groups)
    if reason is not None:
        raise TypeError(reason)
    if isinstance(groups, list | tuple):
        for label in groups:
            if isinstance(label, list | tuple | dict | np.ndarray):
                raise TypeError(_no_label(label))
    labels = np.asarray(groups.to_numpy() if is_frame(groups) else groups)
    if labels.shape != (rows,):
        raise ValueError(
            f"groups must hold one label a row, {rows}, got shape {labels.shape}: pass the column "
            "of the same frame."
        )
    absent = np.flatnonzero(_absent(labels))
    if absent.size:
        raise ValueError(
            f"groups[{absent[0]}] is missing, and so are {absent.size} of {rows}: leave such rows "
            "out, or give them a label."
        )
    return labels


def read_every(every: Any, times: NDArray[Any]) -> int:
    """Return the time from row to row in the units of `times`.

    Raises
    ------
    TypeError
        If it is no time span, where times are datetimes, or no integer, where they are numbers.
    ValueError
        If it is not positive, or finer than the units of `times`.
    """
    if times.dtype.kind not in "mM":
        return positive_int("every", every)
    if not isinstance(every, np.timedelta64 | datetime.timedelta):
        raise TypeError(
            f"every must be a time span, got {shown(every)}: pass numpy.timedelta64(1, 'h') or "
            "datetime.timedelta(hours=1)."
        )
    spans, unit = _spans(times), np.datetime_data(times.dtype)[0]
    asked = np.asarray(every, dtype=None if isinstance(every, np.timedelta64) else "m8[us]")
    try:
        number = int(asked.astype(spans).astype(np.int64))
        exact = bool(asked.astype(spans) == asked)
    except TypeError as error:
        raise TypeError(
            f"every is {shown(every)}, which has no fixed length in {unit}: for months, pass times "
            "as datetime64[M]."
        ) from error
    if number < 1 or not exact:
        raise ValueError(
            f"every must be a positive whole number of the units of times, {unit}; got "
            f"{shown(every)}."
        )
    return number


def span_of(number: int, times: NDArray[Any]) -> Any:
    """Return a number of units of `times` as what lies between two of them."""
    return np.array(number).astype(_spans(times))[()] if times.dtype.kind in "mM" else number


def span_text(span: Any) -> str:
    """Write a span for a message: 1:00:00, 3 months, 7."""
    if not isinstance(span, np.timedelta64) or np.datetime_data(span.dtype)[0] in ("Y", "M"):
        return str(span)
    short = span.astype("timedelta64[us]")
    return str(short.item()) if short == span else str(span)


def _spans(times: NDArray[Any]) -> np.dtype[Any]:
    unit, count = np.datetime_data(times.dtype)
    return np.dtype(f"timedelta64[{count}{unit}]")


def _absent(labels: NDArray[Any]) -> NDArray[np.bool_]:
    kind = labels.dtype.kind
    absent: NDArray[np.bool_] = np.zeros(labels.shape, dtype=bool)
    if kind in "mM":
        absent = np.isnat(labels)
    elif kind in "fc":
        absent = np.isnan(labels)
    if kind != "O":
        return absent
    return np.fromiter((_is_no_label(label) for label in labels), bool, len(labels))


def _no_label(label: Any) -> str:
    return f"groups must hold labels, text or numbers, got {shown(label)} among them."


def _is_no_label(label: Any) -> bool:
    if not isinstance(label, Hashable):
        raise TypeError(_no_label(label))
    nothing = label is None or type(label).__name__ in ("NAType", "NaTType")
    return nothing or bool(label != label)


def _refuse_frames(name: str, values: Any) -> None:
    if len(getattr(values, "shape", ())) == 2 and hasattr(values, "columns"):
        cure = (
            "times.index, or its column of times" if name == "times" else
            "frame['sensor'], or frame.groupby([...]).ngroup() for several"
        )  # fmt: skip
        raise TypeError(f"{name} is a whole {type(values).__name__}: pass one column, {cure}.")
    if getattr(values, "nlevels", 1) > 1:
        raise TypeError(
            f"{name} is an index of {values.nlevels} levels: pass one of them, "
            "index.get_level_values(...), and another as groups."
        )


def _zone(times: Any) -> Any:
    dtype = getattr(times, "dtype", None)
    inner = getattr(dtype, "pyarrow_dtype", dtype)
    for name in ("tz", "time_zone"):
        zone = getattr(inner, name, None)
        if zone is not None:
            return zone
    return None


def _without_zone(times: Any) -> tuple[str, str]:
    if comes_from(times, "polars"):
        bare = "dt.replace_time_zone(None)"
        return f"times.dt.convert_time_zone('UTC').{bare}", f"times.{bare}"
    dt = "dt." if hasattr(times, "dt") else ""
    bare = f"{dt}tz_localize(None)"
    return f"times.{dt}tz_convert('UTC').{bare}", f"times.{bare}"


def _one_row(name: str, array: NDArray[Any]) -> None:
    if array.ndim != 1 or not array.size:
        raise ValueError(
            f"{name} must hold one time a row, in one row of at least 1, got shape {array.shape}."
        )


def _holds_no_numbers(values: Any) -> bool:
    stamps = datetime.date | datetime.timedelta | np.datetime64 | np.timedelta64 | str
    return isinstance(values, list | tuple) and any(isinstance(each, stamps) for each in values)


def _first(values: Any) -> str:
    if not np.size(values):
        return "nothing"
    first = values[0] if np.ndim(values) else values
    return f"{shown(first)} first" if np.ndim(values) else shown(values)
