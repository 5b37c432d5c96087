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


def _state_bytes(answer: Any) -> None:
    """Count the state of a Mamba 2, part by part."""
    told, steps = numbers(answer, ("bytes of state", "steps of attention"))
    layers, rows, width = 24, 64, 2048
    inner = 2 * width
    channels, tail = inner * 128, 3 * (inner + 2 * 128)
    whole = (channels + tail) * 4 * layers * rows
    require(
        told != channels * 4 * layers * rows,
        "Bytes: the channels are all there. What does the short convolution look at?",
    )
    require(
        told not in ((channels + tail) * 4 * layers, (channels + tail) * 4 * rows),
        "Bytes: every layer has a state, and every row of the batch one of its own.",
    )
    require(
        told not in (channels + tail, (channels + tail) * layers * rows),
        "Bytes: that counts numbers. A float32 has 4 bytes.",
    )
    require(
        told != whole / 2, "Bytes: a state is kept in float32, whatever the weights are kept in."
    )
    require(
        told == whole, "Bytes: multiply the numbers of a layer and a row by what there is of them."
    )
    a_step = 2 * width * 2  # of one layer and one row
    exact = (channels + tail) * 4 / a_step
    require(
        steps != -(-(channels + tail) * 4 // (width * 2)),
        "Steps: attention keeps a key and a value.",
    )
    require(
        steps != -(-(channels + tail) // (2 * width)),
        "Steps: that compares numbers. The two have different bytes a number.",
    )
    require(exact <= steps < exact + 1, "Steps: how many bytes does one step add, in bfloat16?")


def _chunk_size(answer: Any) -> None:
    """Try every chunk."""
    chunk, held = numbers(answer, ("steps of a chunk", "states' worth of memory"))
    needed = {size: -(-10_000 // size) + 12 * size for size in range(1, 10_001)}
    best = min(needed, key=lambda size: needed[size])
    require(chunk == int(chunk) and 1 <= chunk <= 10_000, "A chunk has 1 to 10,000 whole steps.")
    require(
        chunk != 100,
        "The square root of the steps balances borders and steps where both cost the same. "
        "A step's graph costs twelve states here.",
    )
    require(
        chunk == best,
        f"Chunks of {chunk:g} need {needed[int(chunk)]:,} states' worth: not the least.",
    )
    require(held != 12 * best, "Memory: the borders are kept, too.")
    require(held == needed[best], "Memory: one state for each chunk, and the graph of one chunk.")


CHECKS = {
    "hops": _hops,
    "state-bytes": _state_bytes,
    "chunk-size": _chunk_size,
}
