"""`dynamic_rnn`: borders counted, a graph run lazily, rows compared with their own history."""

from __future__ import annotations

from typing import Any

import numpy as np

from truncated_time.exercises._form import AnswerError, array, function, integers, pair, require


def _border(answer: Any) -> None:
    """Mark the steps of calls of 8."""
    parts = pair(answer, "the steps that the job looks at", "those right after a border")
    looked_at, behind = (set(integers(part, "steps, counted from 0")) for part in parts)
    call = np.arange(24) // 8
    last = {t for t in range(24) if t == 23 or call[t + 1] != call[t]}
    first = {t for t in range(1, 24) if call[t - 1] != call[t]}
    require(looked_at != {t + 1 for t in last}, "Count steps from 0: the first call has 0 to 7.")
    require(
        looked_at in (last, last - {min(last)}), "The job looks at the last step of each call of 8."
    )
    require(
        behind != first | {0},
        "Step 0 is no border: the long run begins from zeros there as well.",
    )
    require(behind == first, "Right after a border is the first step of the call that follows.")


def _identity(answer: Any) -> None:
    """Run the graph's small twin, which computes only what the asked tensor needs."""
    parts = pair(answer, "whether two runs of kept_answer differ", "and of stored_answer")
    needs = {"kept_answer": [], "store": ["kept_answer"], "stored_answer": ["store"]}

    def differs(asked: str) -> bool:
        state, fetched = 0, []
        for _ in range(2):
            ran, stack = set(), [asked]
            while stack:
                ran.add(name := stack.pop())
                stack += needs[name]
            fetched.append(state)
            state += "store" in ran
        return fetched[0] != fetched[1]

    require(
        all(isinstance(part, bool | np.bool_) for part in parts), "Give two answers, True or False."
    )
    require(
        parts[0] == differs("kept_answer"),
        "Nothing that `kept_answer` needs stores anything: a session computes what the tensor "
        "needs that you ask for, not whatever the graph holds.",
    )
    require(
        parts[1] == differs("stored_answer"),
        "`stored_answer` was made inside the block, so it needs the assignments. From which state "
        "does the second run begin?",
    )


def _mask(answer: Any) -> None:
    """Make a layer with the arguments, and look past the end of a short row."""
    import keras

    require(
        isinstance(answer, dict) and answer,
        "Give the argument of the layer by name: dict(name=value).",
    )
    values = np.linspace(-1, 1, 24).reshape(3, 4, 2)
    mask = np.arange(4) < np.array([4, 2, 0])[:, None]
    try:
        layer = keras.layers.LSTM(3, return_sequences=True, **answer)
        outputs = layer(values, mask=keras.ops.convert_to_tensor(mask))
    except (TypeError, ValueError) as error:
        raise AnswerError(f"Keras does not make such a layer: {str(error)[:120]}") from None
    alone = not isinstance(outputs, tuple | list) and tuple(outputs.shape) == (3, 4, 3)
    require(alone, "The layer has to return the outputs of all steps, and nothing else.")
    returned = keras.ops.convert_to_numpy(outputs)
    require(
        not returned[1, 2:].any() and not returned[2].any(),
        "Past its end a row still gives something else than zeros: by default Keras repeats the "
        "last output. Look for the argument that speaks of the output and the mask.",
    )
    require(returned[0].any(), "Now the real steps give zeros, too.")


def _last_output(answer: Any) -> None:
    """Feed every step a number of its own, so that a wrong step is seen."""
    last = function(answer, "last(outputs, lengths, before)")
    outputs = 100.0 + np.arange(4 * 5 * 2).reshape(4, 5, 2)
    lengths, before = np.array([5, 2, 0, 1]), -1.0 - np.arange(8.0).reshape(4, 2)
    for row, length in enumerate(lengths):
        outputs[row, length:] = 0
    picked = array(last(outputs.copy(), lengths.copy(), before.copy()), "one output a row")
    require(picked.shape == (4, 2), f"Return one output a row, (4, 2), not {picked.shape}.")
    require(
        picked[1].any(),
        "A short row gives zeros: you took a step past its end. Step n has the index n - 1.",
    )
    for row, length in enumerate(lengths):
        right = outputs[row, length - 1] if length else before[row]
        require(
            length or (picked[row] == right).all(),
            "A row of length 0 has no output at all, and an index of -1 wraps around. What does "
            "the graph return for it?",
        )
        require((picked[row] == right).all(), f"A row of length {length} gives the wrong step.")


def _own_state(answer: Any) -> None:
    """Give each customer a state of their own, in two orders and with somebody new."""
    hand_on = function(answer, "hand_on(state, before, now)")
    for before, now in (
        (["ann", "bob", "cy"], ["ann", "bob", "cy"]),
        (["ann", "bob", "cy"], ["cy", "ann", "bob"]),
        (["ann", "bob", "cy"], ["dee", "cy", "ann", "eve"]),
    ):
        state = 1.0 + np.arange(len(before) * 2).reshape(-1, 2)
        own = {name: state[row].copy() for row, name in enumerate(before)}
        handed_on = array(hand_on(state.copy(), list(before), list(now)), "one row a customer")
        require(
            handed_on.shape == (len(now), 2),
            f"Return one row of state for each of the {len(now)} customers of this call, not "
            f"{handed_on.shape}.",
        )
        for row, name in enumerate(now):
            if name in own:
                backwards = name in before and now.index(name) != before.index(name)
                require(
                    (handed_on[row] == own[name]).all(),
                    f"{name.title()} gets somebody else's state"
                    + (
                        ". Ask for each row of this call where its customer was before, not the "
                        "other way round."
                        if backwards
                        else "."
                    ),
                )
            else:
                require(
                    not handed_on[row].any(),
                    "Somebody new begins with another customer's state, not with zeros.",
                )


CHECKS = {
    "border": _border,
    "identity": _identity,
    "mask": _mask,
    "last-output": _last_output,
    "own-state": _own_state,
}
