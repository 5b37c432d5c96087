"""The first-step-memory task in every published form, and side by side in lanes.

Sources: P. Rémy, "Stateful LSTM in Keras", 2016; R. Ramos and J. Arias, "Fundamentos de Deep
Learning", chapter 5.3. Sequences of 20 steps, LSTM(10), Adam; the state is reset after each
sequence. ``manual`` and ``callback`` see two windows of 10, one row at a time; ``one-step`` and
``stateless`` one step at a time. The ``lanes`` run 50 sequences side by side.
"""

from __future__ import annotations

import itertools
import time
from typing import Any, NamedTuple

import numpy as np

from tbptt.windows import prepare_sequences
from truncated_time.tasks import first_step_memory

STEPS, UNITS, TRAIN, TEST = 20, 10, 1000, 200
PACKAGES = ("keras", "tensorflow-cpu", "numpy")
TIMED = True  # seconds an epoch are compared, so runs go one after the other


class Form(NamedTuple):
    """One way to feed the task: steps in a window, sequences side by side, epochs."""

    window: int
    batch: int
    epochs: int
    learning_rate: float
    stateful: bool = True
    by_hand: bool = False


FORMS = {
    "manual": Form(10, 1, 5, 0.001, by_hand=True),
    "callback": Form(10, 1, 5, 0.001),
    "one-step": Form(1, 1, 2, 0.001, by_hand=True),
    "stateless": Form(1, 1, 3, 0.001, stateful=False),
    "lanes of 10": Form(10, 50, 10, 0.01),
    "lanes of 1": Form(1, 50, 10, 0.01),
}


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs."""
    return [{"form": form, "seed": seed} for seed, form in itertools.product(range(seeds), FORMS)]


def network(form: Form) -> Any:
    """Build and compile the network of a form."""
    import keras

    model = keras.Sequential(
        [
            keras.Input(batch_shape=(form.batch, form.window, 1)),
            keras.layers.LSTM(UNITS, stateful=form.stateful),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(form.learning_rate), "binary_crossentropy")
    return model


def train_by_hand(model: Any, windows: np.ndarray, labels: np.ndarray, n_windows: int) -> None:
    """One epoch as the sources wrote it: a row, an update; reset after each sequence."""
    (layer,) = (layer for layer in model.layers if getattr(layer, "stateful", False))
    for i in range(len(windows)):
        if i % n_windows == 0:
            layer.reset_state()
        model.train_on_batch(windows[i : i + 1], labels[i : i + 1])


def score(model: Any, form: Form) -> tuple[float, float]:
    """Accuracy and cross-entropy over all windows of the test sequences."""
    import keras

    from tbptt.keras import twin

    x, y = first_step_memory(TEST, STEPS, seed=1)
    tester = twin(model, TEST)
    answers = []
    for start in range(0, STEPS, form.window):  # its state is carried if the model's is
        answers.append(tester.predict_on_batch(x[:, start : start + form.window])[:, 0])
    labels = np.broadcast_to(y, (len(answers), TEST))
    loss = keras.losses.binary_crossentropy(labels, np.stack(answers))
    accuracy = np.mean((np.stack(answers) > 0.5) == (labels > 0.5))
    return float(accuracy), float(np.mean(loss))


def run(form: str, seed: int) -> list[dict[str, Any]]:
    """Train one form.

    Returns
    -------
    list of dict
        For each epoch, counted from 1: test ``accuracy`` and ``loss`` over all windows, and the
        ``seconds`` that its training took. Graphs are compiled before the clock starts.
    """
    import keras

    from tbptt.keras import ResetState, reset_rows
    from tbptt.windows import in_lanes

    chosen = FORMS[form]
    keras.utils.set_random_seed(seed)
    x, y = first_step_memory(TRAIN, STEPS, seed=10 + seed)
    n_windows = STEPS // chosen.window
    pieces, labels = prepare_sequences(x, y, chosen.window, chosen.window)
    pieces, labels = in_lanes(pieces, labels, n_windows=n_windows, batch_size=chosen.batch)
    model = network(chosen)
    resets = [ResetState(every=n_windows)] if chosen.stateful else []

    def epoch() -> None:
        if chosen.by_hand:
            train_by_hand(model, pieces, labels, n_windows)
        else:
            model.fit(
                pieces, labels, chosen.batch, epochs=1, shuffle=False, verbose=0, callbacks=resets
            )

    # Compile the graphs before the clock starts, with steps of length zero.
    rate = float(model.optimizer.learning_rate)
    model.optimizer.learning_rate = 0.0
    first = slice(0, chosen.batch)
    model.train_on_batch(pieces[first], labels[first])
    model.fit(pieces[first], labels[first], chosen.batch, verbose=0)
    model.optimizer.learning_rate = rate
    if chosen.stateful:
        reset_rows(model)
    rows = []
    for number in range(1, chosen.epochs + 1):
        begun = time.perf_counter()
        epoch()
        seconds = time.perf_counter() - begun
        accuracy, loss = score(model, chosen)
        rows.append(
            {"form": form, "seed": seed, "epoch": number, "accuracy": round(accuracy, 4),
             "loss": float(f"{loss:.3g}"), "seconds": round(seconds, 2)}
        )  # fmt: skip
    return rows
