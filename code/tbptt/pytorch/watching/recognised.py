"""The truncation that counts and passes amount to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tbptt.schedule import BackwardPass, Truncation


def recognise(
    counts: NDArray[np.int64], passes: Sequence[BackwardPass], begins: Mapping[int, bool]
) -> Truncation | None:
    """Return the truncation that a loop is; None where it differs from all of them.

    Parameters
    ----------
    counts : ndarray of int, shape (steps, steps)
        How often the error at one step reached another.
    passes : sequence of BackwardPass
        In the order in which they ran.
    begins : mapping of int to bool
        The steps at which no error goes back any further, and whether a state was carried there.
    """
    begin = min(begins, default=0)
    counts = counts[begin:, begin:]
    owned = [stop - first for start, first, stop in passes if start >= begin]
    if not owned or counts.max() != 1:
        return None
    k2 = int(counts.sum(axis=1).max())
    anew = [step - begin for step, carried in begins.items() if not carried]
    pieces = list(zip(anew or [0], [*anew[1:], len(counts)], strict=True))
    for guess in (Truncation(min(owned[0], k2), k2), Truncation.epochwise(k2)):
        if _is(counts, guess, [(0, len(counts))]) or _is(counts, guess, pieces):
            return guess
    return None


def named(truncation: Truncation | None) -> str:
    """Say what kind of truncation it is."""
    if truncation is None:
        return "no single truncation"
    k1, k2 = truncation.k1, truncation.k2
    kind = "epochwise" if k1 == k2 else "true" if k1 == 1 else "semi-epochwise"
    return f"{kind} truncation, {truncation}"


def _is(counts: NDArray[np.int64], guess: Truncation, pieces: list[tuple[int, int]]) -> bool:
    """Tell whether every piece was truncated so, and no error went from one to another."""
    inside = np.zeros_like(counts, dtype=bool)
    for begin, end in pieces:
        inside[begin:end, begin:end] = True
        piece = counts[begin:end, begin:end]
        if not (np.array_equal(piece, guess.reach(len(piece))) or _short_at_the_end(piece, guess)):
            return False
    return not counts[~inside].any()


def _short_at_the_end(counts: NDArray[np.int64], guess: Truncation) -> bool:
    """Tell whether a loop's last chunk is merely short, where `Truncation` reaches back `k2`."""
    whole = len(counts) // guess.k1 * guess.k1
    if guess.k1 != guess.k2 or whole == len(counts) or not whole:
        return False
    rest = len(counts) - whole
    return (
        np.array_equal(counts[:whole, :whole], guess.reach(whole))
        and np.array_equal(counts[whole:, whole:], Truncation.epochwise(rest).reach(rest))
        and not counts[whole:, :whole].any()
    )
