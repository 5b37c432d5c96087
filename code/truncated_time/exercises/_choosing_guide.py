"""Choosing by the guide: every way to train is played through, on the problem's own numbers."""

from __future__ import annotations

from typing import Any, NamedTuple

from truncated_time.exercises._form import AnswerError, require

_PIECE, _ROOM = 100, 500  # steps of a piece, and of the longest graph that fits


class _Case(NamedTuple):
    steps: int | None  # of a sequence; None has no end
    each: bool  # whether every step has an answer, or the whole sequence one


def _play(way: str, case: _Case) -> int:
    """Lay two sequences out; return how far the error of the last answer goes, or say why not."""
    steps = case.steps or 50 * _ROOM  # of one without an end: so far
    piece = steps if way == "whole" else _PIECE
    require(
        case.steps or way in ("windows", "online"),
        "A sequence without an end: when would its gradient be made?",
    )
    require(piece <= _ROOM, f"A graph of {piece} steps does not fit: there is room for {_ROOM}.")
    for stop in range(piece, (2 if case.steps else 1) * steps + 1, piece):
        own = (stop - 1) % steps + 1  # steps of this sequence so far
        heard, wanted = {"online": stop, "once": own}.get(way, piece), own if case.each else steps
        require(
            heard <= own or way != "online",
            "The next sequence begins with the state of a stranger.",
        )
        require(
            heard >= wanted or way in ("online", "once"),
            f"An answer is scored that has heard {heard} steps. The evidence may lie further back, "
            "or come later.",
        )
    return piece


def _choose_guide(answer: Any) -> None:
    """Play every way through; of those that do, ask for the one whose errors go furthest."""
    cases = {"a": _Case(200, False), "b": _Case(None, True), "c": _Case(5000, False)}
    ways = ("whole", "windows", "online", "once")
    require(
        isinstance(answer, dict)
        and set(answer) == set(cases)
        and all(isinstance(way, str) and way in ways for way in answer.values()),
        f"Give a dict with the keys 'a', 'b' and 'c', and one of {', '.join(ways)} for each.",
    )
    for name, case in cases.items():
        furthest = 0
        for way in ways:
            try:
                furthest = max(furthest, _play(way, case))
            except AnswerError as why:
                require(answer[name] != way, f"({name}) {why}")
        require(
            _play(answer[name], case) == furthest,
            f"({name}) It works, but errors stop at every piece. Do they have to?",
        )


CHECKS = {"choose-guide": _choose_guide}
