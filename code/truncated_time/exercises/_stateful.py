"""Carried state: lanes followed row by row, resets counted, Keras asked."""

from __future__ import annotations

from typing import Any

import numpy as np

from truncated_time.exercises._form import AnswerError, function, integers, numbers, pair, require


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


CHECKS = {
    "lane-order": _lane_order,
    "unequal": _unequal,
    "broadcast": _broadcast,
    "two-distances": _two_distances,
}
