"""Serving today: states counted in real layers, rows read at their own last step."""

from __future__ import annotations

from typing import Any

import numpy as np

from truncated_time.exercises._form import AnswerError, array, function, integers, require


def _how_much_state(answer: Any) -> None:
    """Build the layers, and count what they return after their outputs."""
    import torch
    from torch import nn

    given = integers(answer, "the four sizes")
    require(len(given) == 4, "Give four numbers, in the order of the question.")

    def size(*layers: nn.RNNBase) -> int:
        """Count the numbers in the states of layers on top of one another, for one row."""
        values, total = torch.zeros(1, 1, layers[0].input_size), 0
        for layer in layers:
            values, state = layer(values)
            parts = state if isinstance(state, tuple) else (state,)
            total += sum(part.numel() for part in parts)
        return total

    wanted = (
        size(nn.LSTM(2, 8)),
        size(nn.GRU(2, 8)),
        size(nn.LSTM(2, 8), nn.LSTM(8, 4)),
        size(nn.LSTM(2, 8, num_layers=3)),
    )
    hints = (
        "An LSTM's state has two parts: its output alone is not enough to go on.",
        "A GRU has no cell state: what it hands on is its output.",
        "Each layer of a stack has a state of its own, of two parts.",
        "The three layers have 8 units each, and each has both parts.",
    )
    for number, (found, right, hint) in enumerate(zip(given, wanted, hints, strict=True), 1):
        require(found == right, f"({number}) {hint}")


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


def _begin(answer: Any) -> None:
    """Look at the values, then at where the errors of three rows end."""
    import torch

    start = function(answer, "start(begins, learned, saved)")
    begins = torch.tensor([True, False, True, False])
    learned = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    source = torch.arange(12.0).reshape(4, 3).add(10).requires_grad_()
    saved = source * 1
    state = start(begins, learned, saved)
    require(
        isinstance(state, torch.Tensor) and state.shape == (4, 3),
        "Return a state for each row, (batch, units).",
    )
    rows = begins[:, None]
    require(
        torch.equal(state[1::2], saved[1::2]),
        "A row that goes on does not begin with its saved state.",
    )
    require(
        torch.equal(state, torch.where(rows, learned, saved)),
        "A row that begins does not have the learned start.",
    )
    require(
        state.requires_grad,
        "The state has no history at all: the error of a row that begins has to reach `learned`.",
    )
    to_learned, to_saved = torch.autograd.grad(state.sum(), (learned, source), allow_unused=True)
    require(
        to_learned is not None and to_learned.tolist() == [2.0] * 3,
        "The error of each row that begins has to reach `learned`, and no other row's.",
    )
    require(
        to_saved is None or not to_saved.any(),
        "An error goes through `saved` into the call before.",
    )


CHECKS = {
    "how-much-state": _how_much_state,
    "mask": _mask,
    "last-output": _last_output,
    "begin": _begin,
}
