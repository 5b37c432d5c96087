"""Windows of a real series: leaks by counting steps."""

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


CHECKS = {
    "count": _count,
}
