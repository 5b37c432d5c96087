"""Rows are counted in whatever fit, evaluate and predict take."""

import contextlib

import keras
import numpy as np
import pytest
import torch

from tbptt.keras import check_batches, snapshot
from tbptt.windows import continuity

BATCH = 4
ONE = np.zeros((8, 3, 1))


def model_of(batch=2, features=1):
    layer = keras.layers.LSTM(3, stateful=True)
    return keras.Sequential([keras.Input(batch_shape=(batch, 3, features)), layer])


def rows(n, *shape):
    return np.zeros((n, *shape))


class Batches(keras.utils.PyDataset):
    def __init__(self, *sizes):
        super().__init__()
        self.sizes = sizes

    def __len__(self):
        return len(self.sizes)

    def __getitem__(self, index):
        return rows(self.sizes[index], 3, 1), None


class Endless(Batches):
    num_batches = None


class Spec:
    """What a tf.data.Dataset says of its elements."""

    def __init__(self, *sizes):
        shape = type("Shape", (tuple,), {"rank": property(len)})
        self.element_spec = tuple(
            type("TensorSpec", (), {"shape": shape((size, 3, 1))})() for size in sizes
        )


def loader(n, size, drop_last=False):
    data = torch.utils.data.TensorDataset(torch.zeros(n, 3, 1))
    return torch.utils.data.DataLoader(data, size, drop_last=drop_last)


FITS = {
    "array": ONE,
    "nested lists": [[[0.0]] * 3] * 8,
    "tensor": torch.zeros(4, 3, 1),
    "list": [ONE, rows(8, 2)],
    "tuple": (ONE, rows(4, 2)),
    "dict": {"series": ONE, "features": rows(8, 2)},
    "nested": {"series": [ONE, ONE], "features": rows(8, 2)},
    "two inputs": [rows(8, 3, 1), rows(8, 2)],
    "PyDataset": Batches(4, 4),
    "dataset": Spec(4, 4),
    "loader": loader(8, 4),
    "loader without the rest": loader(9, 4, drop_last=True),
}


@pytest.mark.carries
@pytest.mark.parametrize("kind", FITS)
def test_whole_batches_come_back_as_they_were(kind):
    given = FITS[kind]
    assert check_batches(model_of(BATCH), given, ONE) == (given, ONE)


def nested():
    """Return a list that holds itself."""
    inside = []
    inside.append(inside)
    return inside


REFUSED = {
    "one left": (rows(5, 3, 1), ValueError, "5 rows do not fill batches of 4: 1 would be left"),
    "fewer than a batch": (rows(3, 3, 1), ValueError, r"3 rows, which .*twin\(model, 3\)"),
    "no rows": (rows(0, 3, 1), ValueError, "0 rows, which do not fill a batch of 4"),
    "list": ([ONE, rows(7, 2)], ValueError, r"7 rows .*This is arrays\[0\]\[1\]"),
    "dict": ({"a": ONE, "b": rows(6, 2)}, ValueError, r"6 rows .*arrays\[0\]\['b'\]"),
    "list in a dict": ({"a": [ONE, rows(9, 2)]}, ValueError, r"9 rows .*arrays\[0\]\['a'\]\[1\]"),
    "a placeholder": (keras.Input((3, 1)), TypeError, r"arrays\[0\] must be an array with rows"),
    "ragged": ([[1], [2, 3]], ValueError, r"arrays\[0\] is ragged: its rows differ in length"),
    "a list in itself": (nested(), ValueError, r"arrays\[0\] is nested deeper than"),
    "None": (None, TypeError, r"arrays\[0\] is None, whose rows cannot be counted"),
    "None in a list": ([ONE, None], TypeError, r"arrays\[0\]\[1\] is None"),
    "generator": ((ONE for _ in "ab"), TypeError, "is a generator, whose rows cannot be counted"),
    "number": (8, TypeError, "must be an array with rows, got int"),
    "words": ("data.csv", TypeError, "must be an array with rows, got str"),
    "a scalar": (np.zeros(()), TypeError, "must be an array with rows, got ndarray"),
    "PyDataset": (Batches(4, 3), ValueError, r"batch 1\[0\] has 3 rows, but .* carries"),
    "endless": (Endless(4), TypeError, "has no end"),
    "dataset": (Spec(None), ValueError, "drop_remainder=True"),
    "dataset of others": (Spec(3), ValueError, "A batch of the dataset has 3 rows"),
    "loader": (loader(9, 4), ValueError, "The last batch of the DataLoader has 1 rows"),
    "loader of others": (loader(9, 3), ValueError, "A batch of the DataLoader has 3 rows"),
    "loader without a size": (
        torch.utils.data.DataLoader(torch.zeros(4), batch_size=None),
        TypeError, "give it batch_size",
    ),
}  # fmt: skip


@pytest.mark.carries
@pytest.mark.parametrize("kind", REFUSED)
def test_what_does_not_fit_is_named(kind):
    given, error, words = REFUSED[kind]
    model = model_of(BATCH)
    with pytest.raises(error, match=words):
        check_batches(model, given)
    assert not snapshot(model)[0].any()


@pytest.mark.carries
def test_every_argument_is_counted():
    with pytest.raises(ValueError, match=r"7 rows .*This is arrays\[1\]"):
        check_batches(model_of(BATCH), ONE, rows(7, 1))


@pytest.mark.carries
def test_a_generator_is_not_used_up():
    data = (ONE for _ in "ab")
    with pytest.raises(TypeError, match="check a batch where it is made"):
        check_batches(model_of(BATCH), data)
    assert next(data) is ONE


@pytest.mark.carries
def test_a_batch_is_what_goes_into_the_model_and_not_what_a_layer_inside_makes_of_it():
    x = keras.Input(batch_shape=(2, 3, 4, 1))
    flat = keras.layers.TimeDistributed(keras.layers.Flatten())(x)
    folded = keras.ops.reshape(flat, (6, 2, 2))
    model = keras.Model(x, keras.layers.GRU(2, stateful=True)(folded))
    assert snapshot(model)[0].shape == (6, 2)
    assert check_batches(model, rows(4, 3, 4, 1))[0] is not None
    with pytest.raises(ValueError, match="3 rows do not fill batches of 2"):
        check_batches(model, rows(3, 3, 4, 1))


@pytest.mark.carries
def test_keras_itself_broadcasts_a_last_row_or_refuses_it_late():
    model, x = model_of(2), rows(5, 3, 1)
    answers = None
    with contextlib.suppress(Exception):  # in some releases, in other words each
        answers = len(model.predict(x, batch_size=2, verbose=0))
    assert answers in (None, 6)
    with pytest.raises(ValueError, match=r"5 rows do not fill batches of 2: 1 would be left"):
        check_batches(model, x)
    assert len(model.predict(*check_batches(model, x[:4]), batch_size=2, verbose=0)) == 4


def test_a_model_without_state_is_refused():
    with pytest.raises(ValueError, match="no layer that carries state"):
        check_batches(keras.Sequential([keras.Input((3, 1)), keras.layers.LSTM(2)]), ONE)


def test_windows_that_keras_deals_are_no_lanes():
    dealt = keras.utils.timeseries_dataset_from_array(
        np.arange(50), None, sequence_length=5, sequence_stride=5, batch_size=2
    )
    found = continuity(dealt)
    assert found.findings[0].startswith("No row goes on: row i + 1 of a batch continues row i")
    assert not found.continues.any()
