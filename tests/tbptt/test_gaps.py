"""Tables with gaps and groups: segments, windows, targets, times, batches, beside plain loops."""

import datetime
import pickle
import re
import tracemalloc
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from tbptt.windows import (
    DroppedStepsWarning,
    WindowDataset,
    continuity,
    place_windows,
    ragged_batches,
    segments,
    stateful_batches,
)

# Groups of runs, as lengths; between two runs of a group so many steps are missing.
GROUPS = st.lists(
    st.lists(st.tuples(st.integers(2, 12), st.integers(1, 5)), min_size=1, max_size=3),
    min_size=1, max_size=3,
)  # fmt: skip
HOURS = "2024-05-01"


def table_of(groups, every=1):
    """Return times and labels of a table, and the rows of each of its runs."""
    times, labels, runs = [], [], []
    for label, group in enumerate(groups):
        now = 100 * label
        for length, missing in group:
            runs.append(list(range(len(times), len(times) + length)))
            times += [every * (now + step) for step in range(length)]
            labels += [f"sensor {label}"] * length
            now += length + missing
    return times, labels, runs


@pytest.fixture(autouse=True)
def rows_may_be_dropped():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DroppedStepsWarning)
        yield


def as_hours(times):
    return pd.DatetimeIndex(np.datetime64(HOURS, "ns") + np.array(times) * np.timedelta64(1, "h"))


FORMS = {
    "numbers": lambda times, labels: (times, labels),
    "a frame of pandas": lambda times, labels: (
        as_hours(times), pd.Series(labels, dtype="category"),
    ),
    "a column of pandas": lambda times, labels: (pd.Series(as_hours(times)), pd.Series(labels)),
    "columns of polars": lambda times, labels: (
        pl.Series(as_hours(times).to_numpy()), pl.Series(labels),
    ),
    "datetime64": lambda times, labels: (
        as_hours(times).to_numpy().astype("datetime64[h]"), np.array(labels),
    ),
    "a tensor": lambda times, labels: (torch.tensor(times), labels),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@given(groups=GROUPS)
def test_a_table_is_split_at_gaps_and_groups(form, groups):
    times, labels, runs = table_of(groups)
    given_times, given_labels = form(times, labels)
    hour = 1 if np.asarray(given_times).dtype.kind == "i" else np.timedelta64(1, "h")
    found = segments(given_times, given_labels, every=hour)
    assert found.starts.tolist() == [rows[0] for rows in runs]
    assert found.lengths.tolist() == [len(rows) for rows in runs]
    assert found.groups.tolist() == [labels[rows[0]] for rows in runs]
    assert found.every == hour
    assert f"{len(runs) - len(groups)} gap" in str(found)


def plainly(runs, length, increment, rate, ahead):
    """List the rows of every window, and those of its targets, by looking at each start."""
    windows = []
    for rows in runs:
        for start in range(0, len(rows), increment):
            read = [start + rate * step for step in range(length)]
            if read[-1] + ahead < len(rows):
                targets = [rows[place + ahead] for place in read]
                windows.append(([rows[place] for place in read], targets))
    return windows


SIZES = st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 3), st.integers(0, 2))


@given(GROUPS, SIZES)
def test_windows_are_those_of_the_plain_loop(groups, sizes):
    times, labels, runs = table_of(groups, every=3)
    length, increment, rate, ahead = sizes
    wanted = plainly(runs, *sizes)
    options = {"sampling_rate": rate, "ahead": ahead}
    found = segments(times, labels, every=3)
    if not wanted:
        with pytest.raises(ValueError, match="No segment is long enough"):
            place_windows(found, length, increment, **options)
        return
    windows = place_windows(found, length, increment, **options)
    every = np.arange(len(windows))
    assert windows.rows(every).tolist() == [read for read, _ in wanted]
    assert windows.target_rows(every).tolist() == [asked for _, asked in wanted]
    assert windows.times(every).tolist() == [[times[row] for row in read] for read, _ in wanted]
    assert windows.counts.tolist() == [sum(read[0] in rows for read, _ in wanted) for rows in runs]
    assert windows.span == wanted[0][0][-1] - wanted[0][0][0] + 1


