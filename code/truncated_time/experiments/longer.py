"""Memories that are taught less than the lag, trained six times as long as in ``beyond``.

A table of 250 updates cannot tell "later" from "never": these are its controls.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from truncated_time.experiments import beyond

PACKAGES = beyond.PACKAGES
UPDATES, EVERY = 1500, 250
# Layers, width, segment: the word is seen, and is further away than any error is taught.
MEMORIES = ((2, 3, 2), (2, 3, 1))


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: every memory and every seed."""
    return [
        {"setting": " ".join(map(str, setting)), "seed": seed}
        for setting in MEMORIES
        for seed in range(seeds)
    ]


def run(setting: str, seed: int) -> list[dict[str, Any]]:
    """Train one memory for long.

    Returns
    -------
    list of dict
        After every 250 ``updates`` the mean ``loss`` in nats a word of the last 40 of them.
    """
    torch.set_num_threads(1)
    shape = tuple(float(number) for number in setting.split())
    losses = beyond.learn("memory", shape, seed, UPDATES)
    return [
        {"setting": setting, "seed": seed, "updates": done,
         "loss": round(float(np.mean(losses[done - beyond.LAST : done])), 4)}
        for done in range(EVERY, UPDATES + 1, EVERY)
    ]  # fmt: skip
