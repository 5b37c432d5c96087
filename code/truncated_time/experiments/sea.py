"""The choice once more, on a series that nobody has looked at: months of the sea off Peru.

Policies, truncations and rates of ``choosing``, settled there, on another series: from the months
so far a GRU forecasts the change over the next three. The last twelve years are not read here;
``once`` does so, when all is settled.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from truncated_time.experiments import choosing
from truncated_time.experiments.shared.forecasting import ENDS, UPDATES, Stream, train
from truncated_time.tasks import sea_temperature

HORIZON, YEAR = 3, 12
VALIDATION, TEST = 37 * YEAR, 49 * YEAR  # January 1987, January 1999
END = VALIDATION - HORIZON
LANES, CHUNK = 4, 2 * YEAR
REACHES, ENDINGS = (3, 6, 12, 24), (12, 24, 36)
LAGS, DEVIATIONS = (6, 12, 24, 36), (1, 6, 12)
# The best of each policy lies inside, or ties with one that does.
SLOW = (0.002, 0.006, 0.02)
FAST = (*SLOW, 0.06)
PACKAGES = choosing.PACKAGES


def months(*, sealed: bool = False) -> Stream:
    """Scale the series up to the test part, or all of it.

    Read is the temperature, scaled; forecast is its change over the next three months, in degrees.
    Without the sealed years, the last answer is that of the last month before them.
    """
    level = sea_temperature() if sealed else sea_temperature()[:TEST]
    x = (level - level[:END].mean()) / level[:END].std()
    y = level[HORIZON:] - level[:-HORIZON]
    return Stream(
        x[: len(y), None].astype(np.float32), y.astype(np.float32), np.ones(len(y), dtype=bool),
        scale=float(y[:END].std()), end=END, validation=slice(VALIDATION, TEST - HORIZON),
        lanes=LANES, chunk=CHUNK,
    )  # fmt: skip


def usual(values: NDArray[Any]) -> NDArray[Any]:
    """Return for every month the mean of the training part over the same months of the year."""
    month = np.arange(len(values)) % YEAR
    means = np.array([values[:END][month[:END] == m].mean() for m in range(YEAR)])
    every_month: NDArray[Any] = means[month]
    return every_month


def simple(data: Stream) -> dict[str, NDArray[Any]]:
    """Forecast every month in the simple ways; what is fitted is fitted on the training part."""
    level = data.x[:, 0]
    forecasts = {
        "no change": np.zeros_like(data.y),
        "usual for the month": usual(data.y),
        "last year": np.r_[np.full(YEAR, np.nan), data.y[:-YEAR]],
    }
    forecasts |= {f"linear, {lags} months": linear(level, data.y, lags) for lags in LAGS}
    return forecasts | {
        f"deviations, {lags} months": usual(data.y)
        + linear(level - usual(level), data.y - usual(data.y), lags)
        for lags in DEVIATIONS
    }


def linear(read: NDArray[Any], y: NDArray[Any], lags: int) -> NDArray[Any]:
    """Fit the last `lags` months and a constant by least squares; forecast every month."""
    views = np.lib.stride_tricks.sliding_window_view(read, lags)
    inputs = np.c_[views, np.ones(len(views))]
    fit = slice(lags - 1, END)
    weights = np.linalg.lstsq(inputs[: END - lags + 1], y[fit], rcond=None)[0]
    forecast: NDArray[Any] = np.r_[np.full(lags - 1, np.nan), inputs @ weights]
    return forecast


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: every setting at three rates; windows from zeros at a larger one as well."""
    cells = [("carried", k1, k2) for k2 in REACHES for k1 in (1, k2)]
    cells += [("zeros", k2, k2) for k2 in REACHES]
    cells += [("warm-up", k2, k2) for k2 in REACHES[:2]]
    cells += [(ENDS, k2, k2) for k2 in ENDINGS]
    return [
        {"policy": policy, "k1": k1, "k2": k2, "rate": rate, "seed": seed}
        for rate in FAST
        for policy, k1, k2 in cells
        for seed in range(seeds)
        if rate in SLOW or policy.startswith("zeros")
    ]


def run(
    policy: str, k1: int, k2: int, rate: float, seed: int, updates: int = UPDATES
) -> dict[str, Any]:
    """Train one network.

    Returns
    -------
    dict
        The arguments; ``validation_error``, root mean squared, in degrees; and ``updates``.
    """
    best, _ = train(months(), policy, k1, k2, seed, rate, updates)
    return {"policy": policy, "k1": k1, "k2": k2, "rate": rate, "seed": seed,
            "validation_error": round(best["validation_error"], 4),
            "updates": best["updates"]}  # fmt: skip
