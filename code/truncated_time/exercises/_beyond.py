"""Beyond truncation: shapes counted, influence walked step by step."""

from __future__ import annotations

from typing import Any

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


CHECKS = {
    "lstm": _lstm,
    "ring": _ring,
}
