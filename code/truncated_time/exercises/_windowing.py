"""Windows: ceilings by laying every window down."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from truncated_time.exercises._form import numbers, require


def _ceiling(length: int, increment: int, position: int, positives: Fraction) -> Fraction:
    """Lay the windows of 20 steps down, and answer all zeros with what is more frequent."""
    windows = [range(begin, begin + length) for begin in range(0, 21 - length, increment)]
    share = Fraction(sum(position in window for window in windows), len(windows))
    blank = positives * (1 - share)  # all zeros, of a positive sequence
    return positives * share + max(blank, 1 - positives)


def _close(given: float, right: Fraction) -> bool:
    return bool(abs(given - float(right)) < 2e-3)


def _middle(answer: Any) -> None:
    end_to_end, every = numbers(answer, ("the ceiling end to end", "the ceiling of increment 1"))
    half = Fraction(1, 2)
    require(max(end_to_end, every) <= 1, "Give shares between 0 and 1, not per cent.")
    require(
        not _close(end_to_end, half),
        "One half is the share of windows that hold the 1. The others can still be guessed.",
    )
    require(
        _close(end_to_end, _ceiling(10, 10, 5, half)),
        "End to end there are two windows. Which of them holds step 6, and what can be guessed "
        "about the other?",
    )
    require(
        not _close(every, _ceiling(10, 1, 0, half)),
        "For increment 1 that is the share of windows that hold the 1. The others can be guessed.",
    )
    require(
        not _close(every, _ceiling(10, 1, 4, half)),
        "One window short: steps 1 to 6 are six starts. Position 5 is step 6.",
    )
    require(
        _close(every, _ceiling(10, 1, 5, half)),
        "For increment 1 there are 11 windows. Count those that start at step 6 or before.",
    )


def _shortest(answer: Any) -> None:
    (length,) = numbers(answer, ("the length of a window",))
    require(
        length in range(1, 21), "A window of whole steps, at least 1 and at most the sequence's 20."
    )
    for shorter in range(1, int(length) + 1):
        reached = _ceiling(shorter, 1, 0, Fraction(1, 2))
        if reached >= Fraction(9, 10):
            break
    require(
        reached >= Fraction(9, 10),
        f"Windows of {int(length)} have the ceiling {float(reached):.0%}. With increment 1, how "
        "many of them contain the first step? More overlap does not make it more.",
    )
    require(shorter == length, "It is enough, but a shorter window is, too.")


def _lopsided(answer: Any) -> None:
    best, constant = numbers(answer, ("the ceiling", "the accuracy of always answering 0"))
    positives = Fraction(400, 1000)
    require(max(best, constant) <= 1, "Give shares between 0 and 1, not per cent.")
    require(
        not _close(best, _ceiling(10, 10, 0, Fraction(1, 2))),
        "That is the ceiling for as many positive as negative sequences.",
    )
    require(
        _close(best, _ceiling(10, 10, 0, positives)),
        "Windows with the 1 are all right. Of the all-zero ones, count the positive and the "
        "negative, and answer with what is more frequent.",
    )
    require(
        _close(constant, 1 - positives),
        "Always answering 0 is right for every window of a negative sequence, and no other.",
    )


def _named(answer: Any) -> None:
    """Put the 1 at every step in turn, and ask each window and each sequence."""
    by_window, by_sequence = numbers(answer, ("the ceiling for windows", "that for sequences"))
    windows = [range(begin, begin + 6) for begin in range(0, 15, 8)]
    held = [sum(place in window for window in windows) for place in range(20)]
    half = Fraction(1, 2)
    share = Fraction(sum(held), 20 * len(windows))
    seen = Fraction(sum(count > 0 for count in held), 20)
    require(max(by_window, by_sequence) <= 1, "Give shares between 0 and 1, not per cent.")
    require(
        not _close(by_window, share),
        "That is the share of positive windows that hold the 1. The others can be guessed.",
    )
    require(
        not _close(by_window, half + half * seen),
        "For windows: where the 1 is in one of them, the other one is still all zeros.",
    )
    require(
        _close(by_window, half + half * share),
        "For windows: which steps are in no window? Where the 1 is there, no window shows it.",
    )
    require(
        not _close(by_sequence, seen),
        "For sequences: without a 1 in any window you can still say 0, and half of all have none.",
    )
    require(
        not _close(by_sequence, Fraction(1)),
        "For sequences: six of the twenty steps and two more are in no window.",
    )
    require(
        not _close(by_sequence, by_window),
        "For sequences: one window that holds the 1 is enough to name all of it.",
    )
    require(
        _close(by_sequence, half + half * seen),
        "For sequences: at how many of the 20 steps may the 1 stand, so that some window holds it?",
    )


def _digits(answer: Any) -> None:
    """Ask for what any honest estimate has; a plain neighbour search says where the floor is."""
    from truncated_time.tasks import digits

    accuracy = numbers(answer, [f"the accuracy at position {n}" for n in range(4)])
    require(
        (accuracy >= 0).all() and (accuracy <= 1).all(),
        "Give shares between 0 and 1, not per cent.",
    )
    x, digit = digits()
    floor = []
    for start in range(0, 64, 16):
        piece = x[:, start : start + 16, 0].astype(float)
        fit, test = piece[:1200], piece[1200:]
        distance = (fit**2).sum(1) - 2 * test @ fit.T
        floor.append(float((digit[distance.argmin(axis=1)] == digit[1200:]).mean()))
    require(
        (accuracy > np.array(floor) - 0.15).all(),
        "At some position the nearest neighbour does far better, and a ceiling cannot be below "
        "what a model reaches. Is there a model for each position?",
    )
    require(
        (accuracy < np.array(floor) + 0.15).all(),
        "Too good for two rows of pixels. Do pieces of one digit stand on both sides of the split, "
        "or did you score training digits?",
    )


CHECKS = {
    "middle": _middle,
    "shortest": _shortest,
    "lopsided": _lopsided,
    "named": _named,
    "digits": _digits,
}
