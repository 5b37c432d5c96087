"""Batches of windows, read when they are asked for, with a flag where a row begins again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tbptt._checks import Missing, check_missing, instance, integer, numeric_array
from tbptt.windows._mapped import packed, unpacked
from tbptt.windows.placing import PlacedWindows


class WindowBatch(NamedTuple):
    """A batch of a :class:`WindowDataset`.

    Attributes
    ----------
    inputs : ndarray, shape (rows, window_length, ...)
        What the windows read.
    targets : ndarray, shape (rows, window_length, ...)
        What each step is asked for, `ahead` rows later; ``[:, -1]`` where a window has one target.
    begins : ndarray of bool, shape (rows,)
        True where a row begins again: reset its state before the batch.
    mask : ndarray of bool, shape (rows,)
        False where a row has nothing left: leave its loss out.

    Examples
    --------
    >>> import numpy as np
    >>> from tbptt.windows import WindowBatch
    >>> flags = np.ones(2, dtype=bool)
    >>> WindowBatch(np.zeros((2, 3)), np.zeros((2, 3)), begins=flags, mask=flags).inputs.shape
    (2, 3)
    """

    inputs: NDArray[Any]
    targets: NDArray[Any]
    begins: NDArray[np.bool_]
    mask: NDArray[np.bool_]


class WindowDataset:
    """A dataset whose items are batches, made when they are asked for.

    It has a length and items by number, and so goes where a dataset of PyTorch goes,
    ``DataLoader(dataset, batch_size=None)``, or through
    ``tf.data.Dataset.from_generator(lambda: map(tuple, dataset), ...)``. Nothing but a batch is
    held: `values` may be a ``numpy.memmap`` larger than memory, whose file worker processes open
    by its name. What is no array is made one first, whole, such as a data set of HDF5.

    Parameters
    ----------
    values : array_like of numbers, shape (rows, ...)
        The table that was cut: an array, or a frame without its columns of times and labels.
    windows : PlacedWindows
        From :func:`place_windows`.
    batches : RaggedBatches, (indices, resets), or array_like of int (n_batches, rows)
        Which windows are together: of :func:`ragged_batches`; of :func:`stateful_batches`; or any
        table of numbers, shuffled ones included, in which every window begins again.
    targets : array_like, shape (rows, ...), optional
        By default `values` themselves, `ahead` rows later.
    missing : {"refuse", "keep"}
        As for :func:`prepare_sequences`, for both arrays.

    Raises
    ------
    TypeError
        If `values` or `targets` hold no numbers, or the others are of another kind.
    ValueError
        If there is not one value a row, the targets would be the inputs, values are missing, a
        window does not exist, or a row goes on where its windows do not.

    Examples
    --------
    >>> from tbptt.windows import WindowDataset, place_windows, ragged_batches, segments
    >>> runs = segments([0, 1, 2, 3, 4, 0, 1, 2], groups=list("aaaaabbb"))
    >>> windows = place_windows(runs, window_length=2, increment=2, ahead=1)
    >>> dataset = WindowDataset(range(8), windows, ragged_batches(windows.counts, batch_size=2))
    >>> for inputs, targets, begins, mask in dataset:
    ...     print(inputs.tolist(), targets.tolist(), begins.tolist(), mask.tolist())
    [[0, 1], [5, 6]] [[1, 2], [6, 7]] [True, True] [True, True]
    [[2, 3], [5, 6]] [[3, 4], [6, 7]] [False, False] [True, False]
    """

    def __init__(
        self,
        values: ArrayLike,
        windows: PlacedWindows,
        batches: Any,
        *,
        targets: ArrayLike | None = None,
        missing: Missing = "refuse",
    ) -> None:
        instance("windows", windows, PlacedWindows, "pass what place_windows() returns")
        missing = check_missing(missing)
        self._values = _table("values", values, windows, missing)
        if targets is None and not windows.ahead:
            raise ValueError(
                "The targets would be the inputs: place the windows with ahead=1 or more, or pass "
                "targets."
            )
        self._targets = (
            self._values if targets is None else _table("targets", targets, windows, missing)
        )
        self._windows = windows
        self._indices, self._begins, self._mask = _batches(batches, len(windows))
        self._check_going_on()

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        return state | {"_values": packed(self._values), "_targets": packed(self._targets)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        tables = {name: unpacked(state[name]) for name in ("_values", "_targets")}
        self.__dict__.update(state | tables)

    def __len__(self) -> int:
        return len(self._indices)

    def __iter__(self) -> Iterator[WindowBatch]:
        return (self[number] for number in range(len(self)))

    def __getitem__(self, number: int) -> WindowBatch:
        number = integer("number", number)
        if not -len(self) <= number < len(self):
            raise IndexError(f"batch {number} of {len(self)}: count from 0.")
        chosen = self._indices[number]
        return WindowBatch(
            self._values[self._windows.rows(chosen)],
            self._targets[self._windows.target_rows(chosen)],
            self._begins[number].copy(),
            self._mask[number].copy(),
        )

    def _check_going_on(self) -> None:
        """Refuse batches that carry a state where the windows do not go on."""
        goes_on = ~self._begins & self._mask
        if not goes_on.any():
            return
        where = self._windows
        if not where.end_to_end:
            raise ValueError(
                f"Rows go on from batch to batch, but windows begin every {where.increment} rows "
                f"and cover {where.window_length * where.sampling_rate}: a carried state would "
                "read rows twice, or miss some. Place them with increment = window_length * "
                "sampling_rate, or pass a plain table of numbers to begin again with each."
            )
        firsts = np.zeros(len(where), dtype=bool)
        firsts[(np.cumsum(where.counts) - where.counts)[where.counts > 0]] = True
        before = np.vstack([np.full((1, self._indices.shape[1]), -2), self._indices[:-1]])
        wrong = goes_on & ((self._indices != before + 1) | firsts[self._indices])
        for batch, row in np.argwhere(wrong)[:1].tolist():
            after = f" after window {before[batch, row]}" if batch else " with nothing before it"
            raise ValueError(
                f"Row {row} of batch {batch} has window {self._indices[batch, row]}{after}, and is "
                "not reset: order these windows by ragged_batches(windows.counts, ...)."
            )


def _table(name: str, values: Any, windows: PlacedWindows, missing: Missing) -> NDArray[Any]:
    table = numeric_array(name, values, min_ndim=1, missing=missing)
    rows = len(windows.segments.times)
    if len(table) != rows:
        raise ValueError(f"{name} has {len(table)} rows, but the times that were cut have {rows}.")
    return np.asarray(table)


def _batches(
    batches: Any, n_windows: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return indices, and where rows begin and have something, each (n_batches, rows)."""
    parts = batches if isinstance(batches, tuple) else (batches,)
    if not 1 <= len(parts) <= 3:
        raise TypeError(f"batches must be (indices, resets, mask), got a tuple of {len(parts)}.")
    indices = numeric_array("batches", parts[0], min_ndim=2)
    if indices.ndim != 2 or not indices.size or indices.dtype.kind not in "iu":
        raise TypeError(
            f"batches must hold numbers of windows (n_batches, rows), got shape {indices.shape} "
            f"of {indices.dtype}."
        )
    if not 0 <= int(indices.min()) <= int(indices.max()) < n_windows:
        raise ValueError(
            f"batches must name windows from 0 to {n_windows - 1}, got {indices.min()} to "
            f"{indices.max()}."
        )
    flags = [np.ones(indices.shape, dtype=bool) for _ in range(2)]
    for place, part in enumerate(parts[1:]):
        name = ("resets", "mask")[place]
        given = numeric_array(name, part, min_ndim=1)
        if given.dtype != bool or given.shape not in (indices.shape, indices.shape[:1]):
            raise TypeError(
                f"{name} must be bools of shape {indices.shape} or {indices.shape[:1]}, got "
                f"{given.dtype} of shape {given.shape}."
            )
        flags[place] = np.array(np.broadcast_to(given.T, indices.shape[::-1]).T)
    return indices.astype(np.int64), flags[0], flags[1]
