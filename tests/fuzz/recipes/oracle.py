"""Sensible calls of the oracle and its cells."""

import numpy as np
from hypothesis import strategies as st

from fuzz.recipes import numbers, recipe, size
from fuzz.recipes.schedules import truncation
from tbptt.reference import GRU, LSTM, RNN

GATES = {RNN: 1, GRU: 3, LSTM: 4}


def weights(kind, features, hidden):
    rows = GATES[kind] * hidden
    return {
        "weight_ih": numbers(rows, features), "weight_hh": numbers(rows, hidden),
        "bias_ih": numbers(rows), "bias_hh": numbers(rows),
    }  # fmt: skip


def state_of(kind, batch, hidden):
    return tuple(numbers(batch, hidden) for _ in range(2 if kind is LSTM else 1))


def sequence(draw):
    kind = draw(st.sampled_from([RNN, GRU, LSTM]))
    steps, batch, hidden = size(draw, 5), size(draw, 3), size(draw, 3)
    state = state_of(kind, batch, hidden)
    flags = st.sampled_from([None, np.zeros((steps, batch), bool), np.ones((steps, batch), bool)])
    return (steps, batch, hidden), flags, {
        "cell": kind(), "weights": weights(kind, 2, hidden), "inputs": numbers(steps, batch, 2),
        "state": list(state) if draw(st.booleans()) else state,
    }  # fmt: skip


@recipe("tbptt.reference.run")
def run(draw):
    _, flags, arguments = sequence(draw)
    return {**arguments, "resets": draw(flags), "mask": draw(flags)}


@recipe("tbptt.reference.pairs")
def pairs(draw):
    shape, _, arguments = sequence(draw)
    return {**arguments, "errors": numbers(*shape)}


@recipe("tbptt.reference.gradients")
def gradients(draw):
    shape, flags, arguments = sequence(draw)
    return {
        **arguments, "errors": numbers(*shape), "truncation": truncation(draw),
        "resets": draw(flags), "mask": draw(flags),
    }  # fmt: skip


def step_of(kind):
    def one_step(draw):
        batch, hidden = size(draw, 3), size(draw, 3)
        return {
            "self": kind(), "w": weights(kind, 2, hidden), "x": numbers(batch, 2),
            "state": state_of(kind, batch, hidden),
        }  # fmt: skip

    return one_step


def adjoint_of(kind):
    def one_adjoint(draw):
        arguments = step_of(kind)(draw)
        return {**arguments, "error": tuple(np.ones_like(part) for part in arguments["state"])}

    return one_adjoint


for each in GATES:
    recipe(f"tbptt.reference.{each.__name__}.step")(step_of(each))
    recipe(f"tbptt.reference.{each.__name__}.adjoint")(adjoint_of(each))
