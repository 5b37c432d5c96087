"""Recurrences of today: errors walked hop by hop."""

from __future__ import annotations

from typing import Any

from truncated_time.exercises._form import numbers, require


def _hops(answer: Any) -> None:
    """Walk every way back, hop by hop; all but its last one end inside the segment."""
    sight, segment = numbers(answer, ("steps in sight", "the steps of a segment"))

    def back(inside: int) -> int:
        ends = {0}
        for _ in range(2):
            ends = {at + hop for at in ends for hop in range(5) if at + hop < inside}
        return max(ends) + 4

    require(sight != 4, "In sight: that is one layer. The layer above looks at what this one saw.")
    require(sight == back(10**6), "In sight: what does the furthest of three hops in a row reach?")
    require(segment >= 1 and segment == int(segment), "A segment has whole steps.")
    require(
        segment not in (10, 11),
        "The whole way need not lie inside the segment: where may the last hop land?",
    )
    require(
        back(int(segment)) >= 10,
        f"In segments of {segment:g} the last error is taught {back(int(segment))} steps. It has "
        "one step less than the segment before it.",
    )
    require(
        back(int(segment) - 1) < 10, "That is enough, and so is a shorter segment: is it the first?"
    )


CHECKS = {
    "hops": _hops,
}
