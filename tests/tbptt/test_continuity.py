"""Pipelines of all kinds, with the times in place of the values."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader, TensorDataset

from tbptt.windows import continuity, prepare_sequences, stateful_batches


@given(st.integers(1, 4), st.integers(2, 6), st.integers(2, 5), st.data())
def test_what_stateful_batches_resets_is_what_begins_anew(batch, windows, steps, data):
    sequences = batch * data.draw(st.integers(1, 3))
    times = np.arange(sequences * windows * steps).reshape(sequences, -1, 1)
    cut, _ = prepare_sequences(times, np.zeros(sequences), steps, steps)
    indices, resets = stateful_batches(sequences, windows, batch)
    # Sequences that follow one another in time would go on: give each its own time.
    cut = cut + 1000 * (cut // (windows * steps))
    found = continuity(cut[each] for each in indices)
    np.testing.assert_array_equal(found.resets, np.repeat(resets[:, None], batch, 1))
    assert found.findings == ()


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 5), st.integers(1, 4))
def test_each_row_is_named_by_where_it_goes(length, first, steps, every):
    now = np.arange(steps)[None] * every + 100
    then = now + (first - 5) * every
    found = continuity([now, then])
    wanted = (
        "continues" if first - 5 == steps else "repeats" if first == 5 else "overlaps"
        if 0 < first - 5 < steps else "skips" if first - 5 > steps else "jumps"
    )  # fmt: skip
    if steps > 1 or every == 1:
        assert found.kinds[0, 0] == wanted
        assert found.shifts[0, 0] == first - 5 - (steps - 1)


def times(rows, steps):
    return np.arange(rows * steps).reshape(rows, steps)


def rows_after_one_another():
    return np.split(times(12, 5), 3)


def shuffled():
    loader = DataLoader(
        TensorDataset(torch.from_numpy(times(40, 5))), 4, shuffle=True,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    return loader


def overlapping():
    windows = np.lib.stride_tricks.sliding_window_view(np.arange(30), 6)[::2]
    return [window[None] for window in windows]


def skipping():
    return [np.arange(first, first + 4)[None] for first in range(0, 40, 6)]


def another_order_inside():
    lanes = np.arange(60).reshape(4, 3, 5).transpose(1, 0, 2)
    return [lanes[0], lanes[1][[1, 0, 3, 2]], lanes[2]]


def again():
    return [times(2, 5)] * 3


def one_stray_row():
    lanes = np.arange(60).reshape(4, 3, 5).transpose(1, 0, 2).copy()
    lanes[2, 1] += 500
    return lanes


PIPELINES = {
    rows_after_one_another: "No row goes on: row i \\+ 1 of a batch continues row i of the same",
    shuffled: "the windows come in another order than time's. Switch shuffle off",
    overlapping: "begins 4 steps before the last one ends.* Move windows by their length, 6",
    skipping: "2 steps between two windows are read by no row",
    another_order_inside: "continue other rows of the last one: the order inside",
    again: "reads the same window again",
    one_stray_row: "1 of 8 rows do not go on: first row 1 at batch 2, whose window begins 501 "
    "steps after the end of the row's last one",
}


@pytest.mark.parametrize(("pipeline", "words"), PIPELINES.items())
def test_what_is_wrong_with_a_pipeline(pipeline, words):
    found = continuity(pipeline())
    (finding,) = found.findings
    assert re.search(words, finding), found
    assert not found.continues.all()


def slid(stride, rows, *, runs=((0, 200),), every=1, length=10):
    """Cut runs into windows that move by a stride, and put some together, as they come."""
    windows = [
        np.arange(first, first + length) * every
        for begin, end in runs for first in range(begin, end - length + 1, stride)
    ]  # fmt: skip
    whole = len(windows) // rows * rows
    return np.split(np.array(windows[:whole]), whole // rows)


GAPS = ((0, 40), (60, 115), (130, 161), (200, 290))


@pytest.mark.parametrize("rows", [4, 7])
@pytest.mark.parametrize("runs", [((0, 200),), GAPS])
@pytest.mark.parametrize("stride", [1, 3, 5, 9])
@pytest.mark.parametrize("every", [1, 60])
def test_windows_that_overlap_in_a_batch_are_not_called_shuffled(rows, runs, stride, every):
    batches = slid(stride, rows, runs=runs, every=every)
    for these in (batches, batches * 3):  # three epochs
        (finding,) = continuity(these).findings
        assert finding.startswith(
            "No row goes on: windows overlap, and follow one another inside a batch: row i + 1 "
            f"begins {stride} step{'s' * (stride > 1)} after row i, and windows are 10 long. Cut "
            "the series end to end, every 10 steps"
        )
    mixed = np.concatenate(batches)[np.random.default_rng(0).permutation(rows * len(batches))]
    (finding,) = continuity(np.split(mixed, len(batches))).findings
    assert "another order than time's" in finding


@pytest.mark.parametrize("runs", [((0, 200),), GAPS])
def test_windows_in_time_s_order_that_do_not_overlap(runs):
    for rows in (1, 4):
        (finding,) = continuity(slid(12, rows, runs=runs)).findings
        assert re.search("2 steps between .* are read by no row", finding)
    (finding,) = continuity(slid(10, 4, runs=runs)).findings
    assert "row i + 1 of a batch continues row i" in finding
    (finding,) = continuity(slid(5, 1, runs=runs)).findings
    assert "begins 5 steps before the last one ends" in finding
    assert continuity(slid(10, 1, runs=runs)).findings == ()


def test_where_a_row_of_a_batch_is_and_where_its_successor_is():
    # Steps are apart by two, so that a stride of 5 is two steps and a half.
    windows = np.arange(0, 100, 5)[:, None] + 2 * np.arange(6)
    (finding,) = continuity(np.split(windows, 5)).findings
    assert "begins 2.5 steps after row i" in finding
    lanes = np.arange(240).reshape(4, 5, 12)[..., :10].swapaxes(0, 1)
    (finding,) = continuity(lanes).findings
    assert "2 steps between two windows are read by no row" in finding
    apart = np.cumsum(np.random.default_rng(0).integers(10, 40, 40))[:, None] + np.arange(10)
    (finding,) = continuity(np.split(apart, 10)).findings
    assert re.search("in time's order, each 1[0-9] to 3[0-9] steps after the one before", finding)
    # Inside a batch the last comes first: what seems to be left out is read by another row.
    backwards = np.arange(200).reshape(-1, 4, 10)[:, ::-1]
    assert "read by no row" not in continuity(backwards).findings[0]


@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.integers(0, 3))
def test_how_many_states_begin_anew(sizes, jump):
    batches = [10_000 * np.arange(size)[:, None] + 3 * n + np.arange(3) + jump * (n > 2)
               for n, size in enumerate(sizes)]  # fmt: skip
    found = continuity(batches)
    wanted = sum(
        n == 0 or row >= sizes[n - 1] or (jump > 0 and n == 3)
        for n, size in enumerate(sizes) for row in range(size)
    )  # fmt: skip
    assert found.new_states == wanted
    assert f"{wanted} states are new" in str(found).replace("\n  ", " ")


def test_a_pipeline_that_goes_on():
    series = np.arange(120).reshape(4, 30)
    chunks = [torch.from_numpy(chunk) for chunk in np.split(series, 6, 1)]
    for batches in (chunks, [(chunk, chunk) for chunk in chunks], [{"x": c} for c in chunks],
                    [chunk[..., None] for chunk in chunks]):  # fmt: skip
        found = continuity(batches)
        assert found.continues.all()
        assert found.findings == ()
        assert str(found) == "6 batches of 4 rows; at the borders: 20 continues.\n" + (
            "4 states are new, those of the first batch included (resets)."
        )
    assert continuity([chunk.T for chunk in chunks], time_major=True).continues.all()
    hours = np.datetime64("2020-01-01T00") + np.arange(24).astype("timedelta64[h]")
    assert continuity(hours.reshape(6, 1, 4)).continues.all()


def test_a_short_last_batch_and_chunks_by_number():
    found = continuity([times(4, 5), times(4, 5)[:3] + 5])
    assert found.kinds[0, 3] == "has no row"
    assert "The last batch has 3 rows instead of 4" in found.findings[-1]
    found = continuity(np.array_split(np.arange(22)[None], 4, 1))
    assert found.continues.all()
    assert "Windows have 5, 6 steps" in found.findings[0]


def test_bad_input():
    with pytest.raises(ValueError, match="batches is empty"):
        continuity([])
    with pytest.raises(ValueError, match=r"is the number 0: batches holds values.*DataLoader"):
        continuity(np.arange(10))
    with pytest.raises(ValueError, match=r"is one row, of shape \(5,\): batches holds windows"):
        continuity(torch.from_numpy(times(3, 5)))
    with pytest.raises(ValueError, match=r"Rows 0 and 2 of batches\[1\] are the same.* at 7"):
        continuity([times(3, 2), np.array([[7, 8], [1, 2], [7, 8]])])
    with pytest.raises(ValueError, match=r"row 1 of batches\[0\] goes from 4 to 9 at step 1"):
        continuity([np.array([[0, 1, 2], [3, 4, 9]])])
    with pytest.raises(ValueError, match=r"\(rows, steps\) of times, got shape \(2, 3, 4\)"):
        continuity([np.zeros((2, 3, 4))])
    with pytest.raises(TypeError, match=r"holds 0\.5: times must be whole"):
        continuity([np.array([[0.5, 1.5]])])
    with pytest.raises(TypeError, match=r"batches\[0\] is a dict of a, b"):
        continuity([{"a": times(2, 2), "b": times(2, 2)}])
