"""How long two copies of a random network that read the same need to agree."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

PACKAGES = ("numpy",)


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: every size of the weights, every seed."""
    return [
        {"gain": gain, "seed": seed}
        for seed, gain in itertools.product(range(seeds), (0.5, 0.8, 0.9))
    ]


def run(gain: float, seed: int) -> dict[str, Any]:
    """Count steps until a hundredth of the first distance is left."""
    rng = np.random.default_rng(seed)
    recurrent = gain * np.linalg.qr(rng.standard_normal((16, 16)))[0]
    states = rng.uniform(-1, 1, (2, 16))
    first, steps = np.linalg.norm(states[0] - states[1]), 0
    while np.linalg.norm(states[0] - states[1]) > first / 100:
        states = np.tanh(states @ recurrent + 0.1 * rng.standard_normal(16))
        steps += 1
    return {"gain": gain, "seed": seed, "steps": steps}
