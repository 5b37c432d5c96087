"""What is no array gets windows, or a sentence with the call that makes an array of it."""

import collections

import numpy as np
import pytest
import scipy.sparse

from tbptt.windows import forecast_windows, prepare_sequences


def words(count):
    """Yield numbers."""
    yield from range(count)


class Protocol:
    """Offers NumPy an array, as JAX's arrays do."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        if isinstance(self.array, Exception):
            raise self.array
        return self.array


@pytest.mark.parametrize(
    "series",
    [range(4), (0, 1, 2, 3), collections.deque(range(4)), np.matrix([0, 1, 2, 3]).A1,
     memoryview(np.arange(4)), Protocol(np.arange(4)), [np.array(i) for i in range(4)],
     np.array([0, 1, 2, 3], object), [Protocol(np.array(i)) for i in range(4)]],
)  # fmt: skip
def test_what_holds_an_array_is_cut(series):
    past, _, _ = forecast_windows(series, 3, 1, 1)
    np.testing.assert_array_equal(past, [[0, 1, 2]])


RECORDS = np.array([(1, 2.0), (3, 4.0)], dtype=[("a", int), ("b", float)])
INSIDE = []
INSIDE.append(INSIDE)


@pytest.mark.parametrize(
    ("series", "error", "sentence"),
    [
        (words(4), TypeError, r"series is a generator.*numpy.array\(list\(series\)\)"),
        (iter([1, 2]), TypeError, r"list_iterator.*numpy.array\(list\(series\)\)"),
        ({3, 4}, TypeError, r"series is a set.*numpy.array\(list\(series\)\)"),
        ({"a": [1], "b": [2]}, TypeError, "series is a dict with the keys 'a', 'b'; pass one"),
        ({}.values(), TypeError, "series is a dict_values"),
        (scipy.sparse.eye_array(4).tocsr(), TypeError, r"sparse csr_array; pass series.toarray\("),
        (None, TypeError, "series is None"),
        ("0123", TypeError, "series is text, str"),
        (words, TypeError, "series is function, something to call"),
        (RECORDS, TypeError, "fields are a, b: .*structured_to_unstructured"),
        (np.array(["2020-01-01", "2020-01-02"], "M8[D]"), TypeError, "datetime64.*timedelta64"),
        (np.array([1, 2], "m8[s]"), TypeError, "timedelta64.*pass floats, series / numpy"),
        (np.array(["a", "b"]), TypeError, "must hold numbers, got dtype <U1; encode text"),
        (np.array([1, "b"], object), TypeError, r"dtype object: series\[1\] is 'b' \(str\)"),
        ([1, object()], TypeError, r"series\[1\] must hold numbers"),
        ([2**70, 1], TypeError, "integers too large"),
        ([[1, 2], [3]], ValueError, r"series is ragged: its rows differ in length \(2, 1\)"),
        ([np.ones(3), np.ones(2)], ValueError, r"series is ragged.*\(3,\), \(2,\)"),
        (np.array([np.ones(3), np.ones(2)], object), ValueError, "series is ragged"),
        (INSIDE, ValueError, "nested deeper than 32"),
        (
            Protocol(RuntimeError("no")),
            TypeError,
            r"Protocol raised RuntimeError \(no\)",
        ),
        (7, ValueError, r"shape \(\): a number by itself needs a leading axis"),
    ],
    ids=lambda case: type(case).__name__,
)
def test_what_holds_none_is_named_with_the_call_that_helps(series, error, sentence):
    with pytest.raises(error, match=sentence):
        forecast_windows(series, 1, 1, 1)


def test_a_sequence_by_itself_is_told_of_its_axis():
    with pytest.raises(ValueError, match=r"x must have at least 2 .* got shape \(4,\).*x\[None\]"):
        prepare_sequences(np.ones(4), [0], 2, 1)
    with pytest.raises(ValueError, match=r"axis of length 1, numpy.asarray\(x\)\[None\]"):
        prepare_sequences([1, 2, 3, 4], [0], 2, 1)


def test_memory_that_runs_out_says_so():
    with pytest.raises(MemoryError):
        forecast_windows(Protocol(MemoryError()), 1, 1, 1)
