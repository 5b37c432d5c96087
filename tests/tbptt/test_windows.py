import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tbptt.windows import (
    Cut,
    DroppedStepsWarning,
    cut,
    describe_dropped,
    forecast_windows,
    prepare_sequences,
    stateful_batches,
)

pytestmark = pytest.mark.filterwarnings("ignore::tbptt.windows.DroppedStepsWarning")


@st.composite
def cuts(draw):
    steps = draw(st.integers(1, 30))
    return steps, draw(st.integers(1, steps)), draw(st.integers(1, 35))


def slow_windows(x, y, window_length, increment):
    """Cut with the loops that `prepare_sequences` replaces."""
    windows, labels = [], []
    for sequence, label in zip(x, y, strict=True):
        start = 0
        while start + window_length <= len(sequence):
            windows.append(sequence[start : start + window_length])
            labels.append(label)
            start += increment
    return np.array(windows), np.array(labels)


@given(cuts(), st.integers(1, 4), st.sampled_from([(), (1,), (2, 3)]))
def test_prepare_sequences_is_the_loop(sizes, n_sequences, features):
    steps, window_length, increment = sizes
    x = np.arange(n_sequences * steps * int(np.prod(features))).reshape(
        n_sequences, steps, *features
    )
    y = np.arange(n_sequences) * 7
    windows, labels = prepare_sequences(x, y, window_length, increment)
    slow, slow_labels = slow_windows(x, y, window_length, increment)
    np.testing.assert_array_equal(windows, slow)
    np.testing.assert_array_equal(labels, slow_labels)
    assert windows.dtype == x.dtype


def test_windows_are_a_copy():
    x = np.zeros((2, 6, 1))
    windows, _ = prepare_sequences(x, [0, 1], 3, 1)
    windows[:] = 1
    assert not x.any()


@given(cuts())
def test_cut_counts_every_step_literally(sizes):
    steps, window_length, increment = sizes
    where = cut(*sizes)
    literal = np.zeros(steps, dtype=int)
    for start in range(0, steps - window_length + 1, increment):
        literal[start : start + window_length] += 1
    np.testing.assert_array_equal(where.coverage, literal)
    np.testing.assert_array_equal(where.dropped, np.flatnonzero(literal == 0))
    assert where.coverage.sum() == where.n_windows * window_length


def test_dropped_steps_are_named_once_and_for_all():
    with pytest.warns(DroppedStepsWarning, match=r"2 of 20 steps .*counted from 0: 18, 19.*pad"):
        prepare_sequences(np.zeros((3, 20)), np.zeros(3), 8, 5)
    with pytest.warns(DroppedStepsWarning, match="an increment of at most 2 closes the gaps"):
        prepare_sequences(np.zeros((3, 20)), np.zeros(3), 2, 5)
    with pytest.warns(DroppedStepsWarning, match="1 of 10 steps"):
        forecast_windows(np.arange(10), 4, 2, 3)
    assert describe_dropped(cut(20, 10, 10)) == "Every one of the 20 steps is in a window."


def test_a_stride_beyond_the_sequence_leaves_one_window_whatever_its_size():
    for increment in (10, 2**63, np.uint64(2**63)):
        where = cut(np.int8(10), np.int8(4), increment)
        np.testing.assert_array_equal(where.starts, [0])
        np.testing.assert_array_equal(where.dropped, [4, 5, 6, 7, 8, 9])
        windows, labels = prepare_sequences(np.ones((2, 10)), [0, 1], 4, increment)
        assert (windows.shape, labels.shape) == ((2, 4), (2,))


def test_a_cut_made_by_hand_is_checked_as_any_other():
    with pytest.raises(ValueError, match="increment must be at least 1"):
        Cut(5, 2, 0)
    with pytest.raises(TypeError, match="where must be a Cut"):
        describe_dropped((5, 2, 1))


def test_no_sequences_are_no_windows():
    windows, labels = prepare_sequences(np.ones((0, 10, 3)), np.ones((0, 2)), 4, 2)
    assert (windows.shape, labels.shape) == ((0, 4, 3), (0, 2))


@pytest.mark.filterwarnings("error")
def test_nothing_is_said_when_nothing_is_dropped():
    prepare_sequences(np.zeros((3, 20)), np.zeros(3), 10, 5)


@given(cuts(), st.integers(1, 5))
def test_forecasts_begin_where_the_window_ends(sizes, horizon):
    steps, window_length, increment = sizes
    assume(window_length + horizon <= steps)
    past, future, starts = forecast_windows(np.arange(steps), window_length, increment, horizon)
    np.testing.assert_array_equal(past[:, 0], starts)
    np.testing.assert_array_equal(future[:, 0], starts + window_length)
    joined = np.concatenate([past, future], axis=1)
    assert (np.diff(joined, axis=1) == 1).all()
    assert joined.max() < steps
    assert starts[-1] + increment + window_length + horizon > steps