@given(GROUPS, SIZES)
def test_rows_in_no_window_are_counted(groups, sizes):
    times, labels, runs = table_of(groups)
    length, increment, rate, ahead = sizes
    wanted = plainly(runs, *sizes)
    if not wanted:
        return
    # From a window's first row to its last target: what lies between was left out on purpose, and
    # so was what lies between its last step and the next.
    used = set()
    for rows in runs:
        for read, asked in wanted:
            if read[0] in rows:
                used |= set(range(read[0], max(asked[-1] + 1, read[-1] + rate))) & set(rows)
    dropped = len(times) - len(used)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        place_windows(
            segments(times, labels, every=1), length, increment, sampling_rate=rate, ahead=ahead
        )
    said = [str(warning.message) for warning in caught]
    assert len(said) == (dropped > 0)
    assert not said or said[0].startswith(f"{dropped} of {len(times)} rows are in no window")


@given(GROUPS, st.integers(1, 3), st.integers(1, 2), st.integers(1, 2), st.booleans())
def test_batches_go_on_but_where_they_say_that_a_row_begins(groups, length, rate, rows, whole):
    times, labels, _ = table_of(groups)
    found = segments(times, labels, every=1)
    if found.lengths.max() < (length - 1) * rate + 2:
        return
    windows = place_windows(found, length, length * rate, sampling_rate=rate, ahead=1)
    if rows > (np.count_nonzero(windows.counts) if whole else len(windows)):
        return
    order = ragged_batches(windows.counts, rows, whole=whole)
    dataset = WindowDataset(times, windows, order)
    batches = list(dataset)
    assert len(batches) == len(dataset) == len(order.indices)
    for batch, numbers in zip(batches, order.indices, strict=True):
        np.testing.assert_array_equal(batch.inputs, windows.times(numbers))
        np.testing.assert_array_equal(batch.targets, batch.inputs + 1)
    if length > 1:  # of a single step nobody knows how far apart steps are
        seen = continuity(dataset)
        for before, batch in enumerate(batches[1:]):
            going_on = ~batch.begins & batch.mask
            assert seen.continues[before][going_on].all()
    last = {}  # the row that each lane read last
    for batch, numbers in zip(batches, order.indices, strict=True):
        for lane in np.flatnonzero(batch.mask):
            read = windows.rows(numbers[lane])
            if not batch.begins[lane]:
                assert read[0] == last[lane] + rate
            last[lane] = read[-1]


def small(ahead=1, increment=2):
    """Three segments of 5, 7 and 4 rows in two groups, and windows of 2 of them."""
    times, labels, _ = table_of([[(5, 2), (7, 1)], [(4, 1)]])
    return place_windows(segments(times, labels), 2, increment, ahead=ahead)


def test_a_dataset_goes_through_the_loaders_that_people_have():
    windows = small()
    dataset = WindowDataset(np.arange(16.0), windows, ragged_batches(windows.counts, 2))
    plain = [[part.tolist() for part in batch] for batch in dataset]
    for options in ({}, {"num_workers": 2}):
        loader = DataLoader(dataset, batch_size=None, **options)
        assert [[part.tolist() for part in batch] for batch in loader] == plain


@pytest.mark.slow
def test_workers_that_begin_as_new_processes_read_the_same():
    windows = small()
    dataset = WindowDataset(np.arange(16.0), windows, ragged_batches(windows.counts, 2))
    loader = DataLoader(dataset, batch_size=None, num_workers=2, multiprocessing_context="spawn")
    for batch, plain in zip(loader, dataset, strict=True):
        for part, wanted in zip(batch, plain, strict=True):
            np.testing.assert_array_equal(part, wanted)


def test_a_loop_resets_the_rows_that_begin():
    windows = small()
    values = np.arange(16.0)
    whole = torch.zeros(2)
    seen = {}
    # A cell that adds up what it reads: its state is the sum of the segment so far.
    order = ragged_batches(windows.counts, 2)
    for number, (x, _, begins, mask) in enumerate(
        DataLoader(WindowDataset(values, windows, order), batch_size=None)
    ):
        whole = torch.where(begins, 0, whole) + x.sum(1) * mask
        for row in np.flatnonzero(mask):
            seen[int(order.indices[number, row])] = float(whole[row])
    for number, total in seen.items():
        segment = np.searchsorted(np.cumsum(windows.counts), number, side="right")
        begin = windows.segments.starts[segment]
        assert total == values[begin : windows.rows(number)[-1] + 1].sum()
    assert len(seen) == len(windows)


