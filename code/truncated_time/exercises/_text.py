"""Truncation on real text: updates counted chunk by chunk, gains taken apart."""

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


def _share(answer: Any) -> None:
    """Go from one loss to the next; each step changes one thing."""
    updates, reach = numbers(answer, ("fewer updates", "reach"))
    chunked, accumulated, true = 5.10, 5.02, 4.98
    whole = chunked - true
    require(
        abs(updates - (chunked - accumulated)) > 5e-3,
        "That is a number of nats. Which share is it of the whole gain?",
    )
    require(
        abs(updates - (accumulated - true) / whole) > 5e-3,
        "The other way round: accumulating leaves the reach as it is.",
    )
    require(
        abs(updates - (chunked - accumulated) / whole) < 5e-3,
        "Fewer updates: from which row to which does nothing else change?",
    )
    require(abs(updates + reach - 1) < 1e-2, "The two shares make up the whole gain.")


def _fair(answer: Any) -> None:
    """Ask of each pair how often its sides update, or whether each had its best rate."""
    require(
        isinstance(answer, set | frozenset | list | tuple)
        and all(isinstance(letter, str) and letter in set("ABCD") for letter in answer),
        'Give the letters of those that are fair, as in {"A", "D"}.',
    )
    best_rates, steps_between_updates = {"B"}, {"A": (20, 5), "C": (20, 20), "D": (20, 40)}
    same = {name for name, (one, other) in steps_between_updates.items() if one == other}
    given = set(answer)
    for name in sorted(given - same - best_rates):
        one, other = steps_between_updates[name]
        require(False, f"{name}: one side updates every {one} steps, the other every {other}.")
    require("B" in given, "Different numbers of updates are fair if each side has its best rate.")
    require("C" in given, "One pair updates equally often, at the same rate.")


CHECKS = {
    "updates": _updates,
    "share": _share,
    "fair": _fair,
}
