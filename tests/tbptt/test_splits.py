import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tbptt.splits import block_folds, shared_steps


@given(st.data(), st.integers(2, 40), st.integers(1, 12), st.integers(1, 8))
def test_shared_steps_are_counted_as_sets(data, n_windows, span, stride):
    starts = np.arange(n_windows) * stride
    train = data.draw(st.lists(st.integers(0, n_windows - 1), min_size=1, unique=True))
    test = data.draw(st.lists(st.integers(0, n_windows - 1), min_size=1, unique=True))
    seen = {step for i in train for step in range(starts[i], starts[i] + span)}
    literal = [len(seen & set(range(starts[i], starts[i] + span))) for i in test]
    assert shared_steps(starts, span, train, test).tolist() == literal


@given(st.integers(4, 60), st.integers(1, 12), st.integers(1, 8), st.integers(2, 5))
def test_blocks_cover_everything_once_and_share_nothing(n_windows, span, stride, n_folds):
    starts = np.arange(n_windows) * stride
    assume(n_folds <= n_windows)
    try:
        folds = block_folds(starts, span, n_folds)
    except ValueError as error:
        assert "leaves nothing to train on" in str(error)  # noqa: PT017 (both ways are right)
        return
    tested = np.concatenate([test for _, test in folds])
    np.testing.assert_array_equal(np.sort(tested), np.arange(n_windows))
    for train, test in folds:
        assert not shared_steps(starts, span, train, test).any()
        # Nothing clean is thrown away.
        left = np.setdiff1d(np.arange(n_windows), np.concatenate([train, test]))
        assert all(shared_steps(starts, span, test, [i])[0] for i in left)


def test_bad_input():
    with pytest.raises(ValueError, match=r"n_folds must lie between 2 and .* 5; got 6"):
        block_folds(np.arange(5), 1, 6)
    with pytest.raises(ValueError, match=r"leaves nothing to train on.*span 9.*shorter windows"):
        block_folds(np.arange(5), 9, 2)
    with pytest.raises(ValueError, match="span must be at least 1"):
        shared_steps([0, 1], 0, [0], [1])
    with pytest.raises(TypeError, match="n_folds must be an integer"):
        block_folds(np.arange(5), 1, 2.0)


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        # A mask would be taken for the windows 0 and 1, and a float for the integer below it.
        ({"train": [True, False, True]}, TypeError, r"train .* bool; pass numpy.flatnonzero"),
        ({"test": [0.5]}, TypeError, r"test must hold integers, got dtype float64"),
        ({"starts": [0.0, 1.5, 3.0]}, TypeError, r"starts must hold integers"),
        ({"starts": [[0, 1, 2]]}, ValueError, r"starts must be a row of integers"),
        # Counted from the end, these are windows and steps that nobody means.
        ({"test": [-1]}, ValueError, "test must lie between 0 and 2, got -1"),
        ({"train": [3]}, ValueError, "train must lie between 0 and 2, got 3"),
        ({"starts": [-2, 0, 2]}, ValueError, "starts must lie between 0 and"),
        ({"span": 2**63}, ValueError, "span must be at most 2"),
        ({"starts": np.ma.masked_equal([0, 1, 2], 1)}, ValueError, "starts has 1 value .*masked"),
    ],
)
def test_indices_are_what_they_are_taken_for(changed, error, words):
    arguments = {"starts": [0, 2, 4], "span": 3, "train": [0], "test": [2], **changed}
    with pytest.raises(error, match=words):
        shared_steps(**arguments)


def test_windows_out_of_order_are_no_blocks_of_time():
    with pytest.raises(ValueError, match="starts must be in order of time"):
        block_folds([4, 2, 0, 6], 1, 2)
    assert len(block_folds([0, 0, 4, 4], 2, 2)) == 2


def test_nothing_on_either_side_is_nothing_shared():
    assert shared_steps([0, 2], 3, [], [0, 1]).tolist() == [0, 0]
    assert shared_steps([0, 2], 3, [0], []).tolist() == []
