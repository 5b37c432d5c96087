"""Carried state: lanes followed row by row, resets counted, states looked at in Keras."""

from __future__ import annotations

from typing import Any

import numpy as np

from truncated_time.exercises._form import (
    AnswerError,
    array,
    function,
    integers,
    pair,
    require,
)


def _lane_order(answer: Any) -> None:
    """Follow each row through the batches: any order in which rows continue is right."""
    order, resets = pair(answer, "the six batches, each a list of two names", "where you reset")
    try:
        batches = [[str(name) for name in batch] for batch in order]
    except TypeError:
        raise AnswerError('Batches are lists of names such as ["A1", "B1"].') from None
    before = set(integers(resets, "the batches before which you reset, counted from 0"))
    names = sorted(name for batch in batches for name in batch)
    require(
        names == [f"{letter}{n}" for letter in "ABCD" for n in (1, 2, 3)]
        and [len(batch) for batch in batches] == [2] * 6,
        "Six batches of two, and each of the windows A1 to D3 once.",
    )
    require(
        not any(first[0] == second[0] for first, second in batches),
        "Two windows of one sequence stand side by side. Rows run at the same time: the second "
        "cannot know what the first one left.",
    )
    for number in range(1, 6):
        for row in range(2):
            last, now = batches[number - 1][row], batches[number][row]
            continues = now[0] == last[0] and int(now[1]) == int(last[1]) + 1
            require(
                continues or now[1] == "1",
                f"In batch {number} (from 0), row {row} reads {now} after {last}. State belongs to "
                "a row: the next batch has to continue it there.",
            )
    begins = {number for number, batch in enumerate(batches) if batch[0][1] == "1"}
    require(
        batches[0] == [name[0] + "1" for name in batches[0]],
        "A row begins in the middle of a sequence.",
    )
    require(
        before != {number + 1 for number in begins},
        "Count from 0: the first batch is batch 0.",
    )
    require(
        begins <= before | {0},
        "The rows get new sequences at a batch before which you do not reset: they would begin "
        "with a stranger's state.",
    )
    require(
        before <= begins, "You reset in the middle of a sequence, and it forgets its first part."
    )
    require(0 in before, "Batch 0 begins sequences as well: what did the epoch before leave?")


def _unequal(answer: Any) -> None:
    """Replay the five batches under the arguments."""
    require(
        isinstance(answer, dict) and len(answer) == 1 and set(answer) <= {"every", "at"},
        "Give the argument of `ResetState` by name: dict(every=...) or dict(at=...).",
    )
    lane = ["A1", "A2", "B1", "C1", "C2"]
    begins = {number for number, name in enumerate(lane) if name[1] == "1"}
    if "every" in answer:
        every = integers(answer["every"], "a number of batches")
        require(len(every) == 1 and every[0] >= 1, "`every` is one number, at least 1.")
        happens = set(range(0, 5, every[0]))
    else:
        happens = {0} | set(integers(answer["at"], "batches, counted from 0"))
    early, missing = sorted(happens - begins), sorted(begins - happens)
    require(
        not early,
        f"It resets before {lane[early[0]] if early and early[0] < 5 else 'no batch'}, where no "
        "sequence begins. "
        + (
            "`every` knows one length for all sequences."
            if "every" in answer
            else "Batches are counted from 0, whatever their names."
        ),
    )
    require(
        not missing,
        "It misses the beginning of a sequence, which then goes on with another one's state.",
    )


def _fresh_rows(answer: Any) -> None:
    """Walk through lanes of several lengths, batch by batch."""
    begins = function(answer, "begins(lanes)")
    for lanes in ([[2, 1], [1, 2]], [[3], [1, 1, 1], [2, 1]], [[1, 4, 1], [2, 2, 2]]):
        wanted = np.zeros((sum(lanes[0]), len(lanes)), dtype=bool)
        for row, lengths in enumerate(lanes):
            wanted[np.cumsum([0, *lengths[:-1]]), row] = True
        said = array(begins([list(lengths) for lengths in lanes]), "(batches, rows)")
        require(
            said.shape != wanted.T.shape or said.shape == wanted.shape,
            "First the batches, then the rows: a line for each batch, as `reset_rows` takes it.",
        )
        require(
            said.shape == wanted.shape,
            f"For lanes {lanes} the shape is {wanted.shape}, (batches, rows), not {said.shape}.",
        )
        told = said.astype(bool)
        require(told[0].all(), "Batch 0 begins a sequence in every row.")
        require(
            (told == wanted).all() or not (told == np.roll(wanted, -1, axis=0)).all(),
            "Those are the batches that end a sequence. The reset comes before the next one.",
        )
        require(
            (wanted <= told).all(),
            f"In lanes {lanes} a sequence begins in a row that you do not reset.",
        )
        require(
            (told <= wanted).all(),
            f"In lanes {lanes} you reset a row in mid-sequence. The other row begins there, and "
            "this one goes on.",
        )


def _moves(answer: Any) -> None:
    """Do each of the six, and look at the state before and after."""
    import keras

    from tbptt.keras import kept_state, snapshot

    x, y = np.ones((2, 3, 1), "float32"), np.zeros((2, 1))
    model = keras.Sequential(
        [keras.Input(batch_shape=(2, 3, 1)), keras.layers.LSTM(2, stateful=True),
         keras.layers.Dense(1)]
    )  # fmt: skip
    model.compile("sgd", "mse")

    def kept() -> None:
        with kept_state(model):
            model.predict(x, 2, verbose=0)

    done = {
        "a": lambda: model.predict(x, 2, verbose=0),
        "b": lambda: model.evaluate(x, y, 2, verbose=0),
        "c": lambda: model.get_weights(),
        "d": lambda: model.set_weights(model.get_weights()),
        "e": lambda: model(x),
        "f": kept,
    }
    try:
        given = {str(letter) for letter in answer}
    except TypeError:
        raise AnswerError('Give the letters, as {"a", "b"}.') from None
    require(given <= set(done), 'Give the letters, as {"a", "b"}: a to f.')
    model(x)
    moved = set()
    for letter, act in done.items():
        before = [part.copy() for part in snapshot(model)]
        act()
        if any((a != b).any() for a, b in zip(before, snapshot(model), strict=True)):
            moved.add(letter)
    wrong = sorted(given - moved)
    require("f" not in given, "f: the state is put aside first, and put back afterwards.")
    require(
        not wrong,
        f"{', '.join(wrong)}: the state is not among the weights, and nothing runs there.",
    )
    missing = moved - given
    require(
        not missing & {"a", "b"},
        "Whatever runs the network moves the state, and not training alone.",
    )
    require(not missing, "Calling a stateful model runs it, whether or not a method is named.")


CHECKS = {
    "lane-order": _lane_order,
    "unequal": _unequal,
    "fresh-rows": _fresh_rows,
    "moves": _moves,
}
