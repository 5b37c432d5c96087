"""What a window begins with: words that were read listed, losses averaged, episodes counted."""

from __future__ import annotations

from typing import Any

import numpy as np

from truncated_time.exercises._form import array, function, numbers, require
from truncated_time.tasks import echo_floors


def _short_warm_up(answer: Any) -> None:
    """List which words each answer has read."""
    warm_up, read = numbers(answer, ("words of warm-up", "words read for each one scored"))
    distance, window = 5, 20
    require(warm_up == round(warm_up) and warm_up >= 0, "Whole words of warm-up.")

    def guesses(words: int) -> int:
        """Count answers whose word was not read: inputs from -words on were."""
        return sum(step - distance < -words for step in range(window))

    require(
        warm_up != 6,
        "Six words lie between a word and its echo; but the window's own first word is read too.",
    )
    require(guesses(int(warm_up)) == 0, f"{guesses(int(warm_up))} answers are still a guess.")
    require(guesses(int(warm_up) - 1) > 0, "Fewer words do as well.")
    require(
        abs(read - (window + warm_up) / window) < 1e-6,
        "The warm-up is read as well, and not scored: how many words for 20 that are?",
    )


def _window_length(answer: Any) -> None:
    """Average a window's losses."""
    (words,) = numbers(answer, ("words in a window",))
    floor, guess = echo_floors()
    require(words == round(words) and words >= 5, "Whole words, five at least.")

    def extra(length: int) -> float:
        losses = np.where(np.arange(length) < 5, guess, floor)
        return float(losses.mean() - floor)

    require(
        words != np.ceil((guess - floor) / 0.01),
        "That is for one answer; the beginning costs five of them.",
    )
    require(
        extra(int(words)) <= 0.01,
        f"In a window of {int(words)} words the beginning still costs {extra(int(words)):.3f} "
        "nats per word.",
    )
    require(extra(int(words) - 1) > 0.01, "A shorter window does as well.")


def _done(answer: Any) -> None:
    """Count in which step of its episode each step is."""
    begins = function(answer, "begins(done)")
    done = np.random.default_rng(3).random((12, 4)) < 0.25
    given = done.copy()
    flags = array(begins(given), "bool of shape (steps, rows)")
    require(
        flags.shape == done.shape,
        f"Flags for every step and row: shape {done.shape}, not {flags.shape}.",
    )
    require((given == done).all(), "Your function changes `done`, which the rollout still needs.")
    age = np.zeros(done.shape, dtype=int)  # steps since its episode began
    for t in range(1, len(done)):
        age[t] = np.where(done[t - 1], 0, age[t - 1] + 1)
    require(
        not (flags == done).all(),
        "These are the steps that end an episode. Before which step does the next one begin?",
    )
    require(flags[0].all(), "The first step of each row begins an episode.")
    late = (flags[2:] == done[:-2]).all()
    require(not late, "That is a step late: the first step of an episode reads the old state.")
    require((flags.astype(bool) == (age == 0)).all(), "Not all flags are where an episode begins.")


CHECKS = {
    "short-warm-up": _short_warm_up,
    "window-length": _window_length,
    "done": _done,
}