@given(st.integers(1, 6), st.integers(1, 5), st.integers(1, 6), st.integers(1, 4))
def test_rows_of_stateful_batches_continue(groups, n_windows, batch_size, length):
    n_sequences = groups * batch_size
    indices, resets = stateful_batches(n_sequences, n_windows, batch_size)
    assert indices.shape == (groups * n_windows, batch_size)
    assert sorted(indices.ravel()) == list(range(n_sequences * n_windows))
    # Steps carry their own address, so continuity can be read off the data.
    steps = n_windows * length
    x = np.arange(n_sequences * steps).reshape(n_sequences, steps)
    windows, _ = prepare_sequences(x, np.zeros(n_sequences), length, length)
    for batch in range(len(indices)):
        first = windows[indices[batch]][:, 0]
        if resets[batch]:
            assert (first % steps == 0).all()
        else:
            np.testing.assert_array_equal(first, windows[indices[batch - 1]][:, -1] + 1)
    assert resets.sum() == groups


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((np.zeros((2, 5)), [0, 1], 6, 1), ValueError, "window_length 6 .* 5 steps.*at most 5"),
        ((np.zeros((2, 5)), [0, 1], 0, 1), ValueError, "window_length must be at least 1, got 0"),
        ((np.zeros((2, 5)), [0, 1], 2, -1), ValueError, "increment must be at least 1, got -1"),
        ((np.zeros((2, 5)), [0, 1], 2.0, 1), TypeError, "window_length must be an integer"),
        ((np.zeros((2, 5)), [0, 1, 1], 2, 1), ValueError, "2 sequences but y holds 3 labels"),
        ((np.zeros(5), [0], 2, 1), ValueError, r"at least 2 dimension.*\(5,\).*x\[None\]"),
        (([[1, 2], [3]], [0, 1], 1, 1), ValueError, "x is ragged"),
        (([["a", "b"]], [0], 1, 1), TypeError, "x must hold numbers, got dtype <U1"),
        ((np.zeros((1, 5)), [object()], 2, 1), TypeError, "y.0. must hold numbers, got dtype obj"),
        ((np.zeros((1, 5)), [0], [2], 1), TypeError, "window_length .*pass a single number"),
        ((np.zeros((1, 5)), [0], 2.5, 1), TypeError, "window_length .*2.5 .*round it yourself"),
        ((np.zeros((1, 5)), [0], np.array([2]), 1), TypeError, "window_length .*a single number"),
        ((np.zeros((1, 5)), [0], True, 1), TypeError, "window_length .*got the bool True"),
        ((np.zeros((1, 5)), [0], 2**63, 1), ValueError, "window_length 9223.* is longer"),
        ((np.zeros((1, 5)), 3, 2, 1), ValueError, "y must have at least 1 dimension"),
    ],
)
def test_prepare_sequences_refuses(arguments, error, words):
    with pytest.raises(error, match=words):
        prepare_sequences(*arguments)


def test_forecast_windows_refuses():
    with pytest.raises(ValueError, match="window_length 8 and horizon 3 together need 11 steps"):
        forecast_windows(np.zeros(10), 8, 1, 3)
    with pytest.raises(ValueError, match="horizon must be at least 1, got 0"):
        forecast_windows(np.zeros(10), 8, 1, 0)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((10, 2, 4), ValueError, "batch_size 4 does not divide 10 sequences: 2 .*fit: 1, 2, 5"),
        ((10, 2, 20), ValueError, "batch_size 20 does not divide 10"),
        ((0, 2, 1), ValueError, "n_sequences must be at least 1"),
        ((10, 0, 1), ValueError, "n_windows must be at least 1"),
        ((10, 2, "5"), TypeError, "batch_size must be an integer, .*int()"),
        ((2**63, 2, 1), ValueError, r"n_sequences must be at most 2\*\*47"),
        ((2**40, 2**40, 1), ValueError, r"n_sequences \* n_windows must be at most 2\*\*47"),
        ((2**40, 2, 3), ValueError, "Sizes that fit: 1, 2, 4"),
        ((3, 1, 2**63), ValueError, r"batch_size must be at most 2\*\*47"),
    ],
)
def test_stateful_batches_refuses(arguments, error, words):
    with pytest.raises(error, match=words):
        stateful_batches(*arguments)
