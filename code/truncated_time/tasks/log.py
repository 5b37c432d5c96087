"""A machine's log, one bit per step: most of what can be known of the next bit lies six steps back.

The bit repeats the last one with probability `NEAR`, the one six steps before it with probability
`FAR`, and is else drawn fairly. A model without memory still learns something, so that its loss
falls; what it misses is known exactly.
"""

from __future__ import annotations

from math import log

import numpy as np
from numpy.typing import NDArray

from tbptt._checks import positive_int

DISTANCE, NEAR, FAR = 6, 0.25, 0.65


def machine_log(steps: int, *, seed: int) -> NDArray[np.int64]:
    """Draw a log.

    Parameters
    ----------
    steps : int
        Its length.
    seed : int
        Decides every draw.

    Returns
    -------
    ndarray of int, shape (steps,)
        Zeros and ones.

    Raises
    ------
    TypeError, ValueError
        If `steps` is not an integer of at least 1.

    Examples
    --------
    >>> from truncated_time.tasks import machine_log
    >>> bits = machine_log(10_000, seed=0)
    >>> float((bits[6:] == bits[:-6]).mean().round(2))
    0.87
    """
    steps = positive_int("steps", steps)
    rng = np.random.default_rng(seed)
    bits, chance = rng.integers(2, size=steps), rng.random(steps)
    for t in range(DISTANCE, steps):
        if chance[t] < FAR:
            bits[t] = bits[t - DISTANCE]
        elif chance[t] < FAR + NEAR:
            bits[t] = bits[t - 1]
    return bits


def machine_log_floors() -> tuple[float, float]:
    """Return the lowest mean loss, in nats per step, with memory of six steps and with none.

    Returns
    -------
    tuple of float
        The entropy of the next bit given the last six, and given the last one alone.

    Examples
    --------
    >>> from truncated_time.tasks import machine_log_floors
    >>> with_memory, without = machine_log_floors()
    >>> round(with_memory, 3), round(without, 3)
    (0.327, 0.565)
    """
    pasts = np.arange(2**DISTANCE)  # the newest bit is the lowest one
    last, sixth = pasts & 1, pasts >> (DISTANCE - 1)
    one = NEAR * last + FAR * sixth + (1 - NEAR - FAR) / 2
    moves = np.zeros((len(pasts), len(pasts)))
    following = (pasts << 1) & (len(pasts) - 1)
    moves[pasts, following], moves[pasts, following | 1] = 1 - one, one
    shares = np.full(len(pasts), 1 / len(pasts))
    for _ in range(1000):
        shares = shares @ moves
    repeats = float(shares @ np.where(last == 1, one, 1 - one))
    return float(shares @ [_entropy(p) for p in one]), _entropy(repeats)


def _entropy(p: float) -> float:
    return -p * log(p) - (1 - p) * log(1 - p)
