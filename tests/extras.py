"""Use what one extra brings, in an environment that has the package with this extra alone.

    python extras.py EXTRA

What other extras bring is not there, and has to be named when it is wanted.
"""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys

import numpy as np


def torch() -> None:
    """Truncate a sequence of PyTorch's own cell."""
    import torch

    from tbptt import Truncation
    from tbptt.pytorch import backward

    cell = torch.nn.RNNCell(2, 3)
    inputs, state = torch.ones(8, 4, 2), torch.zeros(4, 3)
    loss, outputs, _ = backward(cell, torch.sum, inputs, state, Truncation(1, 3))
    assert outputs.shape == (8, 4, 3)
    assert torch.isfinite(loss)
    assert cell.weight_hh.grad.abs().sum() > 0


def tensorflow() -> None:
    """Truncate a sequence of a Keras cell; find the layers that carry a state."""
    import keras
    import tensorflow as tf

    from tbptt import Truncation
    from tbptt.keras import stateful_layers
    from tbptt.tensorflow import gradients

    cell = keras.layers.SimpleRNNCell(3)
    cell.build((4, 2))
    _, found, outputs, _ = gradients(
        cell, tf.reduce_sum, tf.ones((8, 4, 2)), tf.zeros((4, 3)), Truncation(2, 4),
        cell.trainable_variables,
    )  # fmt: skip
    assert outputs.shape == (8, 4, 3)
    assert all(np.abs(one).sum() > 0 for one in found)
    carries = keras.layers.LSTM(2, stateful=True)
    model = keras.Sequential([keras.Input(batch_shape=(1, 2, 1)), carries])
    assert stateful_layers(model) == [carries]


def pictures() -> None:
    """Draw the book's picture at every position of two sliders."""
    from tbptt.picture import one_picture
    from truncated_time.explorers import explore

    box = explore(one_picture, window=(1, 4), stride=(1, 2))
    assert len(box.children) == 3


def series() -> None:
    """Read a real series."""
    from truncated_time.tasks import sunspots

    assert np.isfinite(np.asarray(sunspots()[0], dtype=float)).all()


def experiments() -> None:
    """List the experiments, by the command that runs them."""
    command = [sys.executable, "-m", "truncated_time.experiments", "--list"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "initial-state" in told


def said(room: str) -> str:
    """Return what importing a room of the package says."""
    try:
        importlib.import_module(room)
    except ImportError as error:
        return str(error)
    return "nothing"


USES = {one.__name__: one for one in (torch, tensorflow, pictures, series, experiments)}
# Rooms of the package, and what they need that NumPy does not bring.
ROOMS = {
    "tbptt.pytorch": ("torch", "torch"),
    "tbptt.tensorflow": ("tensorflow", "tensorflow"),
    "truncated_time.explorers": ("pictures", "ipywidgets"),
}


def main(extra: str) -> None:
    """Use the extra; then see that what is missing is named."""
    import tbptt

    assert "site-packages" in tbptt.__file__, tbptt.__file__
    USES[extra]()
    for room, (needed, library) in ROOMS.items():
        if importlib.util.find_spec(library) is None:
            assert f"pip install 'tbptt[{needed}]'" in said(room), (room, said(room))
    print(f"tbptt[{extra}] works")


if __name__ == "__main__":
    main(sys.argv[1])
