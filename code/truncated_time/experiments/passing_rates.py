"""Runs of `passing` at a smaller and at a larger learning rate than its own.

Of channels that outlive a chunk, from zeros and from states that were passed on or carried.
"""

from __future__ import annotations

import itertools
from typing import Any

from truncated_time.experiments import passing

RATES = (0.003, 0.3)
STARTS = ("zeros", "passed", "carried")
PACKAGES = passing.PACKAGES


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: every model, start, rate and seed."""
    return [
        {"cell": cell, "slowest": slowest, "start": start, "rate": rate, "seed": seed}
        for seed in range(seeds)
        for cell, slowest, _ in passing.MODELS
        if slowest == max(slow for _, slow, _ in passing.MODELS)
        for start, rate in itertools.product(STARTS, RATES)
    ]


def run(cell: str, slowest: float, start: str, rate: float, seed: int) -> dict[str, Any]:
    """Train one model and read on.

    Returns
    -------
    dict
        The setting, and over the last stretch of positions the mean ``loss`` in nats a word on test
        streams and that on ``validation`` streams.
    """
    row = passing.run(cell, slowest, start, rate, seed)[-1]
    losses = {name: row[name] for name in ("loss", "validation")}
    return {"cell": cell, "slowest": slowest, "start": start, "rate": rate, "seed": seed, **losses}
