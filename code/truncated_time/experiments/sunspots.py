"""Does an LSTM gain from a leak? Sunspots, split at random and in blocks of time.

An LSTM sees a window of years and forecasts the mean activity of the next 11, about one cycle.
The same windows are split into five folds twice: at random, as ``shuffle=True`` does, and in
blocks of time whose training windows share no year with the test block.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from tbptt.splits import Fold, block_folds
from tbptt.windows import forecast_windows
from truncated_time.tasks import sunspots

HORIZON = 11
FOLDS = 5
WINDOWS = (5, 11, 22, 44)
UNITS, EPOCHS, BATCH, LEARNING_RATE = 32, 60, 64, 0.01
PACKAGES = ("keras", "tensorflow-cpu", "numpy", "scikit-learn")


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: every window, both splits, every seed."""
    return [
        {"window": window, "split": split, "seed": seed}
        for window, split, seed in itertools.product(WINDOWS, ("random", "blocks"), range(seeds))
    ]


def folds_of(split: str, starts: np.ndarray, span: int, seed: int) -> list[Fold]:
    """Split the windows at random or in blocks of time."""
    from sklearn.model_selection import KFold

    if split == "blocks":
        return block_folds(starts, span, FOLDS)
    return list(KFold(FOLDS, shuffle=True, random_state=seed).split(starts))


def run(window: int, split: str, seed: int) -> dict[str, Any]:
    """Train on four folds and test on the fifth, five times over.

    Returns
    -------
    dict
        The arguments, and root mean squared errors in sunspot numbers: ``train_error`` and
        ``test_error`` over all folds.
    """
    import keras

    _, activity = sunspots()
    past, future, starts = forecast_windows(activity / 100, window, 1, HORIZON)
    x, y = past[:, :, None].astype("float32"), future.mean(axis=1, keepdims=True).astype("float32")
    squares: dict[str, list[np.ndarray]] = {"train": [], "test": []}
    for train, test in folds_of(split, starts, window + HORIZON, seed):
        keras.utils.set_random_seed(seed)
        layers = [keras.Input((window, 1)), keras.layers.LSTM(UNITS), keras.layers.Dense(1)]
        model = keras.Sequential(layers)
        model.compile(keras.optimizers.Adam(LEARNING_RATE), "mse")
        model.fit(x[train], y[train], epochs=EPOCHS, batch_size=BATCH, verbose=0)
        for name, side in (("train", train), ("test", test)):
            squares[name].append((np.asarray(model(x[side])) - y[side]) ** 2)
        keras.backend.clear_session()
    errors = {
        f"{name}_error": round(100 * float(np.sqrt(np.concatenate(parts).mean())), 2)
        for name, parts in squares.items()
    }
    return {"window": window, "split": split, "seed": seed, **errors}
