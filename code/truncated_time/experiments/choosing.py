"""What to choose for one real stream? Weekly carbon dioxide, with its missing weeks.

From the weeks so far a GRU forecasts the change over the next 13. The state policy (zeros, warm-up,
carried) and the truncation vary, and for those that contend the learning rate; the number of
updates, and the answers that each one scores, do not, but for windows from zeros that score their
last answer alone: those score 64. Weights are chosen on the validation part; the test part is
forecast with those.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from truncated_time.experiments.shared.forecasting import ENDS, UPDATES, Floats, Stream
from truncated_time.experiments.shared.forecasting import train as train_on
from truncated_time.experiments.shared.weeks import END, HORIZON, TEST, VALIDATION
from truncated_time.tasks import carbon_dioxide, carbon_dioxide_raw

LANES, CHUNK = 8, 52
REACHES = (4, 13, 26, 52)
COMMON = 0.005
# The best of each policy at other rates: its best rate lies inside.
CONTEND = {
    ("carried", 1, 13): (0.0005, 0.0015, COMMON, 0.015),
    (ENDS, CHUNK, CHUNK): (0.0015, COMMON, 0.015, 0.045),
}
PACKAGES = ("torch", "numpy", "statsmodels")


def weeks() -> Stream:
    """Fill, difference and scale the raw series.

    Read are the scaled change since the week before, and 1 where the week was not measured;
    forecast is the change over the next 13 weeks, in ppm.
    """
    missing, level = np.isnan(carbon_dioxide_raw()), carbon_dioxide()
    change = np.diff(level)[:-HORIZON]
    y = level[1 + HORIZON :] - level[1:-HORIZON]
    scored = ~missing[1 + HORIZON :] & ~missing[1:-HORIZON]
    x = np.stack([change / change[:END].std(), missing[1:-HORIZON]], axis=1)
    return Stream(
        x.astype(np.float32), y.astype(np.float32), scored,
        scale=float(y[:END][scored[:END]].std()), end=END, validation=part("validation"),
        lanes=LANES, chunk=CHUNK,
    )  # fmt: skip


def part(name: str) -> slice:
    """Name the weeks of a part; before each cut a horizon is left out."""
    return {
        "training": slice(0, END),
        "validation": slice(VALIDATION, TEST - HORIZON),
        "test": slice(TEST, None),
    }[name]


def error_of_part(forecast: NDArray[Any], data: Stream, name: str) -> float:
    """Root mean squared error in ppm, over the measured weeks of a part."""
    return data.error(forecast, part(name))


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: every setting at the common rate; the two that contend at four."""
    cells = [("carried", k1, k2) for k2 in REACHES for k1 in (1, k2)]
    cells += [("zeros", k2, k2) for k2 in (4, CHUNK)]
    cells += [("warm-up", 13, 13), (ENDS, CHUNK, CHUNK)]
    return [
        {"policy": policy, "k1": k1, "k2": k2, "rate": rate, "seed": seed}
        for policy, k1, k2 in cells
        for rate in CONTEND.get((policy, k1, k2), (COMMON,))
        for seed in range(seeds)
    ]


def train(
    policy: str, k1: int, k2: int, seed: int, rate: float, updates: int = UPDATES
) -> tuple[dict[str, Any], Floats]:
    """Train one network.

    Returns
    -------
    dict
        ``validation_error`` and ``test_error`` (root mean squared, in ppm), and ``updates``.
    ndarray of float32, shape (weeks,)
        What the chosen weights say for every week, in ppm.
    """
    data = weeks()
    best, forecast = train_on(data, policy, k1, k2, seed, rate, updates)
    return {**best, "test_error": error_of_part(forecast, data, "test")}, forecast


def run(policy: str, k1: int, k2: int, rate: float, seed: int) -> dict[str, Any]:
    """Train one network.

    Returns
    -------
    dict
        The arguments, ``validation_error``, ``test_error`` and ``updates``.
    """
    best, _ = train(policy, k1, k2, seed, rate)
    return {"policy": policy, "k1": k1, "k2": k2, "rate": rate, "seed": seed,
            **{name: round(value, 4) for name, value in best.items()}}  # fmt: skip
