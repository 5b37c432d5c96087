"""What a reach short of the evidence learns, at several learning rates and for long.

One learning rate cannot tell "not taught" from "not taught at this rate". The task, the network and
the loop are those of ``language``; a readout alone is the control: what can be read from a network
whose recurrent weights nobody trains?
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import torch

from tbptt.schedule import Truncation
from truncated_time.experiments import language

PACKAGES = language.PACKAGES
UPDATES, EVERY = 1500, 50
RATES = (0.001, 0.003, 0.01)
WAYS = {
    "true 5": Truncation.true(5),
    "chunks of 5": Truncation.epochwise(5),
    "true 6": Truncation.true(6),
    "readout alone": Truncation.true(1),
}


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: every way, rate and seed."""
    return [
        {"way": way, "rate": rate, "seed": seed}
        for seed, rate, way in itertools.product(range(seeds), RATES, WAYS)
    ]


def run(way: str, rate: float, seed: int) -> list[dict[str, Any]]:
    """Train one network for long.

    Returns
    -------
    list of dict
        The setting, and for every 50 ``updates`` their mean ``loss`` in nats a word.
    """
    torch.set_num_threads(1)
    alone = way == "readout alone"
    losses = language.train(WAYS[way], seed, UPDATES, rate, readout_alone=alone)
    return [
        {"way": way, "rate": rate, "seed": seed, "updates": done,
         "loss": round(float(np.mean(losses[done - EVERY : done])), 4)}
        for done in range(EVERY, UPDATES + 1, EVERY)
    ]  # fmt: skip
