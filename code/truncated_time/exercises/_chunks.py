"""Exact across chunks: steps put together, and what is held counted."""

from __future__ import annotations

from typing import Any

from truncated_time.exercises._form import numbers, require


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


def _nested(answer: Any) -> None:
    """Run the two levels, count how often each step is run and what is held at most."""
    runs, held = numbers(answer, ("runs of each step", "states' worth of memory"))
    steps, outer, inner, graph = 4096, 64, 8, 12
    ran, most = [0] * steps, 0

    def run(begin: int, stop: int) -> None:
        for step in range(begin, stop):
            ran[step] += 1

    run(0, steps)
    borders = range(0, steps, outer)
    for begin in reversed(borders):
        run(begin, begin + outer)
        within = range(begin, begin + outer, inner)
        for at in reversed(within):
            run(at, at + inner)
            most = max(most, len(borders) + len(within) + graph * inner)
    require(runs != 2, "Runs: each level runs a step once more, without a graph.")
    require({runs} == set(ran), "Runs: follow one step, from the first forward run to its graph.")
    require(
        held != len(borders) + graph * outer,
        "Memory: that is one level. The graph of 64 steps is never there at a time.",
    )
    require(
        held != steps // inner + graph * inner,
        "Memory: only the chunk at hand keeps its inner borders.",
    )
    require(held != inner + graph * inner, "Memory: the outer borders are kept all along, as well.")
    require(held == most, "Memory: outer borders, inner ones of one chunk, and one graph.")


def _compose(answer: Any) -> None:
    """Take the steps one after the other, from two states; double what is known until all is."""
    names = ("a of the three steps", "b of the three steps", "rounds")
    a, b, rounds = numbers(answer, names)
    steps = ((0.5, 1.0), (0.8, -1.0), (0.5, 2.0))
    after = []
    for state in (0.0, 1.0):
        for rate, added in steps:
            state = rate * state + added
        after.append(state)
    require(abs(a - 1.8) > 1e-6, "a: the state is multiplied at each step, not moved.")
    require(abs(a - (after[1] - after[0])) < 1e-6, "a: what is left of the state after all three?")
    require(abs(b - 2) > 1e-6, "b: what came in at the first step is multiplied at the later ones.")
    state = 0.0
    for rate, added in reversed(steps):
        state = rate * state + added
    require(abs(b - state) > 1e-6, "b: in this order? The first step is applied first.")
    require(abs(b - after[0]) < 1e-6, "b: what comes out of the three steps if h is zero?")
    known, needed = 1, 0
    while known < 4096:
        known, needed = 2 * known, needed + 1
    require(
        rounds not in (4095, 4096),
        "Rounds: that is a loop. In one round all neighbours are put together at once.",
    )
    require(rounds == needed, "Rounds: after each one, twice as many steps are one.")


CHECKS = {
    "chunk-size": _chunk_size,
    "compose": _compose,
    "nested": _nested,
}
