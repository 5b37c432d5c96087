"""What Keras's own backend cannot do with a carried state: tried out, and said by name.

Keras runs a model in ``fit``, ``evaluate`` and ``predict`` as its backend wants it, and not every
backend keeps what a stateful layer writes into its state there. A small model shows it.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from functools import cache
from typing import Any

import keras
import numpy as np


def check_carries(layers: Iterable[Any], *, in_fit: bool) -> None:
    """Refuse layers whose state Keras's backend does not keep.

    Parameters
    ----------
    layers : iterable of keras.layers.RNN
        Layers that carry their state.
    in_fit : bool
        Whether they have to in ``fit`` and the like, or in calls of the model itself.

    Raises
    ------
    ValueError
        If it drops what one of them writes.
    """
    where = f"Keras on the {keras.backend.backend()} backend carries no state"
    for layer in layers:
        policy = layer.dtype_policy
        if policy.compute_dtype != policy.variable_dtype and not _carries(
            policy.name, in_fit=False
        ):
            raise ValueError(
                f"{where} in {layer.name!r}, whose dtype policy is {policy.name!r}: what it writes "
                "there is dropped. Make it with one dtype, dtype='float32' for instance."
            )
        if in_fit and not _carries(policy.name, in_fit=True):
            raise ValueError(
                f"{where} in fit, evaluate and predict: what a stateful layer writes there is "
                "dropped, and every batch begins at the same state. Call the model itself, "
                "model(x), batch by batch, or set KERAS_BACKEND to another backend before Keras is "
                "imported."
            )


def carries_in_fit(layers: Iterable[Any]) -> bool:
    """Say whether Keras's backend keeps the state of layers in what Keras compiles."""
    return all(_carries(layer.dtype_policy.name, in_fit=True) for layer in layers)


def check_trains(layers: list[Any]) -> None:
    """Refuse to train layers that cannot be trained with a carried state.

    Raises
    ------
    ValueError
        If one of them is of that kind.
    """
    fused: list[str] = []
    plain: list[str] = []
    for layer in layers:
        is_fused = isinstance(layer, keras.layers.LSTM | keras.layers.GRU) and layer.use_cudnn
        (fused if is_fused else plain).append(repr(layer.name))
    where = f"Keras {keras.__version__} on the {keras.backend.backend()} backend"
    why = "as it writes over a state that the gradient needs"
    if plain and (trouble := _trouble(keras.layers.SimpleRNN)):
        raise ValueError(
            f"{where} cannot train {', '.join(plain)} with a carried state, {why}: take a newer "
            "Keras or another backend."
        ) from trouble
    if fused and (trouble := _trouble(keras.layers.LSTM)):
        raise ValueError(
            f"{where} cannot train a stateful LSTM or GRU in its fused form, {why}: make "
            f"{', '.join(fused)} with use_cudnn=False."
        ) from trouble


@cache
def _carries(policy: str, *, in_fit: bool) -> bool:
    model, x = _small(keras.layers.SimpleRNN, policy), np.ones((1, 1, 1))
    run = model.predict_on_batch if in_fit else model
    first, second = (np.asarray(keras.ops.convert_to_numpy(run(x))) for _ in range(2))
    return not np.array_equal(first, second)


@cache
def _trouble(kind: Any) -> Exception | None:
    """Return what training a small stateful model raises, if anything: of any kind."""
    model = _small(kind)
    try:
        model.train_on_batch(np.ones((1, 1, 1)), np.zeros((1, 1)))
    except Exception as error:
        return error
    return None


def _small(kind: Any, policy: str = "float32") -> Any:
    """Return a stateful model of one unit; nothing is drawn that the caller would have drawn."""
    drawn = random.getstate()  # Keras takes the seeds of its layers from here
    try:
        layer = kind(
            1, stateful=True, name="tried", kernel_initializer="ones",
            recurrent_initializer="ones", bias_initializer="zeros", dtype=policy,
        )  # fmt: skip
        model = keras.Sequential(
            [keras.Input(batch_shape=(1, 1, 1), name="tried_input"), layer], name="tried_model"
        )
        model.compile(keras.optimizers.SGD(name="tried_sgd"), "mse", run_eagerly=True)
    finally:
        random.setstate(drawn)
    return model
