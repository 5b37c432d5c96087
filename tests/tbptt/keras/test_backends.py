"""What Keras's backends cannot do, found by trying; and the room's tests on another one."""

import os
import random
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from tbptt.keras import KeepState, ResetState, snapshot
from tbptt.keras.backends import _carries, _trouble, check_carries, check_trains

HERE = Path(__file__)
BACKEND = keras.backend.backend()
OLD = tuple(map(int, keras.__version__.split(".")[:2])) < (3, 9)


def test_what_is_tried_out_is_what_keras_does():
    # Before 3.8 Keras makes no stateful layer of two dtypes on TensorFlow.
    for policy in ("float32",) if OLD else ("float32", "mixed_float16"):
        kept = BACKEND != "torch" or policy == "float32"
        assert _carries(policy, in_fit=False) == kept
        assert _carries(policy, in_fit=True) == (kept and BACKEND != "jax")
    assert bool(_trouble(keras.layers.LSTM)) == (BACKEND == "torch")
    assert bool(_trouble(keras.layers.SimpleRNN)) == (BACKEND == "torch" and OLD)


def test_what_cannot_be_done_is_said_by_name(monkeypatch):
    layer = keras.layers.SimpleRNN(2, stateful=True, name="half", dtype="mixed_bfloat16")
    where = f"Keras on the {BACKEND} backend carries no state in"
    monkeypatch.setattr("tbptt.keras.backends._carries", lambda policy, in_fit: not in_fit)
    check_carries([layer], in_fit=False)
    with pytest.raises(ValueError, match=f"{where} fit, evaluate and predict"):
        check_carries([layer], in_fit=True)
    monkeypatch.setattr("tbptt.keras.backends._carries", lambda policy, in_fit: False)
    for in_fit in (False, True):
        with pytest.raises(ValueError, match=f"{where} 'half', whose dtype policy is 'mixed_bf"):
            check_carries([layer], in_fit=in_fit)
    trouble = {keras.layers.LSTM: RuntimeError("overwritten")}
    monkeypatch.setattr("tbptt.keras.backends._trouble", trouble.get)
    layers = [
        keras.layers.LSTM(2, name="first"), keras.layers.GRU(2, name="second", use_cudnn=False),
        keras.layers.SimpleRNN(2, name="third"),
    ]  # fmt: skip
    with pytest.raises(ValueError, match="make 'first' with use_cudnn=False"):
        check_trains(layers)
    check_trains(layers[1:])
    trouble[keras.layers.SimpleRNN] = RuntimeError("overwritten")
    words = (
        f"Keras {keras.__version__} on the {BACKEND} backend cannot train 'second', 'third' with"
    )
    with pytest.raises(ValueError, match=words):
        check_trains(layers)


@pytest.mark.carries
@pytest.mark.parametrize("kind", [ResetState, KeepState])
@pytest.mark.parametrize("fused", [True, pytest.param(False, marks=pytest.mark.trains)])
def test_training_with_a_state_works_or_is_refused_before_it_begins(kind, fused):
    layer = keras.layers.LSTM(2, stateful=True, use_cudnn="auto" if fused else False, name="top")
    model = keras.Sequential([keras.Input(batch_shape=(1, 2, 1)), layer])
    model.compile("sgd", "mse")
    x, y = np.ones((4, 2, 1)), np.ones((4, 2))
    if fused and BACKEND == "torch":
        with pytest.raises(ValueError, match=r"train a stateful LSTM .*'top' with use_cudnn"):
            model.fit(x, y, 1, verbose=0, callbacks=[kind()])
        assert not snapshot(model)[0].any()
    else:
        model.fit(x, y, 1, verbose=0, callbacks=[kind()])
        assert snapshot(model)[0].any()


def test_nothing_is_drawn_that_the_caller_would_have_drawn():
    drawn = []
    for tried in (False, True):
        keras.utils.set_random_seed(0)
        for trial in (_carries, _trouble):
            trial.cache_clear()
        if tried:
            _carries("float32", in_fit=True)
            _trouble(keras.layers.LSTM)
        dense = keras.layers.Dense(3)
        dense.build((2,))
        numbers = random.random(), np.random.random(), *dense.get_weights()[0].ravel()  # noqa: NPY002
        drawn.append(numbers)
    assert drawn[0] == drawn[1]


@pytest.mark.slow
def test_all_this_holds_on_pytorch_too():
    if BACKEND == "torch":
        return  # this is that run
    options = ["-q", "--import-mode=importlib", "-p", "no:cacheprovider"]
    # Keras converts tensors in a way that NumPy 2 warns of.
    options += ["-W", "ignore:__array__ implementation:DeprecationWarning"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(HERE.parent)],
        env={key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
        | {"KERAS_BACKEND": "torch"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
