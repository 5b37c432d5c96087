"""Does row `i` of a batch go on where row `i` of the last one ended? Asked of a pipeline itself.

Send the *times* through your pipeline in place of the values: what comes out says where each row
goes on, whatever lies between, such as a shuffle, a stride or a last short batch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbptt._checks import numeric_array
from tbptt._scalars import shown
from tbptt._wording import report
from tbptt.windows import _causes as causes
from tbptt.windows._causes import CONTINUES, JUMPS, NOWHERE, OVERLAPS, REPEATS, SKIPS, Ends

_WORDS = ("continues", "overlaps", "repeats", "skips", "jumps", "has no row")


@dataclass(frozen=True)
class Continuity:
    """What :func:`continuity` saw at the borders between batches.

    Attributes
    ----------
    continues : ndarray of bool, shape (n_batches - 1, rows)
        Whether row `i` of the next batch goes on where row `i` of this one ended.
    kinds : ndarray of str, shape (n_batches - 1, rows)
        ``"continues"``; ``"overlaps"``, with steps that the row has just read; ``"repeats"``, the
        same window again; ``"skips"`` ahead; ``"jumps"`` back; ``"has no row"``, where one of the
        two batches is too short.
    shifts : ndarray of int, shape (n_batches - 1, rows)
        Steps from the last step of the one window to the first of the next: 1 where it continues.
    resets : ndarray of bool, shape (n_batches, rows)
        Rows whose state must begin again before a batch, the first included.
    new_states : int
        How many states that is: a row that a batch has not is left out.
    findings : tuple of str
        What is unusual, and what would mend it.

    Examples
    --------
    >>> import numpy as np
    >>> from tbptt.windows import continuity
    >>> times = np.arange(24).reshape(2, 3, 4)  # two lanes of three windows
    >>> found = continuity(times.transpose(1, 0, 2))
    >>> found.continues.all(), found.findings
    (np.True_, ())
    >>> found.resets.astype(int), found.kinds[0], found.shifts[0]
    (array([[1, 1],
           [0, 0],
           [0, 0]]), array(['continues', 'continues'], dtype='<U10'), array([1, 1]))
    """

    continues: NDArray[np.bool_]
    kinds: NDArray[np.str_]
    shifts: NDArray[np.int64]
    resets: NDArray[np.bool_]
    new_states: int
    findings: tuple[str, ...]

    def __str__(self) -> str:
        """Say it in a few lines."""
        borders, rows = self.continues.shape
        counts = Counter(self.kinds.ravel().tolist())
        kinds = ", ".join(f"{counts[word]} {word}" for word in _WORDS if counts[word])
        lines = [
            f"{borders + 1} batches of {rows} rows; at the borders: {kinds or 'none'}.",
            f"{self.new_states} states are new, those of the first batch included (resets).",
        ]
        return report(lines, self.findings)


def continuity(batches: Iterable[Any], *, time_major: bool = False) -> Continuity:
    """Say of every border between batches, and of every row, whether it goes on.

    Parameters
    ----------
    batches : iterable
        Batches of windows whose values are time indices, ``(rows, steps)`` or ``(rows, steps, 1)``:
        arrays, tensors, a ``DataLoader``, a ``tf.data.Dataset``. Of a pair (inputs, targets) the
        first is looked at. Give each series indices of its own (``1_000_000 * series + step``).
        Only the ends of two batches are kept.
    time_major : bool
        Whether the batches are ``(steps, rows)``.

    Returns
    -------
    Continuity
        The borders, the resets that are needed, and findings.

    Raises
    ------
    TypeError
        If a batch does not hold whole numbers or times, or is a dict of several entries.
    ValueError
        If there is no batch, a shape does not fit, times inside a window do not rise evenly, or two
        rows of a batch are the same window.

    Examples
    --------
    >>> import numpy as np
    >>> from tbptt.windows import continuity
    >>> windows = np.arange(40).reshape(10, 4)  # one series, cut end to end
    >>> print(continuity(windows[i : i + 4] for i in range(0, 10, 4)))
    3 batches of 4 rows; at the borders: 6 skips, 2 has no row.
    10 states are new, those of the first batch included (resets).
    ! No row goes on: row i + 1 of a batch continues row i of the same batch. Deal the windows in
    lanes (tbptt.windows.stateful_batches or in_lanes), or reset the state before every batch.
    ! The last batch has 2 rows instead of 4: a carried state does not fit. Drop it
    (drop_remainder=True, drop_last=True), or deal lanes of equal length.
    """
    if not isinstance(time_major, bool):
        raise TypeError(f"time_major must be True or False, got {shown(time_major)}.")
    if isinstance(batches, str | bytes | Mapping) or not isinstance(batches, Iterable):
        raise TypeError(
            f"batches must be an iterable of arrays (rows, steps) of times, got {shown(batches)}."
        )
    ends: list[Ends] = []
    if getattr(batches, "ndim", 1) == 0:
        raise TypeError(f"batches must be an iterable of arrays, got the number {batches}.")
    for number, batch in enumerate(batches):
        ends.append(Ends.of(_times(number, batch, time_major), number))
    if not ends:
        raise ValueError("batches is empty: send the times through the pipeline that you train on.")
    rows = max(len(batch.first) for batch in ends)
    pairs = list(pairwise(ends))
    shape = len(pairs), rows
    kinds, shifts = np.full(shape, NOWHERE), np.zeros(shape, dtype=np.int64)
    for border, (now, then) in enumerate(pairs):
        common = min(len(now.first), len(then.first))
        kinds[border, :common], shifts[border, :common] = _kinds(now, then, common)
    continues = kinds == CONTINUES
    resets = np.concatenate([np.ones((1, rows), dtype=bool), ~continues])
    present = np.array([len(batch.first) for batch in ends])[:, None] > np.arange(rows)
    words = np.array(_WORDS)[kinds] if len(pairs) else np.empty(shape, dtype="<U10")
    found = tuple(causes.findings(ends, kinds, shifts))
    return Continuity(continues, words, shifts, resets, int((resets & present).sum()), found)


def _times(number: int, batch: Any, time_major: bool) -> NDArray[np.int64]:
    if isinstance(batch, Mapping):
        if len(batch) != 1:
            raise TypeError(
                f"batches[{number}] is a dict of {', '.join(map(str, batch))}: yield the entry "
                "that holds the times."
            )
        (batch,) = batch.values()
    if isinstance(batch, tuple | list) and len(batch) and getattr(batch[0], "ndim", 0) >= 2:
        batch = batch[0]
    kind = getattr(getattr(batch, "dtype", None), "kind", "")
    array = batch.astype(np.int64) if kind in ("m", "M") else batch
    array = numeric_array(f"batches[{number}]", array, min_ndim=0)
    if array.ndim < 2:
        what = (
            f"the number {array}: batches holds values" if array.ndim == 0 else
            f"one row, of shape {array.shape}: batches holds windows"
        )  # fmt: skip
        raise ValueError(
            f"batches[{number}] is {what}, and not batches of them. Pass what the loop reads, such "
            "as the DataLoader, made from numpy.arange(len(series)) in place of the series: each "
            "batch (rows, steps). A single row is batch[None]."
        )
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(
            f"batches[{number}] must be (rows, steps) of times, got shape {array.shape}. Send one "
            "column through the pipeline, the time, in place of all features."
        )
    whole = np.where(np.abs(array) < 2**62, array, 0.5).astype(np.int64)
    if (whole != array).any():
        raise TypeError(
            f"batches[{number}] holds {array[whole != array][0]}: times must be whole numbers. "
            "Count steps with numpy.arange(len(series)), and leave scaling out of the pipeline."
        )
    return whole.T if time_major else whole


def _kinds(now: Ends, then: Ends, common: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    first, last = now.first[:common], now.last[:common]
    begins = then.first[:common]
    shifts = np.floor_divide(begins - last, now.every)
    kinds = np.select(
        [begins == last + now.every, begins == first, (begins > first) & (begins <= last),
         begins > last],
        [CONTINUES, REPEATS, OVERLAPS, SKIPS], JUMPS,
    )  # fmt: skip
    return kinds, shifts
