"""Streams: remainders asked of Keras, values and errors followed, states counted and served."""

from __future__ import annotations

from typing import Any

import numpy as np

from truncated_time.exercises._form import array, function, numbers, require


def _broadcast(answer: Any) -> None:
    """Ask the Keras that is installed, with a small layer."""
    import keras

    require(
        isinstance(answer, dict) and set(answer) == {5, 6, 7, 8},
        "Give a dict with the keys 5, 6, 7 and 8: the number of rows that come back, or None where "
        "predict fails.",
    )
    returned: dict[int, int | None] = {}
    for rows in (5, 6, 7, 8):
        model = keras.Sequential(
            [keras.Input(batch_shape=(4, 2, 1)), keras.layers.LSTM(2, stateful=True)]
        )
        try:
            returned[rows] = len(model.predict(np.zeros((rows, 2, 1)), 4, verbose=0))
        except Exception:  # of which kind depends on the backend
            returned[rows] = None
    require(answer[8] == returned[8], "Two full batches: nothing is left over.")
    require(
        answer[6] is None and answer[7] is None,
        "A last batch of 2 or 3 rows does not fit a state of 4, and nothing can make it fit. Is "
        "that told, or silent?",
    )
    require(
        answer[5] == returned[5],
        f"A last batch of one row: NumPy's rule of broadcasting lets one row stand for many. (Your "
        f"Keras is {keras.__version__}.) How many rows does the last batch then have?",
    )


def _two_distances(answer: Any) -> None:
    """Walk back step by step: a value through every window, an error to its window's beginning."""
    distances = function(answer, "distances(t, window)")
    for window in (1, 4, 5, 10, 20):
        for t in range(20):
            memory = sum(1 for _ in range(t + 1))
            credit = next(back for back in range(1, t + 2) if (t - back + 1) % window == 0)
            known, walked = numbers(
                distances(t, window), ("how many steps the value knows", "how many the error tells")
            )
            where = f"At step {t} (from 0), with windows of {window}: "
            require(
                (known, walked) != (memory - 1, credit - 1),
                f"{where}one step short in both. The step itself counts.",
            )
            require(
                not (known == credit < memory),
                f"{where}you let the value end at the border. That is a network without carried "
                "state; here the value crosses.",
            )
            require(
                not (walked == memory > credit),
                f"{where}you let the error walk as far back as the value comes from. It stops at "
                "the beginning of the batch.",
            )
            require(
                not (walked == min(window, t + 1) > credit),
                f"{where}you let every error walk a whole window. It goes back to the window's "
                "first step, and some errors arise soon after it.",
            )
            require(
                (known, walked) == (memory, credit),
                f"{where}({known:g}, {walked:g}) is wrong. Which steps lie between the beginning "
                "of the sequence, the beginning of the window and this step?",
            )


def _saved(answer: Any) -> None:
    """Count what a snapshot of such a model holds."""
    import keras

    from tbptt.keras import snapshot

    many, single = numbers(answer, ("numbers in the state of 4 rows", "of one row"))

    def held(rows: int) -> int:
        model = keras.Sequential(
            [
                keras.Input(batch_shape=(rows, 10, 3)),
                keras.layers.LSTM(32, stateful=True, return_sequences=True),
                keras.layers.GRU(16, stateful=True),
                keras.layers.Dense(1),
            ]
        )
        return sum(part.size for part in snapshot(model))

    require(
        many != 4 * (32 + 16),
        "An LSTM's state has two parts, its output and its cell.",
    )
    require(many != held(1), "Each of the four rows has a state of its own.")
    require(many != 4 * 16, "A stack has a state in each layer, not in the last alone.")
    require(
        many < 1000,
        "Weights are saved by `save_weights`. How many numbers go from call to call?",
    )
    require(
        many == held(4), "Count 32 or 16 numbers for each part of a layer's state, and each row."
    )
    require(single == held(1), "For one row it is that row's share.")


def _serve(answer: Any) -> None:
    """Serve three sequences in turn, and look at the model that was handed over."""
    import keras

    from tbptt.keras import snapshot, twin

    serve = function(answer, "serve(model, sequence)")
    model = keras.Sequential(
        [
            keras.Input(batch_shape=(3, 5, 2)),
            keras.layers.LSTM(4, stateful=True),
            keras.layers.Dense(1),
        ]
    )
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=weight.shape) for weight in model.get_weights()])
    streams = rng.normal(size=(3, 5, 2)).astype("float32")
    model(streams)  # its three rows are in the middle of something
    before = [part.copy() for part in snapshot(model)]
    whole = np.asarray(twin(model, 3)(streams))[:, 0]
    last_alone = np.asarray(twin(model, 3)(streams[:, -1:]))[:, 0]
    for number, sequence in enumerate(streams):
        said = array(serve(model, sequence.copy()), "the answer after the last step").ravel()
        require(said.size == 1, f"Return one answer, that after the last step, not {said.size}.")
        require(
            all(np.array_equal(*parts) for parts in zip(before, snapshot(model), strict=True)),
            "The model's own three rows have moved: they were in the middle of other streams.",
        )
        require(
            not np.allclose(said, last_alone[number], atol=1e-5),
            "That is what the network says of the last step alone: it forgot the others.",
        )
        require(
            number == 0 or np.allclose(said, whole[number], atol=1e-5),
            "The first sequence was right, and the next one is not: it went on from what the first "
            "one left.",
        )
        require(
            np.allclose(said, whole[number], atol=1e-5),
            "One call with the whole sequence, from a fresh state, says something else.",
        )


CHECKS = {
    "broadcast": _broadcast,
    "two-distances": _two_distances,
    "saved": _saved,
    "serve": _serve,
}
