"""Lanes of unequal sequences, and lanes dealt to processes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tbptt.windows import continuity, in_lanes, ragged_batches, stateful_batches

COUNTS = st.lists(st.integers(0, 6), min_size=1, max_size=12).filter(any)
PROCESSES = st.sampled_from([1, 2, 3])


def plainly_whole(counts, rows):
    """Deal whole sequences, one batch after another: a row that is free takes the next one."""
    waiting = [
        [(sum(counts[:n]) + i, i == 0) for i in range(count)]
        for n, count in enumerate(counts)
        if count
    ]
    lanes = [[] for _ in range(rows)]
    batches = []
    while waiting or any(lanes):
        for lane in lanes:
            if not lane and waiting:
                lane.extend(waiting.pop(0))
        batches.append([lane.pop(0) if lane else None for lane in lanes])
    return batches


def plainly_cut(counts, rows):
    """Lay all windows end to end, and give each row its share."""
    firsts = {sum(counts[:n]) for n, count in enumerate(counts) if count}
    total = sum(counts)
    sizes = [total // rows + (row < total % rows) for row in range(rows)]
    lanes, place = [], 0
    for size in sizes:
        lanes.append([(w, w in firsts or w == place) for w in range(place, place + size)])
        place += size
    return [[lane[n] if n < len(lane) else None for lane in lanes] for n in range(max(sizes))]


@given(COUNTS, st.integers(1, 3), PROCESSES, st.booleans())
def test_unequal_sequences_are_dealt_as_by_the_plain_loop(counts, share, processes, whole):
    rows = share * processes
    if rows > (np.count_nonzero(counts) if whole else sum(counts)):
        with pytest.raises(ValueError, match=f"batch_size {rows} is more than"):
            ragged_batches(counts, rows, whole=whole, processes=processes)
        return
    wanted = (plainly_whole if whole else plainly_cut)(counts, rows)
    blocks = [
        ragged_batches(counts, rows, whole=whole, processes=processes, rank=rank)
        for rank in range(processes)
    ]
    # However early a row ends, all processes have as many batches: none waits in vain.
    assert {block.indices.shape for block in blocks} == {(len(wanted), share)}
    indices, resets, mask = (np.concatenate(parts, axis=1) for parts in zip(*blocks, strict=True))
    for n, batch in enumerate(wanted):
        for row, window in enumerate(batch):
            assert mask[n, row] == (window is not None)
            if window is None:
                assert (indices[n, row], resets[n, row]) == (indices[n - 1, row], False)
            else:
                assert (indices[n, row], resets[n, row]) == window
    assert sorted(indices[mask]) == list(range(sum(counts)))


@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 3), PROCESSES)
def test_equal_sequences_are_dealt_alike_by_both(groups, n_windows, share, processes):
    rows = share * processes
    options = {"processes": processes, "rank": processes - 1}
    indices, resets = stateful_batches(groups * rows, n_windows, rows, **options)
    ragged = ragged_batches([n_windows] * (groups * rows), rows, **options)
    np.testing.assert_array_equal(ragged.indices, indices)
    np.testing.assert_array_equal(ragged.resets, np.repeat(resets[:, None], share, axis=1))
    assert ragged.mask.all()


@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 3), PROCESSES)
def test_the_rows_of_all_processes_are_those_of_one(groups, n_windows, share, processes):
    rows = share * processes
    sizes = groups * rows, n_windows, rows
    whole, resets = stateful_batches(*sizes)
    blocks = [stateful_batches(*sizes, processes=processes, rank=r) for r in range(processes)]
    np.testing.assert_array_equal(np.concatenate([block for block, _ in blocks], axis=1), whole)
    windows = np.arange(whole.size)
    for rank, (block, begins) in enumerate(blocks):
        np.testing.assert_array_equal(begins, resets)
        options = {"n_windows": n_windows, "batch_size": rows, "processes": processes, "rank": rank}
        (dealt,) = in_lanes(windows, **options)
        np.testing.assert_array_equal(dealt.reshape(-1, share), block)


def test_each_process_goes_on_in_its_own_rows():
    times = 1000 * np.arange(8)[:, None, None] + np.arange(12).reshape(1, 3, 4)
    windows = times.reshape(-1, 4)
    for rank in range(2):
        indices, resets = stateful_batches(8, 3, batch_size=4, processes=2, rank=rank)
        seen = continuity(windows[rows] for rows in indices)
        np.testing.assert_array_equal(seen.resets, np.repeat(resets[:, None], 2, axis=1))
        assert seen.findings == ()


def test_steps_of_episodes_are_time_major():
    lengths = [5, 3, 4]
    indices, resets, mask = ragged_batches(lengths, batch_size=2)
    episode = np.repeat(np.arange(3), lengths)
    np.testing.assert_array_equal(episode[indices].T, [[0] * 5 + [0] * 2, [1] * 3 + [2] * 4])
    np.testing.assert_array_equal(np.argwhere(resets), [[0, 0], [0, 1], [3, 1]])
    np.testing.assert_array_equal(mask.sum(0), [5, 7])


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        (([2, 3], 3), {}, ValueError, "3 is more than the 2 sequences .* or pass whole=False"),
        (([1, 1], 3), {}, ValueError, "3 is more than the 2 sequences .* at most 2 rows.$"),
        (([2, 3], 6), {"whole": False}, ValueError, "6 is more than the 5 windows"),
        (([0, 0], 1), {}, ValueError, "n_windows holds 2 sequences and no window"),
        (([], 1), {}, ValueError, "n_windows holds 0 sequences and no window"),
        (([2, -1], 1), {}, ValueError, "n_windows must lie between 0 .* got -1 to 2"),
        (([2.5], 1), {}, TypeError, "n_windows must hold integers, got dtype float64"),
        (([2, 3], 2), {"whole": 1}, TypeError, "whole must be True or False"),
        (([2, 3], 2), {"processes": 3}, ValueError, "processes 3 does not divide batch_size 2"),
        (([2, 3], 2), {"processes": 2, "rank": 2}, ValueError, "rank must lie below processes, 2"),
    ],
)
def test_ragged_batches_refuses(arguments, options, error, words):
    with pytest.raises(error, match=words):
        ragged_batches(*arguments, **options)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"processes": 4}, ValueError, "processes 4 does not divide batch_size 6.*: 2, 3, 6"),
        ({"processes": 2, "rank": 2}, ValueError, "rank must lie below processes, 2, got 2"),
        ({"processes": 2, "rank": -1}, ValueError, "rank must be at least 0, got -1"),
        ({"processes": 0}, ValueError, "processes must be at least 1, got 0"),
        ({"processes": 2.0}, TypeError, "processes must be an integer"),
    ],
)
def test_a_process_that_does_not_fit_is_refused(options, error, words):
    with pytest.raises(error, match=words):
        stateful_batches(12, 2, 6, **options)
    with pytest.raises(error, match=words):
        in_lanes(np.arange(24), n_windows=2, batch_size=6, **options)
