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
    inward = _moves_in_order(ends)
    # Where there are gaps, not all of them do.
    if below and np.mean(below) > (0.9 if inward is None else 0.5):
        return f"row i + 1 of a batch continues row i of the same batch. {lanes}, {anew}"
    if below and inward is not None:
        return _next_to_one_another(inward, ends[0], lanes, anew)
    moves = shifts[seen & (kinds == most)]
    ahead, share = _commonest(moves)
    usual = share == 1 or (inward is not None and share > 0.5)
    if most == OVERLAPS and usual:
        return (
            f"the next window begins {_steps(1 - ahead)} before the last one ends, so that "
            f"the state has read these already. Move windows by their length, {ends[0].steps}."
        )
    if most == SKIPS and usual and not _reads_on(ends):
        return (
            f"{_steps(ahead - 1)} between two windows are read by no row. Move windows by "
            f"their length, {ends[0].steps}, {anew}"
        )
    other = [np.isin(then.first, now.last + now.every).mean() for now, then in pairwise(ends)]
    if np.mean(other) > 0.9:
        return (
            "the rows of a batch continue other rows of the last one: the order inside a batch was "
            "changed. Leave it (shuffle=False), or take the state's rows along."
        )
    broken = np.argwhere(seen & (kinds != CONTINUES))
    if len(broken) <= seen.sum() / 2:
        border, row = broken[0].tolist()
        moved = int(shifts[border, row])
        return (
            f"first row {row} at batch {border + 1}, whose window begins {_steps(abs(moved))} "
            f"{'after' if moved > 0 else 'before'} the end of the row's last one. Where a sequence "
            "begins, reset the state of that row (resets); elsewhere look for what moved it."
        )
    return (
        "the windows come in another order than time's. Switch shuffle off (shuffle=False) and "
        f"{lanes[0].lower()}{lanes[1:]}, {anew}"
    )


def _moves_in_order(ends: list[Ends]) -> NDArray[np.int64] | None:
    """Return how long after the one before each window begins, if they come in time's order.

    One before is in the row above, and for the first row in the last row of the batch before.
    """
    inside = np.concatenate([np.diff(batch.first) for batch in ends])
    # Where the whole is repeated, it begins again.
    across = np.array(
        [
            then.first[0] - now.first[-1]
            for now, then in pairwise(ends)
            if then.first[0] > ends[0].first[0]
        ],
        dtype=np.int64,
    )
    rising = [np.mean(moves > 0) > 0.9 for moves in (inside, across) if len(moves)]
    return np.concatenate([inside, across]) if len(across) and all(rising) else None


def _next_to_one_another(moves: NDArray[np.int64], batch: Ends, lanes: str, anew: str) -> str:
    """Say how windows lie that come in time's order, several of them in a batch."""
    length, onward = batch.steps, moves[moves > 0]
    move, share = _commonest(onward)
    apart = f"{move / batch.every:g}"
    cure = f"end to end, every {length} steps, and {lanes[0].lower()}{lanes[1:]}"
    if share <= 0.5:
        low, high = (f"{each / batch.every:g}" for each in (onward.min(), onward.max()))
        return (
            f"the windows come in time's order, each {low} to {high} steps after the one before, "
            "so that rows have nothing to go on from. Reset the state before every batch."
        )
    if move < length * batch.every:
        return (
            f"windows overlap, and follow one another inside a batch: row i + 1 begins {apart} "
            f"step{'s' * (apart != '1')} after row i, and windows are {length} long. Cut the "
            f"series {cure}, {anew}"
        )
    unread = f"{move / batch.every - length:g}"
    return (
        f"{unread} step{'s' * (unread != '1')} between a window and the next one, in the row "
        f"below, are read by no row. If they are of one series, cut it {cure}, {anew}"
    )


def _commonest(moves: NDArray[np.int64]) -> tuple[int, float]:
    """Return the most common number, and its share."""
    (move, count), *_ = Counter(moves.tolist()).most_common(1)
    return move, count / len(moves)


def _steps(count: int) -> str:
    return f"{count} step{'s' * (count != 1)}"


def _reads_on(ends: list[Ends]) -> bool:
    """Tell whether another row reads what follows a window, mostly."""
    first = np.sort(np.concatenate([batch.first for batch in ends]))
    last = np.sort(np.concatenate([batch.last for batch in ends]))
    following = last[:-1] + ends[0].every
    before = np.searchsorted(first, following, side="right") - 1
    return bool(len(last) > 1 and np.mean(last[before] >= following) > 0.5)
