"""Layers inside layers."""

from __future__ import annotations

from typing import Any

import keras


def layers_within(layer: keras.Layer) -> list[Any]:
    """Return a layer and the layers inside it, in their order, each once."""
    # Keras has no public way to list them.
    return list(layer._flatten_layers())


def recurrent_layers(model: keras.Layer) -> list[Any]:
    """Return the recurrent layers of a model; ConvLSTM is one, too."""
    return [layer for layer in layers_within(model) if isinstance(layer, keras.layers.RNN)]
