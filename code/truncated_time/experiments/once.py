"""One look at the last twelve years of the sea: the setting that ``sea`` chose, and its rivals.

Everything is settled before: the setting and rate by the lowest mean validation error of ``sea``,
the simple forecast by its own, and "last year" for comparison. No other experiment, and no cell of
a chapter, reads these years.
"""

from __future__ import annotations

from collections import defaultdict
from statistics import mean
from typing import Any

from truncated_time.experiments import sea
from truncated_time.experiments.shared.forecasting import train
from truncated_time.shipped import table

PACKAGES = sea.PACKAGES
SEALED = slice(sea.TEST, None)


def chosen() -> dict[str, Any]:
    """Return the setting and rate with the lowest mean validation error."""
    errors = defaultdict(list)
    for row in table("results/sea/results.csv"):
        setting = row["policy"], int(row["k1"]), int(row["k2"]), float(row["rate"])
        errors[setting].append(float(row["validation_error"]))
    best = min(errors, key=lambda setting: mean(errors[setting]))
    return dict(zip(("policy", "k1", "k2", "rate"), best, strict=True))


def chosen_simple() -> str:
    """Name the simple forecast with the lowest validation error."""
    data = sea.months()
    forecasts = sea.simple(data)
    return min(forecasts, key=lambda name: data.error(forecasts[name], data.validation))


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: the network with every seed, and each simple forecast once."""
    networks = [{"forecast": "network", "seed": seed} for seed in range(seeds)]
    return [*networks, *({"forecast": name, "seed": 0} for name in (chosen_simple(), "last year"))]


def run(forecast: str, seed: int) -> dict[str, Any]:
    """Look.

    Returns
    -------
    dict
        The arguments, and ``test_error``, root mean squared, in degrees.
    """
    data = sea.months(sealed=True)
    if forecast == "network":
        _, says = train(data, **chosen(), seed=seed)
    else:
        says = sea.simple(data)[forecast]
    return {"forecast": forecast, "seed": seed, "test_error": round(data.error(says, SEALED), 4)}
