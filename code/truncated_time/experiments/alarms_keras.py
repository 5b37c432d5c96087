"""How often Keras's diagnosis is wrong: leaks that it misses, honest networks that it accuses.

After every epoch of training it is asked for its verdict. What is true is measured apart from it,
by the answers to sequences that the network has never seen, with the weights frozen.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from truncated_time.tasks import labelled_sequences
from truncated_time.tasks.labelled import DataType

PACKAGES = ("keras", "tensorflow-cpu", "numpy", "scikit-learn")
HIDDEN, STEPS, EXAMPLES, CHUNK = 64, 2000, 8, 5
TEST_EXAMPLES, TEST_STEPS = 64, 500
# Kind of data, whether states begin at random, learning rate, a loss at each chunk, epochs.
TRAININGS: dict[str, tuple[DataType, bool, float, bool, int]] = {
    "no signal": ("SameRandom", True, 0.01, True, 12),
    "signal": ("DiffDistRandom", False, 0.005, True, 12),
    "signal, random state": ("DiffDistRandom", True, 0.01, True, 12),
    "signal, loss at the end": ("DiffDistRandom", True, 0.01, False, 25),
}


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: every training, every seed."""
    return [
        {"training": training, "seed": seed}
        for seed, training in itertools.product(range(seeds), TRAININGS)
    ]


def run(training: str, seed: int) -> list[dict[str, Any]]:
    """Train one network, and diagnose it after every epoch.

    Returns
    -------
    list of dict
        For every epoch the evidence of :class:`tbptt.keras.Diagnosis`, its ``alarms`` and
        ``verdict``, and ``test_accuracy`` on new sequences.
    """
    import keras

    from tbptt.keras import diagnose, restore, snapshot, twin

    keras.utils.set_random_seed(seed)
    draw = np.random.default_rng(seed)
    data_type, at_random, rate, every_chunk, epochs = TRAININGS[training]
    x, labels = labelled_sequences(data_type, EXAMPLES, STEPS, seed=seed)
    new, new_labels = labelled_sequences(data_type, TEST_EXAMPLES, TEST_STEPS, seed=seed + 1000)
    model = keras.Sequential(
        [
            keras.Input(batch_shape=(len(x), CHUNK, 1)),
            keras.layers.GRU(HIDDEN, stateful=True),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile(
        keras.optimizers.Adam(rate, global_clipnorm=1.0), "sparse_categorical_crossentropy"
    )
    tested = twin(model, len(new))

    def start(rows: int) -> list[Any]:
        state = draw.normal(size=(rows, HIDDEN)).clip(-1, 1) * at_random
        return [state.astype("float32")]

    chunks = np.split(x, STEPS // CHUNK, axis=1)
    rows = []
    for epoch in range(1, epochs + 1):
        model.reset_metrics()
        restore(model, start(len(x)))
        for number, chunk in enumerate(chunks, start=1):
            if every_chunk or number == len(chunks):
                loss = model.train_on_batch(chunk, labels)  # the mean so far
            else:
                model.predict_on_batch(chunk)
        carried = snapshot(model)
        report = diagnose(
            model, chunks, labels, train_loss=float(loss), carried=carried, fresh=start(len(x))
        )
        tested.set_weights(model.get_weights())
        restore(tested, start(len(new)))
        for chunk in np.split(new, TEST_STEPS // CHUNK, axis=1):
            answers = tested.predict_on_batch(chunk)
        rows.append(
            {"training": training, "seed": seed, "epoch": epoch,
             **{name: round(value, 4) for name, value in vars(report).items() if name != "alarms"},
             "alarms": " ".join(report.alarms), "verdict": report.verdict,
             "test_accuracy": round(float(np.mean(answers.argmax(1) == new_labels)), 4)}
        )  # fmt: skip
    keras.backend.clear_session()
    return rows
