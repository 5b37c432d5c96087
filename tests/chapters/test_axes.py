"""The claims of the chapter on where time runs, read from its executed cells."""

import pytest

from tbptt.ceilings import stateless_accuracy
from tbptt.windows import cut, in_lanes, stateful_batches


@pytest.fixture(scope="module")
def said(glued):
    return glued("axes")


def test_the_ceiling_is_that_of_the_chapter_before(said):
    assert said["ceiling_one"] == float(stateless_accuracy(20, 10, 1, 0)) == pytest.approx(6 / 11)
    assert said["halves"] == 0.75


def test_state_over_overlapping_windows_does_not_help(said):
    assert said["stateful_min"] >= said["stateful_lowest"] - 0.03
    assert said["stateful_max"] <= float(stateless_accuracy(20, 10, 1, 0)) + 0.01
    assert len(said["stateful_final"]) == 2  # shuffled, and in order
    for final in said["stateful_final"]:
        assert len(final) == 5
        assert max(final) <= float(stateless_accuracy(20, 10, 1, 0)) + 0.005


def test_state_in_lanes_breaks_the_ceiling(said):
    assert said["lanes"] == [1.0] * 5
    assert said["live_lanes"] == said["lanes_lowest"] == 1.0


def test_the_lanes_that_are_printed_are_those_that_train():
    indices, resets = stateful_batches(n_sequences=6, n_windows=2, batch_size=3)
    (laid,) = in_lanes(range(12), n_windows=2, batch_size=3)
    assert laid.tolist() == indices.ravel().tolist()
    # "before every second batch"
    assert resets.tolist() == [True, False, True, False]


def test_one_window_of_eleven_goes_on_where_the_first_one_ends():
    starts = cut(20, 10, 1).starts.tolist()
    assert (len(starts), starts.count(10)) == (11, 1)
    # "Reads nine of them again" in the next window.
    assert len({*range(10)} & {*range(starts[1], starts[1] + 10)}) == 9


def test_rows_of_a_batch_are_strangers(said):
    assert said["row_difference"] < 1e-6
