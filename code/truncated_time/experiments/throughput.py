"""Rows or units: what makes a recurrent layer fast on the machine at hand.

One training update of an LSTM over 50 steps, for several batch sizes and widths, on a GPU if
TensorFlow sees one and else on the CPU. Steps must follow one another; only the rows and the units
of a step can be computed side by side.
"""

from __future__ import annotations

import itertools
import time
from statistics import median
from typing import Any

import numpy as np

STEPS, FEATURES, CALLS = 50, 16, 7
BATCHES, UNITS = (1, 8, 64, 512), (16, 128, 512)
PACKAGES = ("keras", "tensorflow-cpu", "numpy")
TIMED = True


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs."""
    return [
        {"units": units, "batch": batch, "seed": seed}
        for seed, units, batch in itertools.product(range(seeds), UNITS, BATCHES)
    ]


def run(units: int, batch: int, seed: int) -> dict[str, Any]:
    """Time one setting.

    Returns
    -------
    dict
        The arguments; ``device``; ``milliseconds`` of an update, the median of seven calls; and
        ``rows``, how many rows a second that makes.
    """
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    layers = [keras.Input(batch_shape=(batch, STEPS, FEATURES)), keras.layers.LSTM(units)]
    model = keras.Sequential([*layers, keras.layers.Dense(1)])
    model.compile("adam", "mse")
    x = np.random.default_rng(seed).normal(size=(batch, STEPS, FEATURES)).astype("float32")
    y = np.zeros((batch, 1), "float32")
    for _ in range(3):
        model.train_on_batch(x, y)
    taken = []
    for _ in range(CALLS):
        begun = time.perf_counter()
        model.train_on_batch(x, y)
        taken.append(time.perf_counter() - begun)
    seconds = median(taken)
    gpus = tf.config.list_physical_devices("GPU")
    name = tf.config.experimental.get_device_details(gpus[0])["device_name"] if gpus else "CPU"
    keras.backend.clear_session()
    return {"units": units, "batch": batch, "seed": seed, "device": name,
            "milliseconds": round(1000 * seconds, 2), "rows": round(batch / seconds)}  # fmt: skip
