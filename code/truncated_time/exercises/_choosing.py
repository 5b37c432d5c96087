"""Choosing: passes laid down and counted, forecasts fitted once more."""

from __future__ import annotations

from typing import Any

import numpy as np

from tbptt.cost import cost
from tbptt.schedule import Truncation
from truncated_time.exercises._form import AnswerError, numbers, require
from truncated_time.shipped import table


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


def _choose_look(answer: Any) -> None:
    """Choose on the shipped file, by hand."""
    honest, peeked = numbers(answer, ("the honest error", "the error that looks best"))
    tests: dict[str, list[float]] = {}
    checked: dict[str, list[float]] = {}
    for row in table("results/choosing/results.csv"):
        setting = f"{row['policy']} {row['k1']} {row['k2']} {row['rate']}"
        tests.setdefault(setting, []).append(float(row["test_error"]))
        checked.setdefault(setting, []).append(float(row["validation_error"]))
    chosen = min(checked, key=lambda setting: sum(checked[setting]))
    right, best = float(np.mean(tests[chosen])), min(min(errors) for errors in tests.values())
    require(
        abs(honest - np.mean(checked[chosen])) > 1e-3,
        "The honest one: that is the validation error by which it was chosen.",
    )
    require(
        abs(honest - right) < 6e-4,
        "The honest one: the mean validation error chooses the setting and its rate, not the seed. "
        "What is the mean test error of that one?",
    )
    require(
        abs(peeked - right) > 6e-4,
        "The peeker: the setting is the same, but somebody who peeks chooses the seed as well.",
    )
    require(
        abs(peeked - best) < 6e-4,
        "The peeker takes, of all runs, the one with the smallest `test_error`.",
    )


def _choose_flag(answer: Any) -> None:
    """Fit by the normal equations; where that is not it, with the usual mistakes."""
    from truncated_time.experiments.choosing import error_of_part, weeks
    from truncated_time.experiments.shared.weeks import END, TEST, VALIDATION
    from truncated_time.tasks import carbon_dioxide_raw

    without, early = numbers(answer, ("the error without flags", "the share of missing weeks"))
    data = weeks()

    def is_error(inputs: int, end: int = END, name: str = "validation") -> bool:
        x = data.x[:, :inputs].astype(float)
        points = np.array([np.append(x[t - 104 : t], 1.0) for t in range(104, len(x) + 1)])
        use = data.scored[103:] & (np.arange(103, len(x)) < end)
        fit = points[use]
        # A flag that never rises has a column of zeros.
        weights = np.linalg.pinv(fit.T @ fit, rcond=1e-12) @ (fit.T @ data.y[103:][use])
        forecast = np.append(np.full(103, np.nan), points @ weights)
        return bool(abs(without - error_of_part(forecast, data, name)) < 1.5e-3)

    if not is_error(1):
        require(
            not is_error(2),
            "That is the error with the flags; leave their column out, in the fit and in the "
            "forecast.",
        )
        require(
            not is_error(1, name="test"),
            "Those are the test weeks. The question is about the validation part.",
        )
        require(
            not is_error(1, end=TEST - 13),
            "The validation weeks were in the fit. Fit on the training part alone.",
        )
        raise AnswerError(
            "The error: 104 weekly changes and a constant, fitted on the scored training weeks, in "
            "ppm on the validation weeks."
        )
    missing = np.flatnonzero(np.isnan(carbon_dioxide_raw()))
    require(
        abs(early - np.mean(missing < VALIDATION)) < 6e-3,
        "The share, between 0 and 1: of the weeks that are *missing*, how many lie before the "
        "validation part?",
    )


CHECKS = {
    "choose-k2": _choose_k2,
    "choose-device": _choose_device,
    "choose-look": _choose_look,
    "choose-flag": _choose_flag,
}
