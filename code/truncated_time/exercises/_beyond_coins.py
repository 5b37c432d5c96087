"""Coins in place of rulers: tossed and counted, followed exactly, and pushed through by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from truncated_time.exercises._form import function, numbers, require


def _coin(answer: Any) -> None:
    """Multiply the factors up, and toss the coins."""
    chance, length, share = numbers(answer, ("the chance", "the mean length", "the share"))
    require(0 < chance < 1, "A chance lies between 0 and 1.")

    def loud(c: float) -> float:
        return float(np.prod(np.full(20, 1 / (1 - c))))

    require(
        loud(chance) < 10.1,
        f"With this chance an error at lag 20 counts {loud(chance):.3g}-fold: one factor for each "
        "step back, multiplied.",
    )
    require(
        loud(chance + 1e-3) > 10,
        f"With this chance an error at lag 20 counts {loud(chance):.3g}-fold. She may cut more "
        "often.",
    )
    tosses = np.random.default_rng(3).random(400_000) < chance
    met = len(tosses) / tosses.sum()
    require(
        abs(length - met) < 0.03 * met,
        "The mean length: how long does one wait for heads, with a coin of this chance?",
    )
    heads = np.concatenate([[0], tosses.cumsum()])
    through = np.mean(heads[20:] == heads[:-20])  # no heads in twenty tosses
    require(share <= 1, "Give the share between 0 and 1, not per cent.")
    require(
        abs(share - chance) > 5e-3 or abs(chance - through) < 5e-3,
        "The share: that is how often one step is cut. Twenty tosses have to go well.",
    )
    require(
        abs(share - through) < 5e-3,
        "The share: twenty tosses in a row must not be heads. How does that go with the weight, "
        "whose mean is 1?",
    )


def _tail(answer: Any) -> None:
    """Follow the length of a chunk from step to step; nothing is drawn."""
    ask: Callable[..., Any] = function(answer, "chance(length)")
    most = 4000
    chances = np.empty(most)
    for length in range(1, most + 1):
        (chances[length - 1],) = numbers(ask(length), ("a chance",))
    require(
        ((chances >= 0) & (chances < 1)).all(),
        "A chance is at least 0 and below 1: with 1 no error would cross, and no factor could make "
        "up for it.",
    )
    # How often a chunk gets as long as 1, 2, …: the sum is its mean length.
    survive = np.cumprod(np.append(1.0, 1 - chances))[:-1]
    mean = survive.sum()
    require(
        survive[-1] < 1e-6,
        f"Some chunks do not end within {most} steps: keep the chance well above 0.",
    )
    require(
        mean <= 5.05,
        f"Chunks are {mean:.2f} steps long on average, more than Cleo can keep. Long ones cost "
        "little only if they are rare.",
    )
    # Each of five factors is squared, and met as often as its error survives: once a factor.
    lags = np.lib.stride_tricks.sliding_window_view(1 / (1 - chances), 5).prod(axis=1)
    square = float((survive[: len(lags)] / mean * lags).sum())
    require(
        np.ptp(chances) > 1e-9 or square < 2.5,
        f"A constant chance makes the mean square {square:.2f}. Let it depend on the length.",
    )
    require(
        chances[0] >= chances[:40].mean() or square < 2.5,
        f"The mean square is {square:.2f}: your chance rises, and cuts the long chunks that lag 5 "
        "needs.",
    )
    require(
        square < 2.5,
        f"The mean square is {square:.2f} at a mean length of {mean:.2f}: better share out the "
        "cuts between the first step of a chunk and the later ones.",
    )


def _sign(answer: Any) -> None:
    """Push the weight in one step alone, and see what becomes of it."""
    ruler, plain, full = numbers(answer, ("up to lag 1", "halved each step", "the whole sum"))

    def run(pushed: int, steps: int = 60) -> float:
        h = v = 0.0
        for t in range(steps):
            theta = float(t == pushed)
            h, v = h / 2 + v - theta, v / 2 + theta
        return h

    shares = np.array([run(59 - lag) for lag in range(60)])
    require(
        abs(ruler - shares[0]) > 1e-3,
        "Up to lag 1: a reach of 2 covers the step itself, and one before.",
    )
    require(
        abs(ruler - shares[:3].sum()) > 1e-3,
        "Up to lag 1: a reach of 2 counts the step itself, so it ends a lag earlier.",
    )
    require(
        abs(ruler - shares[:2].sum()) < 1e-3,
        "Up to lag 1: push the weight in the last step and in the one before. What does $h$ do?",
    )
    require(
        abs(full - shares.sum()) < 1e-3,
        "The whole sum: how far does $h$ move in the end if the weight moves by 1 for good?",
    )
    require(
        abs(plain - full) > 1e-3,
        "Halved: that is with the doubling. Without it, what survives a toss is not made up for.",
    )
    require(
        abs(plain - shares @ 0.5 ** np.arange(60)) < 1e-3,
        "Halved: an error at lag $j$ survives $j$ tosses. Its own step needs none.",
    )


CHECKS = {"coin": _coin, "tail": _tail, "sign": _sign}
