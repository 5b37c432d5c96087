"""How far is far enough: right angles measured, shares counted pair by pair, gates opened."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tbptt.schedule import Truncation
from truncated_time.exercises._form import function, integers, numbers, require


def _one_per_cent(answer: Any) -> None:
    """Put the two parts at right angles, and measure the angle."""
    (share,) = numbers(answer, ("the part that is cut off, as a share of the part that is kept",))
    require(0 < share < 1, "Give a share between 0 and 1.")
    whole = math.hypot(1, share)
    require(
        abs(share - 0.01) > 1e-3,
        f"A part of that length gives a cosine of {1 / whole:.5f}: nearer to 1 than 0.99. A cosine "
        "hardly falls at first.",
    )
    require(
        abs(share - math.sqrt(1 - 0.99**2)) > 5e-4,
        "That is the part as a share of the *whole* gradient. How long is it, compared with what "
        "is kept?",
    )
    require(abs(share - 0.14) > 1e-4, "Give three digits: to two, a common mistake is the same.")
    require(abs(1 / whole - 0.99) < 1e-4, f"The cosine would be {1 / whole:.4f}.")


def _without_lag(answer: Any) -> None:
    """Add up which error reaches which step, instead of gradients."""
    require(
        isinstance(answer, tuple | list)
        and all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in answer)
        and all(isinstance(pair[1], Truncation) for pair in answer),
        "This takes a list of pairs: (factor, Truncation(k1, k2)).",
    )
    total = np.zeros((24, 24))
    for factor, truncation in answer:
        (times,) = numbers(factor, ("a factor",))
        total += times * truncation.reach(24)
    lag = np.subtract.outer(np.arange(24), np.arange(24))
    require(not (total[lag == 3] == 1).any(), "Lag 3 is still there.")
    require(
        not total[lag == 3].any(),
        "Some errors reach lag 3 still, or it is taken away too often: chunks give lag 3 to some "
        "errors only.",
    )
    require(
        (total[(lag >= 0) & (lag < 3)] == 1).all(),
        "The nearer lags are not there once each: what else does a reach of 4 hold than lag 3?",
    )
    require((total[lag > 3] == 1).all(), "The lags beyond 3 are not there once each.")


def _read_reach(answer: Any) -> None:
    """Try tables in which one of the two conditions decides."""
    reach = function(answer, "reach(sizes, agreements)")
    cases = (
        # Sizes, agreements, the last lag that counts, what a wrong answer has taken.
        ([1, 0.8, 0.5, 0.04], [0.9] * 4, 2, "A small share counts, though all streams agree on it"),
        ([1, 0.8, 0.5, 0.4], [0.9, 0.8, 0.6, 0.1], 2, "A share counts on which no streams agree"),
        ([1, 0.03, 0.02, 0.3, 0.01], [0.9] * 5, 3, "You stop at the first lag that does not count"),
        ([0.2, 0.3, 1.0, 0.04], [0.1, 0.6, 0.7, 0.9], 2, "Compare with the *largest* share"),
    )
    for sizes, agreements, last, taken in cases:
        (found,) = integers([reach(np.array(sizes), np.array(agreements))], "the reach")
        require(
            found != last,
            "That is the last lag that counts. Which reach does it need, with lag 0 for the "
            "error's own step?",
        )
        require(found == last + 1, f"{taken}, in sizes {sizes}, agreements {agreements}.")


def _below_rounding(answer: Any) -> None:
    """Divide, step by step, until it is small enough."""
    given = integers(answer, "the two lags")
    require(len(given) == 2, "Give two lags: for a factor of 2.3, and for 1.5.")
    for factor, lag in zip((2.3, 1.5), given, strict=True):
        error, steps = 1.0, 0
        while error >= 2**-23:
            error, steps = error / factor, steps + 1
        require(
            lag != steps - 1,
            f"For {factor}: it is still {factor**-lag / 2**-23:.1f} times the rounding there.",
        )
        require(
            lag != steps + 1,
            f"For {factor}: it was below one step earlier. Lag 0 is the error's own.",
        )
        require(lag == steps, f"For {factor}: divide once for each lag. How often, for 2**23?")


def _gate(answer: Any) -> None:
    (bias,) = numbers(answer, ("the sum of the forget gate's two biases",))
    opening = 1 / (1 + math.exp(-min(max(bias, -50.0), 50.0)))
    require(
        abs(bias - 0.95) > 0.02,
        f"A bias goes through the sigmoid: {bias:g} opens the gate by {opening:.2f}.",
    )
    require(
        opening > 0.935,
        f"The gate is open by {opening:.2f} only: after 19 steps {opening**19:.1g} would be left.",
    )
    require(
        opening < 0.97,
        f"The gate is open by {opening:.3f}, more than was asked. Did you set both biases?",
    )


CHECKS = {
    "one-per-cent": _one_per_cent,
    "without-lag": _without_lag,
    "read-reach": _read_reach,
    "below-rounding": _below_rounding,
    "gate": _gate,
}
