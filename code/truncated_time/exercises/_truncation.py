"""Truncation: errors walked back one by one."""

from __future__ import annotations

from typing import Any

import numpy as np

from tbptt.schedule import Truncation
from truncated_time.exercises._form import integers, numbers, pair, require


def _covered(k1: int, k2: int, steps: int) -> list[int]:
    """Return how many steps each error covers, its own included, by walking every pass."""
    covered, end = [0] * steps, 0
    while end < steps:
        first, end = end, min(end + k1, steps)
        for t in range(first, end):
            covered[t] = t - max(0, end - k2) + 1
    return covered


def _far(answer: Any) -> None:
    chunked, often = numbers(answer, ("the share of chunks of 35", "the share of updates every 5"))
    require(min(chunked, often) >= 0 and max(chunked, often) <= 1, "Give shares between 0 and 1.")

    def share(k1: int, k2: int, lags: int) -> float:
        return float(np.mean(np.array(_covered(k1, k2, 3500)) > lags))

    require(
        abs(chunked - share(35, 35, 29)) > 1e-3,
        "In a chunk: an error that reaches 30 steps gets to lag 29, since its own step is lag 0.",
    )
    require(
        abs(chunked - share(35, 35, 30)) < 1e-3,
        "In a chunk only the last errors reach far: which of the 35 have 30 steps before them?",
    )
    require(
        abs(often - share(35, 35, 30)) > 1e-3,
        "With `k1 = 5` a pass owns 5 losses and goes back over 35 steps, so that its *first* error "
        "reaches far as well.",
    )
    require(
        abs(often - share(5, 35, 30)) < 2e-3,
        "With `k1 = 5`: how many steps does the first of the five errors of a pass reach?",
    )


def _two_thirds(answer: Any) -> None:
    """Walk the errors of one chunk of every length."""
    shortest, enough = (
        integers(part, "a length")[0]
        for part in pair(answer, "the shortest for any error", "for two thirds of them")
    )

    def share(length: int) -> float:
        return float(np.mean(np.array(_covered(length, length, length)) > 12))

    lengths = range(1, 100)
    require(
        shortest != 12,
        "A chunk of 12 steps has lags 0 to 11: its last error stops one step short.",
    )
    require(
        shortest == next(n for n in lengths if share(n) > 0),
        "For any error at all: how many steps has the last error of a chunk, its own included?",
    )
    require(
        enough != 18, "In a chunk of 18 it is the other third: 12 of 18 errors do *not* reach it."
    )
    require(
        enough == next(n for n in lengths if share(n) >= 2 / 3 - 1e-9),
        "For two thirds: the first 12 errors of a chunk do not reach lag 12, all later ones do.",
    )


def _semi(answer: Any) -> None:
    """Try every truncation with a reach of 8 or less."""
    require(
        isinstance(answer, Truncation),
        "This takes the cheapest one as a `Truncation(k1, k2)` of the package.",
    )
    require(answer.k2 <= 8, f"k2 = {answer.k2} is more than 8.")
    least = min(_covered(answer.k1, answer.k2, 240)[8:])
    require(
        least >= 6,
        f"Some errors cover {least} step(s) only. `k2` is what the *last* loss of a block gets; "
        "look at the first one.",
    )
    good = [
        k2 / k1
        for k2 in range(1, 9)
        for k1 in range(1, k2 + 1)
        if min(_covered(k1, k2, 240)[8:]) >= 6
    ]
    cost = answer.k2 / answer.k1
    require(
        cost <= min(good),
        f"All errors reach the lag, for {cost:.2f} backward steps a step. Another truncation does "
        "it for less: a longer pass may come less often.",
    )


def _translate(answer: Any) -> None:
    """Compare who reaches whom, over a stream long enough to tell all of them apart."""
    described = {
        "Williams and Peng": (4, 12),
        "the chunked loop": (25, 25),
        "tensor_split": (10, 10),
        "stride 1": (1, 16),
    }
    require(
        isinstance(answer, tuple | list)
        and len(answer) == 4
        and all(isinstance(item, Truncation) for item in answer),
        "This takes a list of four `Truncation`s, in the order of the question.",
    )
    hints = {
        "Williams and Peng": "They write the reach first and the interval second.",
        "the chunked loop": "Carried state does not let an error across: how long is one batch?",
        "tensor_split": "Its number is the number of pieces, not their length.",
        "stride 1": "Only a window's last output is scored, and the next window scores the next "
        "step: how many losses has a pass?",
    }
    for given, (name, (k1, k2)) in zip(answer, described.items(), strict=True):
        steps = 300
        same = _covered(given.k1, given.k2, steps) == _covered(k1, k2, steps)
        require(same, f"{given} is not what is described ({name}). {hints[name]}")


CHECKS = {
    "far": _far,
    "two-thirds": _two_thirds,
    "semi": _semi,
    "translate": _translate,
}
