"""The claims of the page on which steps count."""

import numpy as np
import pytest


@pytest.fixture(scope="module")
def model():
    import keras

    keras.utils.set_random_seed(0)
    built = keras.Sequential([keras.Input((10, 3)), keras.layers.GRU(4, return_sequences=True)])
    built.compile("sgd", "mse", metrics=["mae"], weighted_metrics=["mae"])
    return built


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(6, 10, 3)), rng.normal(size=(6, 10, 4))


def test_weights_of_steps_over_scored_make_the_loss_of_the_scored_steps(model, data):
    inputs, targets = data
    weights = np.zeros((6, 10))
    weights[:, 4:] = 10 / 6
    loss = model.evaluate(inputs, targets, sample_weight=weights, verbose=0)[0]
    outputs = np.asarray(model(inputs))
    assert loss == pytest.approx(np.square(outputs - targets)[:, 4:].mean(), rel=1e-5)


def test_metrics_count_unscored_steps_unless_they_are_weighted(model, data):
    inputs, targets = data
    weights = np.zeros((6, 10))
    weights[:, 4:] = 1
    result = model.evaluate(inputs, targets, sample_weight=weights, verbose=0, return_dict=True)
    wrong = np.abs(np.asarray(model(inputs)) - targets)
    values = sorted(value for name, value in result.items() if name != "loss")
    assert values == pytest.approx(sorted([wrong.mean(), wrong[:, 4:].mean()]), rel=1e-4)


def test_a_masked_step_is_not_read(data):
    import keras

    keras.utils.set_random_seed(0)
    layer = keras.layers.GRU(4)
    inputs, _ = data
    mask = np.ones((6, 10), bool)
    mask[:, :4] = False
    masked = layer(inputs, mask=mask)
    assert np.allclose(masked, layer(inputs[:, 4:]), atol=1e-6)
    assert not np.allclose(masked, layer(inputs), atol=1e-3)


def test_with_a_maximum_only_the_steps_that_won_send_an_error():
    import torch

    outputs = torch.tensor([[1.0, 5.0], [3.0, 2.0], [2.0, 4.0]], requires_grad=True)
    outputs.amax(0).sum().backward()
    assert outputs.grad.tolist() == [[0, 1], [1, 0], [0, 0]]
