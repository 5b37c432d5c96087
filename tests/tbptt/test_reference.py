"""The oracle against finite differences of what each loss is allowed to see."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tbptt import Truncation
from tbptt.reference import GRU, LSTM, RNN, gradients, pairs, run

CELLS = {"rnn": (RNN(), 1, 1), "gru": (GRU(), 3, 1), "lstm": (LSTM(), 4, 2)}


def problem(name, steps, batch, features, hidden, seed):
    cell, gates, parts = CELLS[name]
    rng = np.random.default_rng(seed)
    shapes = {
        "weight_ih": (gates * hidden, features),
        "weight_hh": (gates * hidden, hidden),
        "bias_ih": (gates * hidden,),
        "bias_hh": (gates * hidden,),
    }
    weights = {key: rng.normal(size=shape) for key, shape in shapes.items()}
    state = tuple(rng.normal(size=(batch, hidden)) for _ in range(parts))
    x = rng.normal(size=(steps, batch, features))
    errors = rng.normal(size=(steps, batch, hidden))
    return cell, weights, x, state, errors


def seen_loss(cell, weights, x, states, errors, truncation, resets, mask):
    """Sum the losses, each run again from the state where its reach begins."""
    total = 0.0
    reach = truncation.reach(len(x))
    for t in range(len(x)):
        first = int(np.argmax(reach[t]))
        seen = slice(first, t + 1)
        again = run(cell, weights, x[seen], states[first], resets=resets[seen], mask=mask[seen])
        total += float((errors[t] * again[-1][0])[mask[t]].sum())
    return total


@pytest.mark.parametrize("name", CELLS)
@settings(max_examples=12)
@given(
    st.integers(1, 5), st.integers(1, 3), st.integers(1, 6), st.integers(1, 6), st.integers(0, 99)
)
def test_gradients_are_finite_differences(name, steps, batch, k1, k2, seed):
    truncation = Truncation(min(k1, k2), max(k1, k2))
    cell, weights, x, state, errors = problem(name, steps, batch, 2, 2, seed)
    resets, mask = np.random.default_rng(seed).random((2, steps, batch)) < [[[0.2]], [[0.8]]]
    flags = {"resets": resets, "mask": mask}
    found = gradients(cell, weights, x, state, errors, truncation, **flags)
    # A state carried into a reach is a constant: it comes from the weights as they were.
    states = run(cell, weights, x, state, **flags)

    def slope(array, index):
        tiny, sides = 1e-5, []
        for sign in (1, -1):
            array[index] += sign * tiny
            sides.append(seen_loss(cell, weights, x, states, errors, truncation, **flags))
            array[index] -= sign * tiny
        return (sides[0] - sides[1]) / (2 * tiny)

    for key, weight in weights.items():
        wanted = np.array([slope(weight, index) for index in np.ndindex(weight.shape)])
        np.testing.assert_allclose(found.weights[key].ravel(), wanted, rtol=1e-6, atol=1e-7)
    wanted = np.array([slope(x, index) for index in np.ndindex(x.shape)])
    np.testing.assert_allclose(found.inputs.ravel(), wanted, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", CELLS)
def test_what_no_error_reaches_gets_no_gradient(name):
    cell, weights, x, state, errors = problem(name, 6, 2, 3, 4, 0)
    errors[:-1] = 0  # the last loss alone, which reaches two steps
    found = gradients(cell, weights, x, state, errors, Truncation(1, 2))
    assert not found.inputs[:4].any()
    assert found.inputs[4:].all()


@pytest.mark.parametrize("name", CELLS)
def test_a_reset_begins_anew(name):
    cell, weights, x, state, errors = problem(name, 6, 2, 3, 4, 1)
    resets = np.zeros((6, 2), dtype=bool)
    resets[3] = True
    zero = tuple(np.zeros_like(part) for part in state)
    whole = gradients(cell, weights, x, state, errors, Truncation(6, 6), resets=resets)
    halves = [
        gradients(cell, weights, x[:3], state, errors[:3], Truncation(3, 3)),
        gradients(cell, weights, x[3:], zero, errors[3:], Truncation(3, 3)),
    ]
    for key in weights:
        np.testing.assert_allclose(whole.weights[key], sum(half.weights[key] for half in halves))


def test_bad_input():
    cell, weights, x, state, errors = problem("rnn", 3, 2, 2, 2, 0)
    with pytest.raises(ValueError, match=r"errors must be \(steps, batch, hidden\) = \(3, 2, 2\)"):
        gradients(cell, weights, x, state, errors[:2], Truncation(1, 2))
    with pytest.raises(ValueError, match=r"state must be one .* batch 2.*got \[\(1, 2\)\]"):
        run(cell, weights, x, (state[0][:1],))
    with pytest.raises(ValueError, match=r"resets must be bool .* \(3, 2\), got float64"):
        run(cell, weights, x, state, resets=np.zeros((3, 2)))
    with pytest.raises(ValueError, match=r"mask must be bool .* \(3, 2\), got bool \(2, 2\)"):
        run(cell, weights, x, state, mask=np.zeros((2, 2), dtype=bool))
    with pytest.raises(ValueError, match="inputs must have at least 3"):
        run(cell, weights, x[0], state)


class Pair(NamedTuple):
    hidden: np.ndarray
    cell: np.ndarray


class Noting(LSTM):
    """Notes what kinds of state and error it is handed."""

    def __init__(self):
        self.kinds = set()

    def step(self, w, x, state):
        self.kinds.add(type(state))
        return super().step(w, x, state)

    def adjoint(self, w, x, state, error):
        self.kinds |= {type(state), type(error)}
        return super().adjoint(w, x, tuple(state), tuple(error))


@pytest.mark.parametrize("make", [tuple, list, Pair._make])
def test_a_state_comes_back_as_the_kind_that_went_in(make):
    _, weights, x, parts, errors = problem("lstm", 4, 2, 2, 3, 0)
    cell, state = Noting(), make(parts)
    states = run(cell, weights, x, state)
    assert {type(each) for each in states} == {type(state)}
    np.testing.assert_array_equal(states, run(LSTM(), weights, x, parts))
    ours = gradients(cell, weights, x, state, errors, Truncation(2, 3))
    theirs = gradients(LSTM(), weights, x, parts, errors, Truncation(2, 3))
    np.testing.assert_array_equal(ours.inputs, theirs.inputs)
    np.testing.assert_array_equal(
        pairs(cell, weights, x, state, errors), pairs(LSTM(), weights, x, parts, errors)
    )
    assert cell.kinds == {type(state)}


def test_an_array_alone_is_a_state():
    cell, weights, x, (state,), errors = problem("gru", 4, 2, 2, 3, 0)
    states = run(cell, weights, x, state)
    assert all(isinstance(each, np.ndarray) for each in states)
    np.testing.assert_array_equal(states, [h for (h,) in run(cell, weights, x, (state,))])
    for function in (pairs, lambda *a: gradients(*a, Truncation(1, 2)).inputs):
        np.testing.assert_array_equal(
            function(cell, weights, x, state, errors), function(cell, weights, x, (state,), errors)
        )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", CELLS)
def test_what_padding_holds_gets_into_no_gradient(name, value):
    cell, weights, x, state, errors = problem(name, 6, 3, 2, 2, 0)
    mask = np.random.default_rng(1).random((6, 3)) < 0.6
    mask[:, 2] = False  # a row without any step
    truncation = Truncation(2, 4)
    wanted = gradients(cell, weights, x, state, errors, truncation, mask=mask)
    states = run(cell, weights, x, state, mask=mask)
    assert all(weight.any() for weight in wanted.weights.values())
    bad, wrong = (np.where(mask[..., None], array, value) for array in (x, errors))
    found = gradients(cell, weights, bad, state, wrong, truncation, mask=mask)
    for key in weights:
        np.testing.assert_array_equal(found.weights[key], wanted.weights[key])
    np.testing.assert_array_equal(found.inputs, wanted.inputs)
    np.testing.assert_array_equal(run(cell, weights, bad, state, mask=mask), states)


@pytest.mark.parametrize("which", ["inputs", "state", "errors"])
def test_what_is_used_must_be_finite(which):
    cell, weights, x, state, errors = problem("lstm", 3, 2, 2, 2, 0)
    {"inputs": x, "state": state[1], "errors": errors}[which][-1, -1] = np.nan
    with pytest.raises(ValueError, match=f"{which} must be finite"):
        gradients(cell, weights, x, state, errors, Truncation(1, 2))
    if which != "errors":
        with pytest.raises(ValueError, match=f"{which} must be finite"):
            run(cell, weights, x, state)
    with pytest.raises(ValueError, match=f"{which} must be finite"):
        pairs(cell, weights, x, state, errors)
