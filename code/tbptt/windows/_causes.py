"""Why a pipeline does not go on, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

CONTINUES, OVERLAPS, REPEATS, SKIPS, JUMPS, NOWHERE = range(6)


@dataclass(frozen=True)
class Ends:
    """First and last time of each window of a batch, and the time from step to step."""

    first: NDArray[np.int64]
    last: NDArray[np.int64]
    every: int
    steps: int

    @classmethod
    def of(cls, times: NDArray[np.int64], number: int) -> Ends:
        moves = np.diff(times, axis=1)
        every = int(moves[0, 0]) if moves.size else 1
        if (moves != every).any() or every <= 0:
            row, step = (int(i[0]) for i in np.nonzero((moves != every) | (moves <= 0)))
            a, b = times[row, step : step + 2].tolist()
            raise ValueError(
                f"Times inside a window must rise evenly: row {row} of batches[{number}] goes from "
                f"{a} to {b} at step {step}, where others move by {every}. A window across a gap "
                "is no window: cut at the gap first."
            )
        first = times[:, 0]
        known, counts = np.unique(first, return_counts=True)
        if (counts > 1).any():
            same = np.flatnonzero(first == known[counts > 1][0])[:2].tolist()
            raise ValueError(
                f"Rows {same[0]} and {same[1]} of batches[{number}] are the same window, which "
                f"begins at {known[counts > 1][0]}. Give each series times of its own, such as "
                "1_000_000 * series + step."
            )
        return cls(first, times[:, -1], every, times.shape[1])


def findings(
    ends: list[Ends], kinds: NDArray[np.int64], shifts: NDArray[np.int64]
) -> Iterator[str]:
    """Yield a sentence for whatever is unusual at the borders, with what would mend it."""
    seen = kinds[kinds != NOWHERE]
    broken = seen[seen != CONTINUES]
    whole = [bool((row[row != NOWHERE] != CONTINUES).all()) for row in kinds]
    # Where all rows begin again at once, and go on elsewhere, the next sequences begin.
    stray = sum(
        int((row[row != NOWHERE] != CONTINUES).sum())
        for row, all_anew in zip(kinds, whole, strict=True)
        if not all_anew
    )
    if len(seen) and (len(broken) > len(seen) / 2 or stray):
        how = "No row goes on" if len(broken) == len(seen) else (
            f"{len(broken)} of {len(seen)} rows do not go on"
        )  # fmt: skip
        yield f"{how}: {_cause(ends, kinds, shifts)}"
    sizes = [len(batch.first) for batch in ends]
    if len(set(sizes)) > 1:
        odd = next(i for i, size in enumerate(sizes) if size != sizes[0])
        which = "The last batch" if odd == len(sizes) - 1 else f"Batch {odd}"
        yield (
            f"{which} has {sizes[odd]} rows instead of {sizes[0]}: a carried state does not fit. "
            "Drop it (drop_remainder=True, drop_last=True), or deal lanes of equal length."
        )
    lengths = {batch.steps for batch in ends[:-1]}
    if len(lengths) > 1:
        yield (
            f"Windows have {', '.join(map(str, sorted(lengths)))} steps: chunk and tensor_split "
            "take the number of pieces; split takes their length."
        )


def _cause(ends: list[Ends], kinds: NDArray[np.int64], shifts: NDArray[np.int64]) -> str:
    lanes = "Deal the windows in lanes (tbptt.windows.stateful_batches or in_lanes)"
    anew = "or reset the state before every batch."
    seen = kinds != NOWHERE
    (most, _), *_ = Counter(kinds[seen & (kinds != CONTINUES)].tolist()).most_common(1)
    if most == REPEATS:
        return f"a row reads the same window again. {lanes}, and repeat the whole afterwards."
    below = [
        np.mean(batch.first[1:] == batch.last[:-1] + batch.every)
        for batch in ends
        if len(batch.first) > 1
    ]
    if below and np.mean(below) > 0.9:
        return f"row i + 1 of a batch continues row i of the same batch. {lanes}, {anew}"
    moves = shifts[seen & (kinds == most)]
    same = len(set(moves.tolist())) == 1
    if most == OVERLAPS and same:
        by = 1 - int(moves[0])
        return (
            f"the next window begins {by} step{'s' * (by != 1)} before the last one ends, so that "
            f"the state has read these already. Move windows by their length, {ends[0].steps}."
        )
    if most == SKIPS and same and len(ends[0].first) == 1:
        by = int(moves[0]) - 1
        return (
            f"{by} step{'s' * (by != 1)} between two windows are read by no row. Move windows by "
            f"their length, {ends[0].steps}, {anew}"
        )
    other = [np.isin(then.first, now.last + now.every).mean() for now, then in pairwise(ends)]
    if np.mean(other) > 0.9:
        return (
            "the rows of a batch continue other rows of the last one: the order inside a batch was "
            "changed. Leave it (shuffle=False), or take the state's rows along."
        )
    return (
        "the windows come in another order than time's. Switch shuffle off (shuffle=False) and "
        f"{lanes[0].lower()}{lanes[1:]}, {anew}"
    )
