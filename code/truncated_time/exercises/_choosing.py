"""Choosing: passes laid down and counted, neighbours looked up once more."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbptt.cost import cost
from tbptt.schedule import Truncation
from truncated_time.exercises._form import numbers, require

Floats = NDArray[np.float64]


def _lay(k1: int, k2: int, lag: int) -> tuple[float, float]:
    """Lay passes down; return the share of errors that reach `lag`, and steps a step."""
    travelled, walked, stops = 0, 0, range(100 * k1, 500 * k1 + 1, k1)
    for stop in stops:
        walked += k2
        travelled += sum(t - lag >= stop - k2 for t in range(stop - k1, stop))
    errors = len(stops) * k1
    return travelled / errors, walked / errors


def _choose_k2(answer: Any) -> None:
    names = ("the share in chunks", "the share with `k1 = 15`", "how many times the work")
    chunks, often, work = numbers(answer, names)
    require(max(chunks, often) <= 1, "Give shares between 0 and 1, not per cent.")
    require(chunks < 1, "In chunks `k2` covers the lag, but only the last error of a chunk has it.")
    require(
        abs(chunks - _lay(60, 60, 44)[0]) > 1e-3,
        "In chunks: an error that covers 45 steps, its own included, has not gone 45 steps back.",
    )
    require(
        abs(chunks - _lay(60, 60, 45)[0]) < 1e-3,
        "In chunks: which of the 60 errors have 45 steps before them in their chunk?",
    )
    require(
        abs(often - _lay(15, 60, 45)[0]) < 1e-3,
        "With `k1 = 15` a pass owns its last 15 errors alone. How far back does the first of them "
        "go?",
    )
    once, more = _lay(60, 60, 45)[1], _lay(15, 60, 45)[1]
    require(work > once, "The work: a pass is as long as before, and comes more often.")
    require(abs(work - more) < 0.05, "The work: how many passes of 60 steps come in 60 steps?")


def _choose_device(answer: Any) -> None:
    """Lay the passes of every truncation that fits, and look for less work."""
    require(isinstance(answer, Truncation), "This takes a `Truncation(k1, k2)` of the package.")

    a_step = cost(Truncation(1, 1), 1, hidden=32, batch=1, features=8).stream
    longest = 32_000 // a_step
    require(
        answer.k2 <= longest,
        f"A pass of {answer.k2} steps does not fit. What does a step keep, in bytes? Not the state "
        "alone.",
    )
    share, work = _lay(answer.k1, answer.k2, 150)
    require(
        share == 1,
        f"Of the errors, {share:.0%} go 150 steps back. `k2` is what the *last* error of a pass "
        "gets; look at the first one.",
    )
    least = min(k2 / k1 for k2 in range(1, longest + 1) for k1 in range(1, k2 - 149))
    require(
        work <= least + 1e-9,
        f"All of them do, for {work:.3g} backward steps a step. It can be had for less: look "
        "for memory that is not used, and for passes that may come less often.",
    )


def nearest_three(known: Floats, targets: Floats, asked: Floats) -> Floats:
    """Return the mean target of the three windows nearest to each one that is asked for."""
    apart = (known**2).sum(1) - 2 * asked @ known.T  # but for what is the same in a row
    nearest = np.argpartition(apart, 3, axis=1)[:, :3]
    means: Floats = targets[nearest].mean(axis=1)
    return means


def _choose_change(answer: Any) -> None:
    """Look the neighbours up by hand, in her folds and in the order of time."""
    from sklearn.model_selection import KFold

    from truncated_time.tasks import carbon_dioxide

    leaky, honest = numbers(answer, ("the share shuffled", "the share in the order of time"))
    require(max(leaky, honest) <= 1, "Give shares, at most 1, not per cent.")
    level = carbon_dioxide().astype(float)
    ends = np.arange(51, len(level) - 13)
    windows = np.array([level[end - 51 : end + 1] - level[end] for end in ends])
    changes = level[ends + 13] - level[ends]

    def explained(fit: NDArray[Any], ask: NDArray[Any]) -> float:
        said = nearest_three(windows[fit], changes[fit], windows[ask])
        return float(1 - np.mean((said - changes[ask]) ** 2) / changes[ask].var())

    folds = KFold(5, shuffle=True, random_state=0).split(windows)
    shuffled = float(np.mean([explained(fit, ask) for fit, ask in folds]))
    in_time = explained(ends + 13 < 1400, (ends >= 1400) & (ends + 13 < 1840))
    require(
        abs(honest - 0.9696) > 2e-3 and abs(leaky - 0.9994) > 1e-4,
        "That is a share of the variance of the *levels*. The question is about the changes.",
    )
    require(
        abs(leaky - in_time) > 2e-3 or abs(honest - shuffled) > 2e-3,
        "The other way round: shuffled first.",
    )
    require(
        abs(leaky - shuffled) < 2e-3,
        "Shuffled: give `cross_val_score` windows and answers that both begin at the window's own "
        "level, and her folds.",
    )
    require(
        abs(honest - in_time) < 2e-3,
        "In the order of time: `change` is what was forecast for the later years. What was true?",
    )


CHECKS = {
    "choose-k2": _choose_k2,
    "choose-device": _choose_device,
    "choose-change": _choose_change,
}
