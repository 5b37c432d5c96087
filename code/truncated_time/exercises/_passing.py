"""What a chunk begins with: states followed step by step, and steps that are read counted."""

from __future__ import annotations

from typing import Any

from truncated_time.exercises._form import numbers, require

_CHUNK, _TIMES = 24, 64


def _outgrown(answer: Any) -> None:
    """Follow the variance of a channel step by step, to the end of a chunk and far past it."""
    names = ("the ratio for 0.9", "the ratio for 0.999")
    given = numbers(answer, names)
    for ratio, name, modulus in zip(given, names, (0.9, 0.999), strict=True):
        variance, sizes = 0.0, []
        for _ in range(_CHUNK * _TIMES):
            variance = modulus**2 * variance + 1
            sizes.append(variance**0.5)
        right = sizes[-1] / sizes[_CHUNK - 1]
        require(ratio > 0, f"A ratio of two sizes is positive, unlike {name}.")
        require(
            abs(ratio - right**2) > 0.005 * right**2 or abs(ratio - right) < 0.005 * right,
            f"For {modulus}: that is the ratio of the variances. A size is a root.",
        )
        require(
            abs(ratio - _TIMES**0.5) > 0.05,
            f"For {modulus}: so it would be if nothing ever faded. By how much does a variance "
            "shrink at each step, before the next input adds to it?",
        )
        require(
            abs(ratio - right) < 0.005 * right,
            f"For {modulus}: follow the variance, v -> a * a * v + 1, from zero: {_CHUNK} steps, "
            f"then {_CHUNK * _TIMES}.",
        )


def _burn_in(answer: Any) -> None:
    """Let an error fade, step by step, until a hundredth is left."""
    names = ("steps for 0.8", "steps for 0.999")
    given = numbers(answer, names)
    for steps, modulus in zip(given, (0.8, 0.999), strict=True):
        require(steps >= 1 and steps == int(steps), f"For {modulus}: a burn-in has whole steps.")
        left, needed = 1.0, 0
        while left > 0.01:
            left, needed = left * modulus, needed + 1
        require(
            steps >= needed,
            f"For {modulus}: after {steps:g} steps {modulus**steps:.1%} of the error is left.",
        )
        require(steps == needed, f"For {modulus}: that is enough, and so are fewer. How many?")


def _reread(answer: Any) -> None:
    """Read every window of an episode, and count."""
    burnt, whole = numbers(answer, ("read with a burn-in", "read from the beginning"))
    episode, window, burn = 1000, 50, 100
    starts = range(0, episode, window)
    right = sum(min(start, burn) + window for start in starts) / episode
    from_zero = sum(start + window for start in starts) / episode
    require(
        abs(burnt - (burn + window) / window) > 0.01,
        "Burn-in: the first windows of an episode have less than 100 steps before them.",
    )
    require(
        abs(burnt - (right - 1)) > 0.01, "Burn-in: the scored steps of the window are read as well."
    )
    require(abs(burnt - right) <= 0.01, "Burn-in: go through all twenty windows, and add up.")
    require(
        abs(whole - episode / window) > 0.01,
        "From the beginning: that is the last window alone. The first one reads 50.",
    )
    require(
        abs(whole - from_zero) <= 0.01,
        "From the beginning: how many steps lie before each of the twenty windows?",
    )


CHECKS = {
    "burn-in": _burn_in,
    "outgrown": _outgrown,
    "reread": _reread,
}