def test_nothing_but_a_batch_is_read_from_a_file(tmp_path):
    rows = 2_000_000
    values = np.memmap(tmp_path / "values", np.float32, "w+", shape=(rows, 2))
    values[1_000_000] = 7
    windows = place_windows(segments(np.arange(rows)), 100, 100, ahead=1)
    dataset = WindowDataset(values, windows, ragged_batches(windows.counts, 4, whole=False))
    assert np.shares_memory(vars(dataset)["_values"], values)
    (batch, row), *_ = np.argwhere(ragged_batches(windows.counts, 4, whole=False).indices == 10_000)
    assert dataset[int(batch)].inputs[row, 0].tolist() == [7, 7]
    dataset[0].inputs[:] = 1  # a copy: the file stays as it is
    assert not values[:100].any()


@pytest.mark.parametrize("missing", ["refuse", "keep"])
@pytest.mark.parametrize("own_targets", [False, True])
def test_memory_holds_a_batch_of_a_file_however_long_it_is(tmp_path, missing, own_targets):
    rows, features, length, lanes = 100_000, 256, 50, 4
    values = np.memmap(tmp_path / "values", np.float32, "w+", shape=(rows, features))  # 100 MB
    values[-1] = 7
    targets = np.memmap(tmp_path / "targets", np.int16, "w+", shape=(rows, features))
    windows = place_windows(segments(np.arange(rows)), length, length, ahead=0)
    shuffled = np.random.default_rng(0).permutation(len(windows)).reshape(-1, lanes)
    orders = (shuffled, ragged_batches(windows.counts, lanes, whole=False))
    batch = lanes * length * features * (values.itemsize + targets.itemsize)
    index = len(windows) * 100  # which window is where, and at what time

    def read_all():
        last = 0.0
        for order in orders:
            dataset = WindowDataset(
                values, windows, order, missing=missing,
                targets=targets if own_targets else values[::-1],
            )  # fmt: skip
            last = max(float(batch.inputs.max()) for batch in dataset)
        return last

    tracemalloc.start()  # what is mapped from a file is not counted
    try:
        assert read_all() == 7
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 4 * batch + index < values.nbytes / 30


class Counted:
    """An array that is made when it is asked for, as those of files without a map."""

    def __init__(self, rows):
        self.rows, self.made = rows, 0

    def __len__(self):
        return self.rows

    def __array__(self, dtype=None, copy=None):
        self.made += 1
        return np.arange(self.rows, dtype=dtype or np.float64)


def test_what_is_no_array_is_read_once_and_not_for_each_batch():
    windows, values = small(), Counted(16)
    dataset = WindowDataset(values, windows, ragged_batches(windows.counts, 2))
    made = values.made
    for _ in range(2):
        assert [batch.inputs[0, 0] for batch in dataset][:2] == [0, 2]
    assert values.made == made == 1


@pytest.mark.parametrize("first", [0, 3])
def test_a_file_goes_to_another_process_by_its_name(tmp_path, first):
    whole = np.memmap(tmp_path / "values", np.float32, "w+", offset=64, shape=(20_000 + first, 2))
    whole[:] = np.arange(whole.size).reshape(whole.shape)
    values = whole[first:]
    windows = place_windows(segments(np.arange(20_000)), 100, 100, ahead=1)
    dataset = WindowDataset(values, windows, ragged_batches(windows.counts, 1))
    in_memory = WindowDataset(np.array(values), windows, ragged_batches(windows.counts, 1))
    sent = pickle.dumps(dataset)
    assert len(sent) < len(pickle.dumps(in_memory)) - 0.9 * values.nbytes
    again = pickle.loads(sent)
    assert len(again) == len(dataset)
    for batch, wanted in zip(again, dataset, strict=True):
        np.testing.assert_array_equal(batch.inputs, wanted.inputs)
        np.testing.assert_array_equal(batch.targets, wanted.targets)
    columns = WindowDataset(whole[first:, 0], windows, ragged_batches(windows.counts, 1))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(columns))[3].inputs, columns[3].inputs)


def test_shuffled_windows_begin_anew_each():
    windows = small(increment=1)
    chosen = np.random.default_rng(0).permutation(len(windows))[:8].reshape(2, 4)
    dataset = WindowDataset(np.arange(16), windows, chosen, targets=np.arange(16) * 10)
    for batch, numbers in zip(dataset, chosen, strict=True):
        assert batch.begins.all()
        assert batch.mask.all()
        np.testing.assert_array_equal(batch.targets, 10 * windows.target_rows(numbers))


def test_equal_segments_take_the_order_of_stateful_batches():
    windows = place_windows(segments([0, 1, 2, 3, 9, 10, 11, 12]), 2, 2)
    order = stateful_batches(2, 2, batch_size=2)
    dataset = WindowDataset(np.arange(8), windows, order, targets=np.zeros(8))
    assert [batch.begins.tolist() for batch in dataset] == [[True] * 2, [False] * 2]


