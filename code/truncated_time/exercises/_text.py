"""Truncation on real text: updates counted chunk by chunk."""

from __future__ import annotations

from typing import Any

from truncated_time.exercises._form import numbers, require


def _updates(answer: Any) -> None:
    """Go through a row and cut it."""
    often, rarely = numbers(answer, ("updates in chunks of 5", "updates in chunks of 20"))
    rows, length = 32, 929_589 // 32

    def chunks(steps: int) -> int:
        starts = range(0, length - 1, steps)
        return sum(start + steps <= length - 1 for start in starts)

    require(
        often != rows * chunks(5) and rarely != rows * chunks(20),
        "The rows of a batch are worked on together: one update for all 32.",
    )
    require(
        often != 929_589 // 5 and rarely != 929_589 // 20,
        "Each of the 32 rows reads a part of the text; how many words has one?",
    )
    require(often == chunks(5), "Chunks of 5: a row has words // 32, and reads one less.")
    require(
        rarely != often,
        "Both do not update equally often: what does the true one's chunk of 20 steps give?",
    )
    require(rarely == chunks(20), "Chunks of 20: one update for each, whatever the reach.")


CHECKS = {
    "updates": _updates,
}
