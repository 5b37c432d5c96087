"""Windows of TensorFlow's tensors and variables, or the call that makes an array of one."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tbptt.windows import (
    WindowDataset,
    forecast_windows,
    place_windows,
    prepare_sequences,
    ragged_batches,
    segments,
)

SERIES = tf.reshape(tf.range(6.0), (3, 2))


@pytest.mark.parametrize(
    "series", [SERIES, tf.Variable(SERIES), [tf.constant(row) for row in SERIES]]
)
def test_tensors_and_variables_are_cut_as_they_are(series):
    past, _, _ = forecast_windows(series, 2, 1, 1)
    np.testing.assert_array_equal(past, [[[0, 1], [2, 3]]])
    windows, labels = prepare_sequences([series, series], tf.constant([1, 0]), 3, 1)
    assert windows.shape == (2, 3, 2)
    np.testing.assert_array_equal(labels, [1, 0])


@pytest.mark.parametrize(
    ("series", "call"),
    [
        (tf.cast(SERIES, tf.bfloat16), "tf.cast(series, tf.float32)"),
        (tf.cast(SERIES, tf.bfloat16).numpy(), "series.astype('float32')"),
        (tf.Variable(tf.cast(SERIES, tf.bfloat16)), "tf.cast(series, tf.float32)"),
        (tf.sparse.from_dense(SERIES), "tf.sparse.to_dense(series)"),
    ],
)
def test_what_numpy_cannot_take_is_told_the_call(series, call):
    with pytest.raises(TypeError, match="series ") as refused:
        forecast_windows(series, 1, 1, 1)
    assert str(refused.value).endswith(f"pass {call}.")
    helped = eval(call)
    np.testing.assert_array_equal(forecast_windows(helped, 2, 1, 1)[0], [[[0, 1], [2, 3]]])


def test_ragged_symbolic_and_streamed_ones_are_named():
    rows = tf.ragged.constant([[1, 2], [3]])
    with pytest.raises(TypeError, match=r"RaggedTensor; pad it, series.to_tensor\(\)"):
        forecast_windows(rows, 1, 1, 1)
    dataset = tf.data.Dataset.from_tensor_slices(SERIES)
    with pytest.raises(TypeError, match=r"dataset.*numpy.stack\(list\(series.as_numpy_iterator"):
        forecast_windows(dataset, 1, 1, 1)
    streamed, _, _ = forecast_windows(np.stack(list(dataset.as_numpy_iterator())), 2, 1, 1)
    np.testing.assert_array_equal(streamed, [[[0, 1], [2, 3]]])
    with pytest.raises(TypeError, match="symbolic KerasTensor"):
        forecast_windows(keras.Input((3, 1)), 1, 1, 1)

    @tf.function
    def compiled(series):
        with pytest.raises(TypeError, match="no values inside a tf"):
            forecast_windows(series, 1, 1, 1)
        return series

    compiled(SERIES)


def test_batches_of_windows_go_through_a_stream_of_tensorflows():
    windows = place_windows(segments([*range(7), *range(20, 25)]), 2, 2, ahead=1)
    dataset = WindowDataset(np.arange(12.0), windows, ragged_batches(windows.counts, 2))

    def spec(dtype, *shape):
        return tf.TensorSpec((2, *shape), dtype)

    stream = tf.data.Dataset.from_generator(
        lambda: map(tuple, dataset),
        output_signature=(spec("float64", 2), spec("float64", 2), spec("bool"), spec("bool")),
    )
    plain = [[part.tolist() for part in batch] for batch in dataset]
    assert len(plain) == 3
    assert [[part.numpy().tolist() for part in batch] for batch in stream] == plain
