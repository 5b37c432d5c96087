"""Whether states look drawn at random, or as a network left them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Of so many units and states can one say it; and so far apart the means of units may be.
_UNITS, _STATES, _RATIO = 4, 8, 3


def looks_drawn(states: NDArray[Any]) -> bool:
    """Say whether no unit of states (n, units) differs from the others.

    States that a network left somewhere else, in a buffer, say, have units of their own means: then
    the means of units differ by much more than the means of as many random numbers would.
    """
    states = states.astype(float)
    count, units = states.shape
    if units < _UNITS or count < _STATES or len(np.unique(states, axis=0)) < 0.9 * count:
        return False
    spread = states.var(ddof=1)
    return bool(spread > 0 and count * states.mean(0).var(ddof=1) < _RATIO * spread)
