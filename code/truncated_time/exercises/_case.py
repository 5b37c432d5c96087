"""The case: days laid out, forecasts fitted and looked up once more, a choice made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from truncated_time.exercises._choosing import nearest_three
from truncated_time.exercises._form import AnswerError, numbers, require
from truncated_time.shipped import table

_WINDOW, _HORIZON = 7, 3  # days


def _days(made: int) -> tuple[set[int], int]:
    """Return the days that a forecast reads, and the one that it is about."""
    return set(range(made - _WINDOW + 1, made + 1)), made + _HORIZON


def _case_cut(answer: Any) -> None:
    """Move a training forecast away from test forecasts until nothing is looked up."""
    in_time, in_blocks = numbers(answer, ("left out by time", "left out in blocks"))
    tested = [_days(made) for made in range(700, 730)]
    answers = {asked for _, asked in tested}
    used = answers.union(*(read for read, _ in tested))

    def left_out(apart: bool) -> int:
        for gap in range(100):
            before, after = _days(699 - gap), _days(730 + gap)
            if apart and not used & (before[0] | {before[1]} | after[0] | {after[1]}):
                return gap
            if not apart and before[1] < 700:
                return gap
        raise AssertionError  # 100 days are more than a window and a horizon

    by_time, by_block = left_out(apart=False), left_out(apart=True)
    require(
        in_time != by_block or in_time == by_time,
        "By time: what the test windows *read* is known by then. Only answers may not be used.",
    )
    require(in_time != 0, "By time: day 702 is the answer of the forecast made on day 699.")
    require(
        in_time == by_time,
        "By time: the last training forecast is made on which day, so that its answer is from "
        "before day 700?",
    )
    require(
        in_blocks != _WINDOW + _HORIZON,
        "In blocks: lay the days of the two forecasts out and count those between. One less does.",
    )
    require(
        in_blocks == by_block,
        "In blocks: training forecasts made after the block read days, too. Which of those does a "
        "test forecast read or ask for?",
    )


def _case_neighbours(answer: Any) -> None:
    """Look the neighbours up by hand; where that is not it, with the usual mistakes."""
    from truncated_time.experiments.choosing import error_of_part, weeks
    from truncated_time.experiments.shared.weeks import END, TEST
    from truncated_time.tasks import carbon_dioxide

    (error,) = numbers(answer, ("the error in ppm",))
    data, level = weeks(), carbon_dioxide().astype(float)
    ends = np.arange(52, len(data.y))  # week t of the data is level t + 1

    def is_error(*, levels: bool = True, end: int = END, part: str = "validation") -> bool:
        # What the window's last step has over each of the steps before it.
        windows = np.array([level[t - 51 : t + 2] for t in ends])
        windows = windows[:, -1:] - windows[:, :-1] if levels else np.diff(windows)
        known = data.scored[ends] & (ends < end)
        said = np.full(len(data.y), np.nan)
        said[ends] = nearest_three(windows[known], data.y[ends][known].astype(float), windows)
        return bool(abs(error - error_of_part(said, data, part)) < 6e-3)

    if is_error():
        return
    require(
        not is_error(levels=False),
        "That compares windows by their weekly changes. Two years with the same shape may differ "
        "from week to week: compare how far each week lies below the last one.",
    )
    require(not is_error(part="test"), "Those are the test weeks. Ask for the validation part.")
    require(
        not is_error(end=TEST - 13),
        "The validation weeks were among the neighbours. Fit on the training part alone.",
    )
    raise AnswerError(
        "The error: three neighbours among the scored training windows of 52 weeks, each from its "
        "own level on, in ppm on the validation weeks."
    )


def _case_look(answer: Any) -> None:
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


def _case_flag(answer: Any) -> None:
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


def _case_left(answer: Any) -> None:
    """Fit by the normal equations, and correlate by hand."""
    from truncated_time.experiments.choosing import weeks
    from truncated_time.experiments.shared.weeks import END, TEST

    mean, again = numbers(answer, ("the mean error in ppm", "the correlation"))
    require(abs(again) <= 1, "A correlation lies between -1 and 1.")
    data = weeks()
    y = data.y.astype(float)
    points = np.array([np.append(data.x[t - 104 : t].ravel(), 1.0) for t in range(104, len(y) + 1)])
    fit = points[data.scored[103:] & (np.arange(103, len(y)) < END)]
    known = y[103:END][data.scored[103:END]]
    weights = np.linalg.pinv(fit.T @ fit, rcond=1e-12) @ (fit.T @ known)
    wrong = (points @ weights - y[103:])[TEST - 103 :]
    require(
        abs(mean + wrong.mean()) > 0.01,
        "The mean: forecast less truth, so that a forecast that is too low has a negative one.",
    )
    require(
        abs(mean - np.sqrt((wrong**2).mean())) > 0.01,
        "The mean: that is the root mean square, which hides the sign.",
    )
    require(
        abs(mean - wrong.mean()) < 0.01,
        "The mean: the errors of the linear function of 104 weeks, on the weeks from `TEST` on.",
    )
    odd = (y[:-52] - y[52:])[TEST - 52 :]
    first, later = odd[:-52] - odd[:-52].mean(), odd[52:] - odd[52:].mean()
    right = float((first * later).sum() / np.sqrt((first**2).sum() * (later**2).sum()))
    require(
        abs(again - right) < 0.01,
        "The correlation: the errors of `last_year` on the test weeks, each with the one 52 weeks "
        "later.",
    )


CHECKS = {
    "case-cut": _case_cut,
    "case-neighbours": _case_neighbours,
    "case-look": _case_look,
    "case-flag": _case_flag,
    "case-left": _case_left,
}
