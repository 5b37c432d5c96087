"""Cures for a leak: updates counted batch by batch, chunks drawn, conditions taken one by one."""

from __future__ import annotations

from typing import Any

import numpy as np

from truncated_time.exercises._form import numbers, require


def _updates_left(answer: Any) -> None:
    """Go through an epoch, batch by batch and chunk by chunk."""
    each, once, epochs = numbers(
        answer, ("updates after every chunk", "updates with one a batch", "epochs")
    )
    batches = range(0, 480, 8)
    chunks = sum(len(range(0, 64, 4)) for _ in batches)
    require(
        each != 480 * 16 and once != 480,
        "The 8 digits of a batch are read side by side: one update for all of them.",
    )
    require(each != 16, "That is one batch; an epoch has all 480 digits.")
    require(each == chunks, "After every chunk: how many batches, and how many chunks in a digit?")
    require(once == len(batches), "One a batch: how many batches do 480 digits make?")
    require(epochs != 1 / 16, "The other way round: an epoch of the second has fewer updates.")
    require(epochs * once == each, "Epochs of the second have to add up to one of the first.")


def _alone(answer: Any) -> None:
    """Draw chunks of both classes and decide by their mean."""
    (steps,) = numbers(answer, ("a number of steps",))
    require(steps >= 1 and steps == round(steps), "Whole steps, one at least.")
    require(
        steps != 7,
        "So many would do if the means were one apart; compare with the value half way between "
        "the two classes.",
    )

    def right(length: int) -> float:
        """Share of chunks whose mean lies on the side of its class, of 400,000 of each class."""
        means = np.random.default_rng(8).normal(0.0, length**-0.5, 400_000)
        return float(((means < 0.25).mean() + (means + 0.5 > 0.25).mean()) / 2)

    tolerance = 6e-4  # of the drawing; one step more or less changes the share by 4e-3
    require(
        right(int(steps)) > 0.9 - tolerance,
        f"{int(steps)} steps are too few: the mean of so many numbers still scatters too far.",
    )
    require(
        steps <= 2 or right(int(steps) - 1) < 0.9 + tolerance,
        f"{int(steps)} steps are enough, but so are fewer.",
    )


def _which_leak(answer: Any) -> None:
    """Ask of each loop what the leak needs."""
    loops = {  # a state carried within the pass, updates within it, the same label throughout
        "a": (True, False, True),
        "b": (True, True, True),
        "c": (True, True, False),
        "d": (False, True, True),
    }
    missing = (
        "what is there to read, if no state goes on?",
        "do the weights move while one sequence is read?",
        "is the label of the last chunk the answer to this one?",
    )
    require(
        isinstance(answer, dict) and set(answer) == set(loops),
        "Give a dict with the keys 'a', 'b', 'c' and 'd'.",
    )
    for loop, conditions in loops.items():
        says = answer[loop]
        require(isinstance(says, bool | np.bool_), f'"{loop}": True or False.')
        if all(conditions):
            require(says, f'"{loop}": which of the three things that the leak needs is missing?')
        else:
            require(not says, f'"{loop}": {missing[conditions.index(False)]}')


CHECKS = {
    "updates-left": _updates_left,
    "alone": _alone,
    "which-leak": _which_leak,
}
