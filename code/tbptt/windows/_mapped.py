"""A table that lies in a file goes to another process by the file's name, not by its numbers."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Mapped(NamedTuple):
    """Where a table lies in a file.

    Attributes
    ----------
    path : str
        Of the file.
    offset : int
        Bytes before the table.
    dtype, shape
        Of the table.
    """

    path: str
    offset: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]


def packed(table: NDArray[Any]) -> NDArray[Any] | Mapped:
    """Return what to send in place of a table: the table itself, unless it lies in a file."""
    whole = _mapped(table)
    if whole is None or not table.flags.c_contiguous:
        return table
    offset = whole.offset + _address(table) - _address(whole)
    return Mapped(str(whole.filename), offset, table.dtype, table.shape)


def unpacked(sent: NDArray[Any] | Mapped) -> NDArray[Any]:
    """Return the table."""
    if not isinstance(sent, Mapped):
        return sent
    path, offset, dtype, shape = sent
    return np.asarray(np.memmap(path, dtype, mode="r", offset=offset, shape=shape))


def _mapped(table: NDArray[Any]) -> np.memmap[Any, Any] | None:
    """Return the array that was mapped, of which a table is a view, if there is one."""
    found: np.memmap[Any, Any] | None = None
    part: Any = table
    while isinstance(part, np.ndarray):
        if isinstance(part, np.memmap) and part.filename is not None:
            found = part
        part = part.base
    return found


def _address(array: NDArray[Any]) -> int:
    return int(array.__array_interface__["data"][0])
