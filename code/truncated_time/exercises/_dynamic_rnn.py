"""`dynamic_rnn`: borders counted, a graph run lazily and grown, rows with their own history."""

from __future__ import annotations

from collections.abc import Callable
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


def _grow(answer: Any) -> None:
    """Run each line twice in a small graph, and count its nodes before and after the second."""
    import tensorflow as tf

    require(isinstance(answer, str), 'Give the letters in one string, such as "acd".')
    given = set(answer.lower()) - set(" ,")
    require(given <= set("abcdef"), "The lines are a to f.")
    v1, graph = tf.compat.v1, tf.Graph()
    with graph.as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float64, [2])
        kept = v1.get_variable("kept", [2], tf.float64, v1.zeros_initializer())
        outputs, array = x + kept.read_value(), np.ones(2)
        forget, before = kept.initializer, outputs * 2
        session.run(forget)
        lines: dict[str, Callable[[], Any]] = {
            "a": lambda: session.run(forget),
            "b": lambda: session.run(outputs + 1, {x: array}),
            "c": lambda: session.run(outputs, {x: array + 1}),
            "d": lambda: np.zeros(2),
            "e": lambda: tf.zeros(2),
            "f": lambda: session.run(before, {outputs: array}),
        }

        def grows(line: str) -> bool:
            lines[line]()
            nodes = len(graph.get_operations())
            lines[line]()
            return len(graph.get_operations()) > nodes

        growing = {line for line in lines if grows(line)}
    hints = {
        "a": "`forget` was defined before the loop; to run it defines nothing.",
        "b": "`outputs + 1` looks like arithmetic, but `outputs` is a tensor: what does `+` make?",
        "c": "`stream` is an array: what is added up in c, and where?",
        "d": "What does NumPy know of the graph?",
        "e": "`tf.zeros` gives no array here: where does it put its zeros?",
        "f": "To feed a tensor replaces its value for one run. Does that need a new node?",
    }
    for line in sorted(given ^ growing):
        raise AnswerError(hints[line])


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
    "grow": _grow,
    "own-state": _own_state,
}