def hours(*numbers):
    return as_hours(numbers)


TZ = hours(0, 1, 2).tz_localize("Europe/Berlin")
BAD_TIMES = {
    "no rows": ([], ValueError, r"one time a row, .* got shape \(0,\)"),
    "two columns": (np.zeros((2, 2), int), ValueError, r"one time a row.*\(2, 2\)"),
    "a whole frame": (pd.DataFrame({"a": [1]}), TypeError, r"whole DataFrame.*times\.index"),
    "of polars": (pl.DataFrame({"a": [1]}), TypeError, "times is a whole DataFrame"),
    "two levels": (
        pd.MultiIndex.from_product([[1], [2]]), TypeError, "index of 2 levels.*get_level_values"
    ),
    "text": (["2024-01-01", "2024-01-02"], TypeError, r"got '2024-01-01' \(str\) first"),
    "text of pandas": (pd.Series(["2024-01-01"]), TypeError, "pandas.to_datetime"),
    "datetimes": ([datetime.datetime(2024, 1, 1)], TypeError, r"numpy\.array\(times, 'datetime"),
    "floats": ([0.5, 1.5], TypeError, r"whole numbers, got float64.*numpy\.rint"),
    "periods": (pd.period_range("2024", periods=2, freq="M"), TypeError, "to_timestamp"),
    "a time zone": (
        TZ, ValueError, r"time zone Europe/Berlin.*times\.tz_convert\('UTC'\)\.tz_localize\(None\)"
    ),
    "in a column": (pd.Series(TZ), ValueError, r"times\.dt\.tz_localize\(None\)"),
    "in polars": (
        pl.Series(hours(0).to_numpy()).dt.replace_time_zone("Europe/Berlin"), ValueError,
        r"times\.dt\.convert_time_zone\('UTC'\)",
    ),
    "NaT": (hours(0).append(pd.DatetimeIndex([pd.NaT])), ValueError, r"times\[1\] is NaT.*1 of 2"),
    "null": (pl.Series([datetime.datetime(2024, 1, 1), None]), ValueError, r"times\[1\] is NaT"),
    "doubled": ([0, 1, 1, 2], ValueError, r"times\[1\] and times\[2\] are both 1.*share these"),
    "falling": (hours(0, 2, 1), ValueError, r"times\[2\], 2024-05-01T01.* lies before times\[1\]"),
    "between": (
        pd.DatetimeIndex(["2024-05-01 00:00", "2024-05-01 01:00", "2024-05-01 01:30"]).append(
            hours(2, 3, 4, 5)[1:]
        ), ValueError, r"1:00:00 apart, but times\[2\].*comes 0:30:00",
    ),
    "half a gap": ([0, 2, 4, 7], ValueError, r"2 apart, but times\[3\], 7, comes 3 after"),
    "one row": ([3], ValueError, "No group has two rows.*pass every"),
    "huge": ([-(2**63), 2**62], ValueError, r"within 2\*\*62 of 0"),
    "nothing": (None, TypeError, "times is None"),
}  # fmt: skip


@pytest.mark.parametrize(("times", "error", "words"), BAD_TIMES.values(), ids=BAD_TIMES)
def test_times_that_do_not_say_where_gaps_are(times, error, words):
    with pytest.raises(error, match=words):
        segments(times)


BAD_GROUPS = {
    "too few": (["a"], ValueError, r"one label a row, 3, got shape \(1,\)"),
    "one missing": (["a", None, "b"], ValueError, r"groups\[1\] is missing, and so are 1 of 3"),
    "NaN": (pd.Series([1.0, np.nan, 2.0]), ValueError, r"groups\[1\] is missing"),
    "again": (["a", "b", "a"], ValueError, "The group a comes again at row 2.*sort by group"),
    "a frame": (pd.DataFrame({"a": [1] * 3}), TypeError, r"groups is a whole.*ngroup\(\)"),
    "lists": ([[0], [0], [1]], TypeError, r"text or numbers, got \[0\] \(list\) among them"),
    "NA": (pd.NA, ValueError, r"one label a row, 3, got shape \(\)"),
    "text": ("aab", TypeError, "groups must hold a label for each row"),
}


@pytest.mark.parametrize(("groups", "error", "words"), BAD_GROUPS.values(), ids=BAD_GROUPS)
def test_groups_that_do_not_fit(groups, error, words):
    with pytest.raises(error, match=words):
        segments([0, 1, 2], groups)


