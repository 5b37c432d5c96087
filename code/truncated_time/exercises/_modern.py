"""Recurrences of today: errors walked hop by hop, states counted, documents laid end to end."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from truncated_time.exercises._form import integers, numbers, require


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


def _packed(answer: Any) -> None:
    """Lay the documents out word by word, and cut."""
    parts = "offsets of the first piece", "offsets of the second", "states that are zero"
    require(
        isinstance(answer, tuple | list) and len(answer) == 3,
        f"This takes three things: {', '.join(parts)}.",
    )
    first, second = (integers(given, what) for given, what in zip(answer, parts[:2], strict=False))
    (zeros,) = integers([answer[2]], parts[2])
    lengths, size = (700, 200, 300, 500), 1024
    words = [document for document, length in enumerate(lengths) for _ in range(length)]
    for given, piece, name in (
        (first, words[:size], "First"),
        (second, words[size:], "Second"),
    ):
        begins = [at for at in range(len(piece)) if at == 0 or piece[at] != piece[at - 1]]
        right = [*begins, len(piece)]
        require(
            given != [later - now for now, later in pairwise(right)],
            f"{name} piece: those are lengths. Offsets add them up, from 0 on.",
        )
        require(
            given not in (right[1:], right[:-1]),
            f"{name} piece: {len(begins)} documents need {len(begins) + 1} offsets, the first one "
            "0 and the last one the piece's length.",
        )
        require(
            not given or max(given) <= len(piece),
            f"{name} piece: it has {len(piece)} words. Offsets count from its own beginning.",
        )
        require(
            given == right,
            f"{name} piece: where in it does a document begin? The cut may fall inside one.",
        )
    again = [at for at in range(size, len(words)) if at > size and words[at] != words[at - 1]]
    require(
        zeros != len(again) + 1,
        "States: the second piece begins in the middle of a document. What has that one read?",
    )
    require(zeros == len(again), "States: one for each document in the piece. Which begin there?")


CHECKS = {
    "hops": _hops,
    "state-bytes": _state_bytes,
    "packed": _packed,
}
