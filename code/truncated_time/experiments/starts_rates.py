"""What a window should begin with, each way at its best of four learning rates.

The networks of ``starts``, which has every step at its one rate, at that rate and at others. The
best rate of each way to begin lies inside.
"""

from __future__ import annotations

from statistics import mean
from typing import Any

from truncated_time.experiments import starts

PACKAGES = starts.PACKAGES
RATES = (0.001, 0.003, 0.01, 0.03)


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: the settings of ``starts``, at every rate."""
    return [{**setting, "rate": rate} for setting in starts.grid(seeds) for rate in RATES]


def run(stream: str, lag: int, start: str, seed: int, rate: float) -> dict[str, Any]:
    """Train one network as ``starts`` does, and test it in windows begun as it was trained.

    Returns
    -------
    dict
        The arguments; ``first``, the mean loss in nats of a window's first steps, those that lag
        6 would have look before it; and ``others``, of the steps after them.
    """
    losses = [
        row["loss"]
        for row in starts.run(stream, lag, start, seed, rate)
        if row["reset"] == "as trained"
    ]
    # A window that is a sequence does not show what its first 6 steps repeat.
    early = max(starts.LAGS) - 1 if stream == "continued" else len(starts.BEGINNING)
    return {
        "stream": stream, "lag": lag, "start": start, "seed": seed, "rate": rate,
        "first": round(mean(losses[:early]), 4), "others": round(mean(losses[early:]), 4),
    }  # fmt: skip
