"""The schedule against its definition, written as slowly and literally as possible."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tbptt import BackwardPass, Truncation

LENGTHS = st.integers(1, 40)


@st.composite
def truncations(draw):
    k2 = draw(st.integers(1, 45))
    return Truncation(draw(st.integers(1, k2)), k2)


@given(truncations(), LENGTHS)
def test_reach_is_the_literal_double_loop(truncation, steps):
    literal = np.zeros((steps, steps), dtype=bool)
    for t in range(steps):
        # The pass that owns t ends at the next multiple of k1, or with the sequence.
        stop = t + 1
        while stop % truncation.k1 and stop < steps:
            stop += 1
        for s in range(steps):
            literal[t, s] = stop - truncation.k2 <= s <= t
    np.testing.assert_array_equal(truncation.reach(steps), literal)


@given(truncations(), LENGTHS)
def test_every_loss_is_owned_once_and_in_order(truncation, steps):
    passes = truncation.passes(steps)
    owned = [t for one in passes for t in range(one.first_loss, one.stop)]
    assert owned == list(range(steps))
    for one in passes:
        assert 0 <= one.start <= one.first_loss < one.stop <= steps
        assert one.stop - one.start <= truncation.k2
        assert one.stop % truncation.k1 == 0 or one.stop == steps


@given(truncations(), LENGTHS)
def test_lag_counts_count_the_diagonals_of_reach(truncation, steps):
    reach, counts = truncation.reach(steps), truncation.lag_counts(steps)
    assert counts.shape == (truncation.k2,)
    diagonals = [np.trace(reach, -lag) if lag < steps else 0 for lag in range(truncation.k2)]
    np.testing.assert_array_equal(counts, diagonals)
    assert counts.sum() == reach.sum()


@given(truncations(), LENGTHS)
def test_travelled_sums_the_rows_of_reach(truncation, steps):
    travelled = truncation.travelled(steps)
    assert travelled.dtype == np.int64
    np.testing.assert_array_equal(travelled, truncation.reach(steps).sum(axis=1))


@pytest.mark.parametrize("truncation", [
    Truncation(1, 10), Truncation(7, 1000), Truncation(1, 10**6), Truncation.epochwise(10**30),
])  # fmt: skip
def test_a_million_steps_take_no_table_of_pairs(truncation):
    # A square of a million steps is a terabyte: this would not end.
    travelled = truncation.travelled(10**6)
    assert travelled.min() == 1
    assert travelled.max() == min(truncation.k2, 10**6)
    if truncation.k2 <= 10**6:
        counts = truncation.lag_counts(10**6)
        assert counts[0] == 10**6
        assert counts.sum() == travelled.sum()


@given(st.integers(1, 20), LENGTHS)
def test_named_constructors(k, steps):
    assert Truncation.epochwise(k) == Truncation(k, k)
    assert Truncation.true(k) == Truncation(1, k)
    true = Truncation.true(k).travelled(steps)
    np.testing.assert_array_equal(true, np.minimum(np.arange(steps) + 1, k))


@given(LENGTHS, st.integers(1, 45))
def test_full_backpropagation_is_one_pass(steps, k1):
    truncation = Truncation(max(k1, steps), max(k1, steps))
    assert truncation.passes(steps) == [BackwardPass(0, 0, steps)]
    np.testing.assert_array_equal(truncation.reach(steps), np.tri(steps, dtype=bool))


def test_the_published_example_of_49_steps_cut_to_7():
    # R2RT counts 42 for true truncation; by the same rule it is 43 (7, 14, ... count the step).
    full = [(t.travelled(49) == 7).sum() for t in (Truncation(7, 7), Truncation(1, 7))]
    assert full == [7, 43]


def test_a_schedule_is_a_value():
    assert Truncation(np.int64(2), np.int64(3)) == Truncation(2, 3)
    assert repr(Truncation(np.int64(2), np.int64(3))) == "Truncation(k1=2, k2=3)"
    with pytest.raises(AttributeError):
        Truncation(2, 3).k1 = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("k1", "k2", "error", "words"),
    [
        (3, 2, ValueError, "k1=3 and k2=2.*Take k1 <= 2, or k2 >= 3"),
        (0, 2, ValueError, "k1 must be at least 1, got 0"),
        (1, -2, ValueError, "k2 must be at least 1, got -2"),
        (1.0, 2, TypeError, r"k1 must be an integer, got 1.0 \(float\)"),
        (True, 2, TypeError, "got the bool True"),
        (1, "2", TypeError, "k2 must be an integer, got '2'"),
    ],
)
def test_bad_sizes_say_what_was_seen_and_what_to_do(k1, k2, error, words):
    with pytest.raises(error, match=words):
        Truncation(k1, k2)


@pytest.mark.parametrize("method", ["passes", "travelled", "reach", "lag_counts"])
def test_bad_steps(method):
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        getattr(Truncation(1, 2), method)(0)
    with pytest.raises(TypeError, match="steps must be an integer"):
        getattr(Truncation(1, 2), method)(2.5)
