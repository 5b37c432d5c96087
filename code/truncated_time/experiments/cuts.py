"""The first-step-memory task, cut into windows: without state, with state, in every order.

The first of 20 numbers is the class; an LSTM of 10 units names it. ``stateless`` ways begin every
window at zero. ``carried`` ways begin where the same row of the batch before ended, and differ in
the order of the windows and in the resets. The ``scored`` ways lie in lanes, with resets, and have
one loss a sequence, at its last step.
"""

from __future__ import annotations

import contextlib
import itertools
from typing import Any, NamedTuple

import numpy as np

from tbptt.windows import in_lanes, prepare_sequences
from truncated_time.tasks import first_step_memory

STEPS, UNITS, TRAIN, TEST = 20, 10, 1000, 200
LEARNING_RATE = 0.01
PACKAGES = ("keras", "tensorflow-cpu", "numpy")


class Way(NamedTuple):
    """One way to cut and to feed: `lanes` lays windows in lanes, `reset` begins them at zero."""

    window: int
    increment: int
    batch: int
    epochs: int
    stateful: bool = False
    shuffle: bool = False
    lanes: bool = False
    reset: bool = False
    last_only: bool = False


WAYS = {
    "stateless, whole": Way(20, 20, 50, 10, shuffle=True),
    "stateless, halves": Way(10, 10, 50, 5, shuffle=True),
    "stateless, increment 1": Way(10, 1, 250, 6, shuffle=True),
    "carried, increment 1, shuffled": Way(10, 1, 110, 15, stateful=True, shuffle=True),
    "carried, increment 1, as cut": Way(10, 1, 110, 15, stateful=True),
    "carried, halves, shuffled": Way(10, 10, 50, 10, stateful=True, shuffle=True),
    "carried, halves, as cut": Way(10, 10, 50, 10, stateful=True),
    "carried, halves, lanes": Way(10, 10, 50, 10, stateful=True, lanes=True),
    "carried, halves, lanes, resets": Way(10, 10, 50, 10, True, False, True, True),
    "scored at the end, windows of 1": Way(1, 1, 50, 8, True, False, True, True, True),
    "scored at the end, windows of 10": Way(10, 10, 50, 15, True, False, True, True, True),
    "scored at the end, windows of 20": Way(20, 20, 50, 8, True, False, True, True, True),
}


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs."""
    return [{"way": way, "seed": seed} for seed, way in itertools.product(range(seeds), WAYS)]


def cut(way: Way, sequences: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut fresh sequences: windows, labels, and each window's weight in the loss."""
    x, y = first_step_memory(sequences, STEPS, seed=seed)
    windows, labels = prepare_sequences(x, y, way.window, way.increment)
    n_windows = len(windows) // sequences
    weights: np.ndarray = np.ones(len(windows))
    if way.last_only:
        weights.reshape(sequences, n_windows)[:, :-1] = 0
    if way.lanes:
        windows, labels, weights = in_lanes(
            windows, labels, weights, n_windows=n_windows, batch_size=way.batch
        )
    return windows, labels, weights


def score(answers: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Accuracy and cross-entropy over the windows that have a weight."""
    right = (answers > 0.5) == (labels > 0.5)
    of_label = np.clip(np.where(labels > 0.5, answers, 1 - answers), 1e-7, 1)
    return (
        float(np.average(right, weights=weights)),
        float(np.average(-np.log(of_label), weights=weights)),
    )


def run(way: str, seed: int) -> list[dict[str, Any]]:
    """Train one way.

    Returns
    -------
    list of dict
        For each epoch, counted from 1: the accuracy while it trained (``train_accuracy``, of all
        windows), and after it ``accuracy`` and ``loss`` on new sequences, read in the order in
        which they were cut or laid.
    """
    import keras

    from tbptt.keras import ResetState, kept_state

    chosen = WAYS[way]
    keras.utils.set_random_seed(seed)
    windows, labels, weights = cut(chosen, TRAIN, seed=10 + seed)
    new_windows, new_labels, new_weights = cut(chosen, TEST, seed=20 + seed)
    model = keras.Sequential(
        [
            keras.Input(batch_shape=(chosen.batch, chosen.window, 1)),
            keras.layers.LSTM(UNITS, stateful=chosen.stateful),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(LEARNING_RATE), "binary_crossentropy", metrics=["accuracy"])
    n_windows = len(windows) // TRAIN
    resets = [ResetState(every=n_windows)] if chosen.reset else []
    rows = []
    for epoch in range(1, chosen.epochs + 1):
        history = model.fit(
            windows, labels, chosen.batch, sample_weight=weights, shuffle=chosen.shuffle,
            verbose=0, callbacks=resets,
        )  # fmt: skip
        with kept_state(model) if chosen.stateful else contextlib.nullcontext():
            answers = model.predict(new_windows, chosen.batch, verbose=0, callbacks=resets)
        accuracy, loss = score(answers[:, 0].astype(float), new_labels, new_weights)
        rows.append(
            {"way": way, "seed": seed, "epoch": epoch,
             "train_accuracy": round(history.history["accuracy"][-1], 4),
             "accuracy": round(accuracy, 6), "loss": float(f"{loss:.6g}")}
        )  # fmt: skip
    keras.backend.clear_session()
    return rows


def summary(rows: list[dict[str, Any]]) -> dict[str, dict[str, list[float]]]:
    """Accuracies and losses of every way after its last epoch, one of each seed."""
    behind_last = {(row["way"], row["seed"]): row for row in rows}  # rows come by epoch
    ways: dict[str, dict[str, list[float]]] = {}
    for (way, _), row in behind_last.items():
        columns = ways.setdefault(way, {"train_accuracy": [], "accuracy": [], "loss": []})
        for name, values in columns.items():
            values.append(float(row[name]))
    return ways
