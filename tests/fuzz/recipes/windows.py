"""Sensible calls of what cuts, orders and splits windows."""

from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from fuzz.recipes import numbers, recipe, size
from tbptt.windows import cut, place_windows, ragged_batches, segments

COPY = st.sampled_from([True, False, None])
MISSING = st.sampled_from(["refuse", "keep"])


def sizes(draw):
    steps = size(draw, 12)
    return {
        "steps": steps,
        "window_length": size(draw, steps),
        "increment": size(draw, 14),
    }


@recipe("tbptt.windows.Cut")
@recipe("tbptt.windows.cut")
def cut_alone(draw):
    return sizes(draw)


@recipe("tbptt.windows.describe_dropped")
def describe(draw):
    return {"where": cut(**sizes(draw))}


@recipe("tbptt.windows.continuity")
def times(draw):
    rows, steps = size(draw, 3), size(draw, 4)
    batches = [1000 * np.arange(rows)[:, None] + np.arange(steps) + steps * n for n in range(3)]
    return {"batches": batches, "time_major": False}


@recipe("tbptt.windows.prepare_sequences")
def prepare(draw):
    chosen = sizes(draw)
    rows = size(draw, 4, least=0)
    features = draw(st.sampled_from([(), (1,), (2, 3)]))
    return {
        "x": numbers(rows, chosen.pop("steps"), *features), "y": np.arange(rows), **chosen,
        "missing": draw(MISSING), "copy": draw(COPY),
    }  # fmt: skip


@recipe("tbptt.windows.forecast_windows")
def forecast(draw):
    length, horizon = size(draw), size(draw)
    features = draw(st.sampled_from([(), (1,), (2, 3)]))
    return {
        "series": numbers(length + horizon + size(draw), *features), "window_length": length,
        "increment": size(draw), "horizon": horizon, "missing": draw(MISSING), "copy": draw(COPY),
    }  # fmt: skip


@recipe("tbptt.windows.stateful_batches")
def batches(draw):
    rows = size(draw, 4)
    processes = size(draw, 2)
    return {
        "n_sequences": rows * processes * size(draw, 4), "n_windows": size(draw),
        "batch_size": rows * processes, "processes": processes,
        "rank": size(draw, processes - 1, least=0),
    }  # fmt: skip


def counts(draw, least=1):
    return draw(st.lists(st.integers(1, 4), min_size=least, max_size=6))


@recipe("tbptt.windows.ragged_batches")
def ragged(draw):
    processes = size(draw, 2)
    rows = processes * size(draw, 2)
    return {
        "n_windows": np.array(counts(draw, rows)), "batch_size": rows,
        "whole": draw(st.booleans()), "processes": processes,
        "rank": size(draw, processes - 1, least=0),
    }  # fmt: skip


def table(draw):
    """Make times and groups of runs with a gap between any two."""
    lengths = np.array(counts(draw)) + 2
    times = np.concatenate([10 * n + np.arange(length) for n, length in enumerate(lengths)])
    return times, np.repeat(np.arange(len(lengths)) // 2, lengths)


@recipe("tbptt.windows.segments")
def gaps(draw):
    times, groups = table(draw)
    dated = draw(st.booleans())
    return {
        "times": np.datetime64("2024-01-01", "h") + times if dated else times,
        "groups": draw(st.sampled_from([None, groups])),
        "every": np.timedelta64(60, "m") if dated else 1,
    }


@recipe("tbptt.windows.place_windows")
def place(draw):
    return {
        "segments": segments(*table(draw)), "window_length": size(draw, 2),
        "increment": size(draw, 3), "sampling_rate": 1, "ahead": size(draw, 1, least=0),
    }  # fmt: skip


@recipe("tbptt.windows.WindowDataset")
def dataset(draw):
    times, groups = table(draw)
    windows = place_windows(segments(times, groups), 2, 2, ahead=1)
    return {
        "values": numbers(len(times), 2), "windows": windows,
        "batches": ragged_batches(windows.counts, 1), "targets": None, "missing": draw(MISSING),
    }  # fmt: skip


@recipe("tbptt.windows.in_lanes")
def lanes(draw):
    rows, count = size(draw, 3), size(draw, 3)
    total = rows * count * size(draw, 3)
    others = tuple(np.arange(total) for _ in range(draw(st.integers(0, 2))))
    return {
        "windows": numbers(total, 2), "others": others, "n_windows": count, "batch_size": rows,
        "processes": rows, "rank": rows - 1, "missing": draw(MISSING),
    }  # fmt: skip


@recipe("tbptt.splits.shared_steps")
def shared(draw):
    count = size(draw, 8, least=2)
    half = count // 2
    return {
        "starts": np.arange(count) * size(draw, 3), "span": size(draw),
        "train": np.arange(half), "test": np.arange(half, count),
    }  # fmt: skip


@recipe("tbptt.splits.block_folds")
def folds(draw):
    count = size(draw, 12, least=6)
    return {"starts": np.arange(count), "span": size(draw, 2), "n_folds": size(draw, 3, least=2)}


@recipe("tbptt.ceilings.informative_share")
def informative(draw):
    chosen = sizes(draw)
    return {**chosen, "position": size(draw, chosen["steps"] - 1, least=0)}


@recipe("tbptt.ceilings.stateless_accuracy")
@recipe("tbptt.ceilings.stateless_loss")
def stateless(draw):
    shares = st.sampled_from([0, 1, 0.25, Fraction(1, 3), np.float32(0.5)])
    return {**informative(draw), "positives": draw(shares)}
