"""Does carrying the state pay on a real series? Weekly carbon dioxide at Mauna Loa.

From the weeks so far an LSTM forecasts the change over the next 13. One network sees windows from
a zero state, overlapping and shuffled, and answers at the last step. The other reads the series in
eight lanes, its state carried from window to window, and answers at every step. Both make the
same number of updates. Weights are chosen on the validation part and tested on the end.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truncated_time.experiments.shared.weeks import END, HORIZON, TEST, VALIDATION, rmse
from truncated_time.tasks import carbon_dioxide

LANES, BATCH, UNITS = 8, 64, 16
WINDOWS = (2, 4, 13, 26, 52)
UPDATES, CHECKS, LEARNING_RATE = 2000, 20, 0.003
PACKAGES = ("keras", "tensorflow-cpu", "numpy", "statsmodels")


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: every window, both ways, every seed."""
    return [
        {"way": way, "window": window, "seed": seed}
        for window, way, seed in itertools.product(WINDOWS, ("windows", "carried"), range(seeds))
    ]


def series() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weekly changes ``(weeks, 1)``, and the change over the next 13 weeks, in ppm."""
    level = carbon_dioxide()
    x = np.diff(level)[:, None]
    y = (level[1 + HORIZON :] - level[1:-HORIZON])[:, None]
    return x[: len(y)].astype("float32"), y.astype("float32")


Batch = tuple[bool, NDArray[np.float32], NDArray[np.float32]]


def lanes(window: int) -> Iterator[Batch]:
    """Yield batches of eight lanes for ever, and whether the lanes begin again."""
    lane = END // LANES // window * window
    x, y = (part[END - LANES * lane : END].reshape(LANES, lane, 1) for part in series())
    while True:
        for start in range(0, lane, window):
            steps = slice(start, start + window)
            yield start == 0, x[:, steps], y[:, steps]


def shuffled(window: int, seed: int) -> Iterator[Batch]:
    """Yield batches of overlapping windows for ever, drawn again in each epoch."""
    x, y = series()
    windows = np.lib.stride_tricks.sliding_window_view(x[:END, 0], window)[:, :, None]
    targets = y[window - 1 : END]
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(len(windows))
        for start in range(0, len(order) - BATCH + 1, BATCH):
            rows = order[start : start + BATCH]
            yield False, windows[rows], targets[rows]


def baselines() -> dict[str, float]:
    """Errors on the test part of saying the training mean, and what last year's weeks did."""
    _, y = series()
    return {
        "mean": rmse(y[:END].mean(), y[TEST:]),
        "last year": rmse(y[TEST - 52 : len(y) - 52], y[TEST:]),
    }


def network(batch: int | None, steps: int, *, carried: bool, rate: float = LEARNING_RATE) -> Any:
    """Build and compile one of the two networks."""
    import keras

    model = keras.Sequential(
        [
            keras.Input(batch_shape=(batch, steps, 1)),
            keras.layers.LSTM(UNITS, stateful=carried, return_sequences=carried),
            keras.layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(rate), "mse")
    return model


def answers(model: Any, window: int, *, carried: bool) -> NDArray[Any]:
    """Return what a network says for every week; NaN where its window would begin too early."""
    from tbptt.keras import twin

    x, y = series()
    if carried:  # one row, from the first week to the last: the past warms the state up
        return np.asarray(twin(model, 1).predict_on_batch(x[None])[0])
    views = np.lib.stride_tricks.sliding_window_view(x[:, 0], window)[:, :, None]
    forecast = np.full_like(y, np.nan)
    forecast[window - 1 :] = model.predict(views, batch_size=512, verbose=0)
    return forecast


def run(way: str, window: int, seed: int, rate: float = LEARNING_RATE) -> dict[str, Any]:
    """Train one network, and test the weights that did best on the validation part.

    Parameters
    ----------
    way, window, seed
        As in the grid.
    rate : float, optional
        Learning rate of Adam.

    Returns
    -------
    dict
        The arguments, ``validation_error`` and ``test_error`` (root mean squared, in ppm), and
        ``updates``, after how many the chosen weights were made.
    """
    import keras

    from tbptt.keras import reset_rows

    keras.utils.set_random_seed(seed)
    carried = way == "carried"
    model = network(LANES if carried else None, window, carried=carried, rate=rate)
    _, y = series()
    data = lanes(window) if carried else shuffled(window, seed)
    best: dict[str, Any] = {"validation_error": np.inf}
    for update in range(1, UPDATES + 1):
        begins, inputs, targets = next(data)
        if begins:
            reset_rows(model)
        model.train_on_batch(inputs, targets)
        if update % (UPDATES // CHECKS):
            continue
        forecast = answers(model, window, carried=carried)
        # Validation ends so early that none of its answers looks into the test part.
        error = rmse(forecast[VALIDATION : TEST - HORIZON], y[VALIDATION : TEST - HORIZON])
        if error < best["validation_error"]:
            best = {"validation_error": error, "test_error": rmse(forecast[TEST:], y[TEST:])}
            best["updates"] = update
    keras.backend.clear_session()
    return {"way": way, "window": window, "seed": seed,
            **{name: round(value, 4) for name, value in best.items()}}  # fmt: skip
