"""Windows of a real series: leaks by counting steps, windows by laying them down."""

from __future__ import annotations

from typing import Any

import numpy as np

from truncated_time.exercises._form import numbers, require


def _count(answer: Any) -> None:
    (share,) = numbers(answer, ("a share of the test windows",))
    rng = np.random.default_rng(7)
    begin, leaked = np.arange(0, 4000, 5), []
    for _ in range(10):
        training = rng.permutation(len(begin)) < len(begin) // 2
        used = np.zeros(begin[-1] + 11, dtype=bool)
        for start in begin[training]:
            used[start : start + 11] = True
        leaked += [used[start : start + 11].any() for start in begin[~training]]
    right = np.mean(leaked)
    require(0 <= share <= 1, "Give a share between 0 and 1, not per cent.")
    require(abs(share - (1 - right)) > 0.03, "That is the share of clean windows; the others leak.")
    require(
        abs(share - 0.75) > 0.03,
        "Two neighbours are too few. A pair of window and horizon spans 11 steps, so it touches "
        "one that begins 10 steps away.",
    )
    require(
        abs(share - 0.5) > 0.03,
        "Half of the windows are in the training set, but a test window has several neighbours, "
        "and one of them is enough.",
    )
    require(
        abs(share - right) < 0.03,
        "Which windows share a step with one that spans 11? It is clean only if all of these are "
        "test windows.",
    )


def _gap(answer: Any) -> None:
    """Move the last training pair away, sample by sample, until it shares no hour."""
    (gap,) = numbers(answer, ("samples",))
    window, horizon, stride = 24, 6, 2
    first = 1000  # hour at which the first test pair begins
    test = set(range(first, first + window + horizon))
    right = 0
    while test & set(range(begin := first - stride * (right + 1), begin + window + horizon)):
        right += 1
    require(gap == int(gap) and gap >= 0, "A gap is a number of samples: 0, 1, 2, ...")
    require(
        gap not in (window + horizon - 1, window + horizon),
        "Those are hours. `gap` counts samples, and one begins every 2 hours.",
    )
    require(
        gap not in ((window - 1) // stride, window // stride),
        "The training pair has a horizon as well: its future must not lie in the test either.",
    )
    require(gap >= right, "With that gap, the last training pair still shares an hour.")
    require(gap == right, "That is enough, and so is a smaller gap: which is the first?")


def _recordings(answer: Any) -> None:
    """Lay window after window down, as long as its targets have rows."""
    given = numbers(answer, ("windows of 100 rows", "of 37", "of 12"))

    def laid(rows: int, needed: int) -> int:
        return sum(begin + needed <= rows for begin in range(0, rows, 5))

    lengths = 100, 37, 12
    require(
        list(given) != [laid(rows, 12) for rows in lengths],
        "The inputs of those windows have rows; their last targets do not all.",
    )
    require(
        list(given) != [laid(rows, 24) for rows in lengths],
        "Targets overlap the window: its last one lies 3 rows after its last step.",
    )
    require(given[2] == laid(12, 15), "The recording of 12 rows: where would the targets lie?")
    require(
        list(given) == [laid(rows, 15) for rows in lengths],
        "A window and its targets need 15 rows; the next one begins 5 rows later.",
    )


CHECKS = {
    "count": _count,
    "gap": _gap,
    "recordings": _recordings,
}