@pytest.mark.parametrize(
    ("times", "every", "error", "words"),
    [
        (hours(0, 1), 3600, TypeError, "every must be a time span, got 3600"),
        (hours(0, 1), np.timedelta64(1, "M"), TypeError, r"no fixed length in .*datetime64\[M\]"),
        (hours(0, 1), np.timedelta64(0, "h"), ValueError, "positive whole number of the units"),
        (
            np.arange(2).astype("datetime64[D]"),
            np.timedelta64(1, "h"),
            ValueError,
            "units of times",
        ),
        ([0, 1], 0, ValueError, "every must be at least 1"),
        ([0, 1], 2, ValueError, r"2 apart, but times\[1\], 1, comes 1 after"),
    ],
)
def test_a_spacing_that_does_not_fit(times, every, error, words):
    with pytest.raises(error, match=words):
        segments(times, every=every)


def test_gaps_at_the_ends_are_segments_of_their_own():
    found = segments([0, 5, 6, 7, 8, 20])
    assert found.lengths.tolist() == [1, 4, 1]
    with pytest.warns(DroppedStepsWarning, match=re.escape(
        "2 of 6 rows are in no window, and no target of one: 2 segments are shorter than the 2 "
        "rows that a window and its target take (2 rows, the first 0, 0)."
    )):  # fmt: skip
        windows = place_windows(found, 2, 2)
    assert windows.counts.tolist() == [0, 2, 0]


def test_calendar_months_are_even_as_months():
    months = pd.date_range("2024-01-01", periods=6, freq="MS")
    with pytest.raises(ValueError, match="times come unevenly"):
        segments(months)
    found = segments(months.to_numpy().astype("datetime64[M]"))
    assert str(found) == "6 rows in 1 segment of 6 rows, one every 1 months; 0 gaps"


@pytest.mark.parametrize("size", [10, 2**62, 2**63, 10**30])
def test_sizes_beyond_every_segment_are_one_window_each(size):
    # One row is a window, however far the next step or the next window would lie.
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the rows between were left out on purpose
        windows = place_windows(segments([0, 1, 2, 10, 11]), 1, size, sampling_rate=size)
    assert windows.rows([0, 1]).tolist() == [[0], [3]]
    assert len(windows) == 2


def test_places_that_do_not_fit():
    with pytest.raises(TypeError, match=r"segments must be a Segments.*tbptt\.windows\.segments"):
        place_windows(range(4), 2, 2)
    with pytest.raises(ValueError, match=r"sampling_rate 2 and ahead 1 need 8 rows .* has 7"):
        place_windows(small().segments, 4, 1, sampling_rate=2, ahead=1)
    for number, words in ((-1, "between 0 and 5, got -1"), (6, "got 6 to 6")):
        with pytest.raises(ValueError, match=words):
            small().rows(number)


def test_datasets_that_would_mislead_are_refused():
    windows, values = small(), np.arange(16)
    order = ragged_batches(windows.counts, 2)
    with pytest.raises(ValueError, match=r"values has 15 rows, but the times .* have 16"):
        WindowDataset(values[:15], windows, order)
    with pytest.raises(ValueError, match="targets would be the inputs"):
        WindowDataset(values, small(ahead=0), order)
    with pytest.raises(ValueError, match=r"values has 1 value that is missing .*values\[3\]: nan"):
        WindowDataset(np.where(values == 3, np.nan, values), windows, order)
    overlapping = small(increment=1)
    with pytest.raises(ValueError, match="every 1 rows and cover 2: a carried state would"):
        WindowDataset(values, overlapping, ragged_batches(overlapping.counts, 2))
    with pytest.raises(ValueError, match="Row 0 of batch 1 has window 2 after window 1, and is no"):
        WindowDataset(values, windows, ([[1], [2]], [True, False]))
    with pytest.raises(ValueError, match="Row 0 of batch 0 has window 0 with nothing before it"):
        WindowDataset(values, windows, ([[0], [1]], [False, False]))
    with pytest.raises(ValueError, match="name windows from 0 to 5, got 0 to 6"):
        WindowDataset(values, windows, [[0], [6]])
    with pytest.raises(TypeError, match="resets must be bools of shape"):
        WindowDataset(values, windows, ([[0], [1]], [1, 0]))
    with pytest.raises(IndexError, match="batch 3 of 3"):
        WindowDataset(values, windows, order)[3]
