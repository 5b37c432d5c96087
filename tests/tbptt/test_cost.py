"""The calculator against brute force, against a measurement, and against autograd."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tbptt import Truncation
from tbptt.cost import cost, within_reach
from truncated_time.shipped import table

truncations = st.tuples(st.integers(1, 12), st.integers(0, 12)).map(
    lambda pair: Truncation(pair[0], sum(pair))
)


@given(truncations, st.integers(1, 40))
def test_counts_are_those_of_the_passes(truncation, steps):
    counted = cost(truncation, steps, hidden=3, batch=2)
    walked = [len(range(each.start, each.stop)) for each in truncation.passes(steps)]
    assert counted.work == sum(walked)
    assert counted.depth == max(walked) == min(truncation.k2, steps)
    assert counted.terms == truncation.reach(steps).sum()


@given(truncations, st.integers(1, 40), st.data())
def test_shares_are_those_of_the_lag_counts(truncation, steps, data):
    lag = data.draw(st.integers(0, steps - 1))
    reach = truncation.reach(steps)
    share = np.mean([reach[t, t - lag] for t in range(lag, steps)])
    assert within_reach(truncation, steps, lag) == pytest.approx(share)
    if lag < truncation.k2:
        assert share == pytest.approx(truncation.lag_counts(steps)[lag] / (steps - lag))


@given(truncations, st.integers(0, 30))
def test_the_formula_of_the_chapter_holds_far_from_the_ends(truncation, lag):
    # One full interval in the middle of a long stream.
    k1, k2 = truncation.k1, truncation.k2
    reach = truncation.reach(100 * k1 + 100)
    first = 90 * k1
    share = np.mean([reach[t, t - lag] if t >= lag else False for t in range(first, first + k1)])
    if first >= max(k2, lag):
        assert share == pytest.approx(min(1, max(0, (k2 - lag) / k1)))


def test_memory_is_what_was_measured():
    for row in table("results/memory/results.csv"):
        steps, hidden, batch = (int(row[key]) for key in ("steps", "hidden", "batch"))
        counted = cost(Truncation.epochwise(20), steps, hidden, batch)
        assert counted.whole / 2**20 == pytest.approx(float(row["saved_mib"]), rel=0.01)


def test_memory_is_what_autograd_keeps_of_a_plain_network():
    steps, batch, hidden, features = 30, 4, 16, 3
    cell, state = nn.RNNCell(features, hidden), torch.zeros(batch, hidden)
    kept = {}

    def pack(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
        return tensor

    inputs = [torch.randn(batch, features) for _ in range(steps)]
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        for x in inputs:
            state = cell(x, state)
    weights = {weight.untyped_storage().data_ptr() for weight in cell.parameters()}
    saved = sum(storage.nbytes() for place, storage in kept.items() if place not in weights)
    counted = cost(Truncation.epochwise(steps), steps, hidden, batch, features=features)
    # The zeros that it began with are kept besides.
    assert saved == counted.whole + batch * hidden * 4


def test_a_stream_keeps_its_reach_whatever_its_length():
    short, long = (cost(Truncation(5, 20), steps, 8, 2) for steps in (100, 10_000))
    assert short.stream == long.stream == 20 * 2 * 9 * 4
    assert long.whole == 100 * short.whole
    assert cost(Truncation(5, 20), 100, 8, 2, states=2).stream == 20 * 2 * 17 * 4


@pytest.mark.parametrize("lag", [-1, 10, 11])
def test_a_lag_that_does_not_fit_is_refused(lag):
    with pytest.raises(ValueError, match=str(lag)):
        within_reach(Truncation(1, 2), 10, lag)


@pytest.mark.parametrize("name", ["steps", "hidden", "batch", "features", "states", "itemsize"])
def test_sizes_are_checked(name):
    sizes = {"steps": 10, "hidden": 4, "batch": 2}
    with pytest.raises(ValueError, match=name):
        cost(Truncation(1, 2), **{**sizes, name: 0})
    with pytest.raises(TypeError, match=name):
        cost(Truncation(1, 2), **{**sizes, name: 1.5})
