"""Windows from a replay, at half and at twice the learning rate of ``burnin``.

The networks of ``burnin``, which has them at its one rate: whether what a window begins with
decides what is learned at other rates as well.
"""

from __future__ import annotations

from typing import Any

from truncated_time.experiments import burnin

PACKAGES = burnin.PACKAGES
RATES = (burnin.RATE / 2, 2 * burnin.RATE)


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: the settings of ``burnin``, at both rates."""
    return [{**setting, "rate": rate} for setting in burnin.grid(seeds) for rate in RATES]


def run(start: str, burn: int, life: int, seed: int, rate: float) -> dict[str, Any]:
    """Train one network as ``burnin`` does, and read new episodes from their beginning.

    Returns
    -------
    dict
        The arguments, and the losses in nats of the word (``near``) and of the room (``far``).
    """
    row = burnin.run(start, burn, life, seed, rate)
    losses = {name: row[name] for name in ("near", "far")}
    return {"start": start, "burn": burn, "life": life, "seed": seed, "rate": rate, **losses}
