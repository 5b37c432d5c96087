"""Several processes: their gradients averaged step by step, their rows dealt out again."""

from __future__ import annotations

from typing import Any

import numpy as np

from truncated_time.exercises._form import integers, numbers, require


def _two_means(answer: Any) -> None:
    """Take each step's share in the average, and let the sums be averaged."""
    times, factor = numbers(answer, ("times as much", "factor of the sum"))
    real = (300, 100)

    def counted(process: int) -> float:
        """Return the average of the means if one step has a loss of 1, and the others none."""
        losses = [np.zeros(steps) for steps in real]
        losses[process][0] = 1.0
        return float(np.mean([part.mean() for part in losses]))

    right = counted(1) / counted(0)
    require(
        abs(times - 1 / right) > 1e-6,
        "The other way round: in which process is the mean taken over fewer steps?",
    )
    require(abs(times - right) < 1e-6, "What does one step add to the mean of its process?")
    require(
        abs(factor - 1 / 400) > 1e-9,
        "So the sum over both processes would be the mean; but they are averaged, not added.",
    )
    averaged = float(np.mean([factor * np.ones(steps).sum() for steps in real]))
    require(
        abs(averaged - 1) < 1e-6,
        f"If every step has a loss of 1, the average comes out as {averaged:.3g}, not 1.",
    )


def _whose_row(answer: Any) -> None:
    """Lay the rows end to end, and deal them out again."""
    places = integers(answer, "a process and a row")
    require(len(places) == 2, "This takes two integers: the process, and its row.")
    saved = [(process, row) for process in range(4) for row in range(8)]
    again = np.arange(len(saved)).reshape(2, -1)
    place = tuple(int(part) for part in np.argwhere(again == saved.index((2, 3)))[0])
    require(
        tuple(places) != (1, 9),
        "That is every second row. The states were laid end to end, and are cut in two.",
    )
    require(
        places[1] < 16 and places[0] < 2,
        "Two processes, 0 and 1, with 16 rows each, 0 to 15: first the process, then the row.",
    )
    require(tuple(places) == place, "How many rows lie before it, and how many has each process?")


CHECKS = {
    "two-means": _two_means,
    "whose-row": _whose_row,
}
