"""Truncated backpropagation through time in Keras 3 on TensorFlow: any cell, exact."""

try:
    import keras as _keras  # noqa: F401
    import tensorflow as _tensorflow  # noqa: F401
except ImportError as error:
    raise ImportError(
        "tbptt.tensorflow needs TensorFlow and Keras 3: pip install 'tbptt[tensorflow]'"
    ) from error

from tbptt._blocks import Block
from tbptt.tensorflow.engine import gradients
from tbptt.tensorflow.layers import as_cell
from tbptt.tensorflow.passes import PassResult
from tbptt.tensorflow.stream import online

__all__ = ["Block", "PassResult", "as_cell", "gradients", "online"]
