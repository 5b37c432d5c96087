"""A reach that the data choose: fresh networks measured in NumPy, all lags of a stream at once."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tbptt.adaptive import choose_reach
from truncated_time.exercises._form import numbers, require
from truncated_time.tasks import echo_language

LAG, STEPS, ROWS, STREAMS, HIDDEN, MEASURED = 20, 48, 32, 8, 32, 12
NETWORKS = 3


class _Network(NamedTuple):
    """What a fresh network has: the reach that it chooses, what that lacks, the share of lag 19."""

    reach: int
    bias: float
    share: float


def _shares(seed: int) -> NDArray[np.float64]:
    """Return of a fresh network the gradient's share at each lag, flat."""
    rng, most = np.random.default_rng(seed), HIDDEN**-0.5
    read, hear, say = (rng.uniform(-most, most, (*shape,)) for shape in (
        (HIDDEN, 2), (HIDDEN, HIDDEN), (2, HIDDEN)
    ))  # fmt: skip
    shares = np.zeros((STEPS, HIDDEN * (2 + HIDDEN + 1)))
    for stream in range(STREAMS):
        words = echo_language(STEPS, ROWS, period=LAG, seed=100 * seed + stream)
        x = np.eye(2)[words[:-1]]
        states = np.zeros((STEPS + 1, ROWS, HIDDEN))
        for t in range(STEPS):
            states[t + 1] = np.tanh(x[t] @ read.T + states[t] @ hear.T)
        odds = np.exp(states[1:] @ say.T)
        error = (odds / odds.sum(axis=2, keepdims=True) - np.eye(2)[words[1:]]) @ say
        sent = np.concatenate([x, states[:-1], np.ones((STEPS, ROWS, 1))], axis=2)
        # The errors of all steps go back together, a step at a time: after j of them at lag j.
        for lag in range(STEPS):
            reached = STEPS - lag
            error = error * (1 - states[1 : reached + 1] ** 2)
            by_weights = error.reshape(-1, HIDDEN).T @ sent[:reached].reshape(reached * ROWS, -1)
            shares[lag] += by_weights.ravel()
            error = (error @ hear)[1:]
    return shares


@cache
def _networks() -> tuple[_Network, ...]:
    """Measure some, as the exercise asks."""
    made = []
    for seed in range(NETWORKS):
        shares = _shares(seed)
        upto = shares.cumsum(axis=0)
        by_lag, by_reach = np.linalg.norm(shares, axis=1), np.linalg.norm(upto, axis=1)
        reach = choose_reach(by_lag[:MEASURED], by_reach[:MEASURED], first=7, tolerance=0.5) or LAG
        lacks = np.linalg.norm(upto[-1] - upto[reach - 1]) / by_reach[-1]
        made.append(_Network(reach, float(lacks), float(by_lag[LAG - 1] / by_reach[LAG - 1])))
    return tuple(made)


def _blind(answer: Any) -> None:
    """Compare with networks of its own, whose numbers are others, of the same size."""
    reach, share, right = numbers(
        answer, ("the longest reach", "the largest share", "whether the bound was right")
    )
    own = _networks()
    require(reach == round(reach) and reach >= 1, "A reach is a whole number of steps, 1 at least.")
    require(
        reach < MEASURED,
        "That reach would nearly cover the echo, or does. It is what the task needs; what do the "
        "data choose, who see 12 lags?",
    )
    require(
        reach <= max(network.reach for network in own) + 3,
        "No network of ours chooses so long a reach. A tolerance of one half, from lag 7 on, and a "
        "mean over eight streams?",
    )
    require(share > 0, "The share is the norm of a difference, above 0: it has to be measured.")
    require(
        share < 0.1,
        "The share: that is nearly the gradient of reach 20 itself. What has it that the one of "
        "reach 19 has not?",
    )
    sizes = [network.share for network in own]
    require(
        share < 10 * max(sizes),
        "The share is too large. Divide by the gradient of reach 20, and take the mean of the "
        "streams before the norm.",
    )
    require(
        share > min(sizes) / 30,
        "The share is too small: the norm of the difference, not the difference of the norms.",
    )
    require(right in (0, 1), "Whether the bound was right: True or False.")
    require(
        bool(right) == all(network.bias <= 0.5 for network in own),
        "The bound: it does not promise that the echo is covered. How much of the whole gradient "
        "does the chosen reach lack?",
    )


CHECKS = {"blind": _blind}
