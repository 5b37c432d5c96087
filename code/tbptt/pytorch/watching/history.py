"""A ledger, read once for all findings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from tbptt._drawn import looks_drawn
from tbptt.pytorch.watching.ledger import Ledger
from tbptt.pytorch.watching.passes import Call, Pass


@dataclass
class History:
    """What is known of a loop.

    Attributes
    ----------
    calls : list of Call
        In order, those that are kept.
    borders : list of (Call, Call)
        Every call whose state came in without a way back for errors, with the call before it.
    passes : list of (Pass, ndarray of int, ndarray of int)
        With the steps whose losses it owns, and the numbers of the calls that it reached.
    counts : ndarray of int, shape (steps, steps)
        As `Seen.counts`.
    drawn : set of int
        The calls whose state looks drawn at random.
    failed : str
        The message of the error that ended the loop; empty where none did.
    """

    calls: list[Call]
    borders: list[tuple[Call, Call]]
    passes: list[tuple[Pass, NDArray[np.int64], NDArray[np.int64]]]
    counts: NDArray[np.int64]
    drawn: set[int]
    failed: str

    @classmethod
    def of(cls, ledger: Ledger, failed: str = "") -> History:
        """Read a ledger."""
        ledger.settle()
        calls = list(ledger.calls.values())
        borders = [(a, b) for a, b in zip(calls[1:], calls, strict=False) if not a.linked]
        passes = []
        for backward in ledger.passes:
            steps, reached = [], []
            for errors, call in ledger.errors(backward):
                steps.append(errors)
                reached.append(call.number)
            if steps:
                owned = np.unique(np.concatenate(steps))
                passes.append((backward, owned, np.array(sorted(reached))))
        return cls(calls, borders, passes, ledger.counts()[1], _drawn(borders), failed)


def _drawn(borders: list[tuple[Call, Call]]) -> set[int]:
    """Return the calls whose state looks drawn at random."""
    strange = [call for call, _ in borders if call.strange is not None and call.recorded]
    rows = [call.strange.double().cpu() for call in strange if call.strange is not None]
    if not rows or len({part.shape[1:] for part in rows}) > 1:
        return set()
    # A state that was normalised where a chunk ends looks drawn, and is made of what was left.
    alike = [float(call.alike) for call in strange if call.alike is not None]
    made = bool(alike) and np.mean(alike) > 0.5
    drawn = not made and looks_drawn(torch.cat(rows).numpy())
    return {call.number for call in strange} if drawn else set()
