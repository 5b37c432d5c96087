"""Checks of arguments, so that every public function refuses bad input in the same words."""

from tbptt._arrays import (
    Missing,
    check_missing,
    index_array,
    numeric_array,
    real_array,
    shares_memory,
)
from tbptt._scalars import (
    choice,
    finite,
    flag,
    fraction,
    instance,
    integer,
    length,
    lengths,
    natural,
    positive_int,
    real,
    row_count,
    shown,
    text,
)

__all__ = [
    "Missing",
    "check_missing",
    "choice",
    "finite",
    "flag",
    "fraction",
    "index_array",
    "instance",
    "integer",
    "length",
    "lengths",
    "natural",
    "numeric_array",
    "positive_int",
    "real",
    "real_array",
    "row_count",
    "shares_memory",
    "shown",
    "text",
]
