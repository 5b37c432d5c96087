"""How the experiments on weekly carbon dioxide split it, and their error."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

HORIZON = 13  # weeks ahead that are forecast
VALIDATION, TEST = 1400, 1840  # first weeks of the parts
END = VALIDATION - HORIZON  # no answer of the training part looks into the next one


def rmse(forecast: NDArray[Any], measured: NDArray[Any]) -> float:
    """Root mean squared error, in the unit of its arguments."""
    return float(np.sqrt(np.mean((forecast - measured) ** 2)))
