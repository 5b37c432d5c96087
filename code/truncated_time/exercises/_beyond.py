"""Beyond truncation: shapes counted, influence and forecasts walked step by step."""

from __future__ import annotations

from typing import Any

import numpy as np

from truncated_time.exercises._form import numbers, require


def _lstm(answer: Any) -> None:
    """Count the weights of a cell that has none, only shapes."""
    from torch import nn

    size, ratio = numbers(answer, ("bytes for one row", "how many times the states"))
    cell = nn.LSTMCell(64, 512, device="meta")
    learned = sum(weight.numel() for weight in cell.parameters())

    def near(given: float, value: float) -> bool:
        return abs(given - value) < 0.01 * value

    right = 4.0 * learned * (2 * 512)
    require(not near(size, right / 2), "Bytes: the state has two parts, and both have derivatives.")
    require(not near(size, right / 4), "Those are numbers. In float32 each takes four bytes.")
    require(not near(size, right * 2), "Bytes: that is float64.")
    require(
        not near(size, right / 4 / 512 * 2) and not near(size, 4.0 * learned),
        "Bytes: that counts weights. *Each* number of the state has a derivative by each weight.",
    )
    require(
        near(size, right),
        "Bytes: numbers of state times weights, times four. An LSTM has four blocks of weights, "
        "from the inputs, from the units, and biases.",
    )
    states = 1000 * (2 * 512) * 4.0
    require(
        not near(ratio, 2 * right / states),
        "The ratio: the states that are kept have two parts as well.",
    )
    require(near(ratio, right / states), "The ratio: what do the states of 1,000 steps take?")


def _ring(answer: Any) -> None:
    """Let a push go round, a unit a step."""
    exact, kept = numbers(answer, ("from which n on", "numbers for each weight"))
    touched = [{0}]  # units that one weight of unit 0 has moved after 1, 2, … steps
    while len(touched) < 2 or touched[-1] != touched[-2]:
        touched.append(touched[-1] | {(unit + 1) % 8 for unit in touched[-1]})
    first = next(n for n, units in enumerate(touched, 1) if units == touched[-1])
    require(exact >= 1, "SnAp begins with n = 1.")
    require(
        exact != first - 1,
        "From which n on: count units, not hops. SnAp-1 has the weight's own unit, with no hop.",
    )
    require(
        exact >= first,
        f"With n = {exact:g} some units have not yet heard of the weight, and will.",
    )
    require(exact == first, "It is exact there, but it was with a smaller n already.")
    third = len(touched[3 - 1])
    require(
        kept != 8 * third and kept != 8,
        "The numbers: not for the whole ring, and not for each unit, but for one weight.",
    )
    require(
        kept == third, "The numbers: which units does one weight touch within three steps, its own?"
    )


def _kept(answer: Any) -> None:
    """Push one unit, and follow it with each method's share of the step."""
    traced, alone, exact = numbers(answer, ("e-prop", "SnAp-1", "RTRL"))
    keep, heard = 0.8, 0.2 * np.full((2, 2), 0.5)
    steps = {
        "e-prop": keep * np.eye(2),
        "SnAp-1": keep * np.eye(2) + np.diag(np.diag(heard)),
        "RTRL": keep * np.eye(2) + heard,
    }

    def after(way: str, count: int) -> float:
        pushed = np.array([1.0, 0.0])
        for _ in range(count):
            pushed = steps[way] @ pushed
        return float(pushed[0])

    for way, given in (("e-prop", traced), ("SnAp-1", alone), ("RTRL", exact)):
        require(
            not any(abs(given - after(way, count)) < 2e-3 for count in (4, 6)),
            f"{way}: count the steps again. After one step the push has been multiplied once.",
        )
    require(
        abs(traced - after("SnAp-1", 5)) > 2e-3,
        "e-prop: that has the unit's connection to itself. It comes along a recurrent weight.",
    )
    require(
        abs(traced - after("e-prop", 5)) < 2e-3, "e-prop: what does a unit keep, and nothing else?"
    )
    require(
        abs(alone - after("e-prop", 5)) > 2e-3,
        "SnAp-1: a weight touches its own unit, and that unit hears itself as well.",
    )
    require(
        abs(alone - after("SnAp-1", 5)) < 2e-3,
        "SnAp-1: only the diagonal of the step's derivative. What stands there?",
    )
    require(
        abs(exact - after("SnAp-1", 5)) > 2e-3,
        "RTRL: the push also goes to the other unit, and comes back from it.",
    )
    require(
        abs(exact - after("RTRL", 5)) < 2e-3, "RTRL: the whole two-by-two matrix, five times over."
    )


def _forecast(answer: Any) -> None:
    """Add the shares up, and let a forecast learn, chunk after chunk."""
    whole, first, chunks = numbers(answer, ("in all", "the first target", "chunks"))
    total = float((0.8 ** np.arange(1, 400)).sum())
    require(
        abs(whole - total - 1) > 1e-2,
        "In all: what later states send back. The state's own loss is not among them.",
    )
    require(abs(whole - total) < 1e-2, "In all: each later step sends back 0.8 of the one after.")
    target: float = 0.0
    targets: list[float] = []
    while not targets or targets[-1] < 0.99 * total:
        # Two steps back, each with the error of its own.
        for _ in range(2):
            target = 0.8 * (1 + target)
        targets.append(target)
    require(
        abs(first - 1.8) > 1e-2,
        "The first target is for the state *before* the chunk: its own step is not in the chunk.",
    )
    require(abs(first - targets[0]) < 1e-2, "The first target: two steps, and nothing beyond them.")
    require(chunks == round(chunks), "The number of chunks is a whole number.")
    require(
        chunks != 2 * len(targets) and chunks != 2 * len(targets) - 1,
        "Count chunks, not steps: each brings two more steps.",
    )
    require(
        chunks == len(targets),
        f"After {chunks:.0f} chunks the target is not within 1% for the first time: each one "
        "multiplies what is missing by the same factor.",
    )


CHECKS = {
    "lstm": _lstm,
    "ring": _ring,
    "kept": _kept,
    "forecast": _forecast,
}
