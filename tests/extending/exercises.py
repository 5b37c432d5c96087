"""Warm-up: a state that is multiplied until little of it is left."""

from __future__ import annotations

from typing import Any

from truncated_time.exercises._form import numbers, require


def _steps(keep: float, share: float) -> int:
    left, steps = 1.0, 0
    while left >= share:
        left, steps = left * keep, steps + 1
    return steps


def _half(answer: Any) -> None:
    (steps,) = numbers(answer, ["a number of steps"])
    require(steps != 5, "A tenth is lost of what is left, not of the beginning.")
    require(steps == _steps(0.9, 0.5), "Multiply until less than a half is left.")


def _keep(answer: Any) -> None:
    (keep,) = numbers(answer, ["a share"])
    require(0 < keep < 1, "A share is between 0 and 1.")
    require(abs(keep**20 - 0.01) < 1e-3, "What is left after 20 steps with yours is not 1%.")


def _twice(answer: Any) -> None:
    (times,) = numbers(answer, ["a factor"])
    require(times != 100, "A hundred times less is a factor for what is left, not for the steps.")
    require(abs(times - _steps(0.99, 1e-4) / _steps(0.99, 1e-2)) < 0.01, "Count it for one cell.")


def _slow(answer: Any) -> None:
    (steps,) = numbers(answer, ["a number of steps"])
    require(steps != _steps(0.5, 0.01), "By then the other has forgotten little.")
    require(steps == max(_steps(0.5, 0.01), _steps(0.95, 0.01)), "Which of them is slower?")


CHECKS = {"warm-half": _half, "warm-keep": _keep, "warm-twice": _twice, "warm-slow": _slow}
