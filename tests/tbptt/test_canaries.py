"""Where the library leans on what Keras and PyTorch do not promise, and whether it still holds.

A test that fails names the hook, who uses it, and the release that had it.
"""

from functools import partial

import keras
import numpy as np
import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from tbptt.keras.watching.asked import asked_of, fit_of
from tbptt.keras.watching.executions import look_away, look_into


def moved(hook, package, release, user):
    """Say what to look at."""
    return f"{package} no longer has {hook} as {release} had it, on which {user} relies."


def test_keras_lists_the_layers_inside_a_layer():
    inner = keras.layers.LSTM(2)
    model = keras.Sequential([keras.Input((3, 1)), keras.Sequential([inner])])
    told = moved("Layer._flatten_layers", "Keras", "3.15", "tbptt.keras.layers")
    assert inner in list(getattr(model, "_flatten_layers", list)()), told
    stacked = keras.layers.StackedRNNCells([keras.layers.GRUCell(2), keras.layers.LSTMCell(2)])
    cells = list(getattr(stacked, "_flatten_layers", list)())
    assert {type(cell) for cell in cells} >= {keras.layers.GRUCell, keras.layers.LSTMCell}, told


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("make", "name"),
    [
        (nn.RNNCell, "rnn_tanh_cell"),
        (partial(nn.RNNCell, nonlinearity="relu"), "rnn_relu_cell"),
        (nn.GRUCell, "gru_cell"),
        (nn.LSTMCell, "lstm_cell"),
    ],
)
def test_pytorchs_cells_are_one_function_of_their_weights(make, name, bias):
    class Calls(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            if func is not torch.Tensor.dim:
                made.append((func.__name__, args, kwargs))
            return func(*args, **(kwargs or {}))

    made = []
    cell, x, state = make(2, 3, bias=bias), torch.zeros(4, 2), torch.zeros(4, 3)
    state = (state, state) if name == "lstm_cell" else state
    with Calls():
        cell(x, state)
    given = (x, state, cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh)
    told = moved(f"a step of nn.{type(cell).__name__}", "PyTorch", "2.13", "tbptt.pytorch.routes")
    assert [call for call, *_ in made] == [name], told
    assert all(one is other for one, other in zip(made[0][1], given, strict=True)), told
    assert not made[0][2], told


def test_the_node_of_a_leaf_knows_its_variable():
    weight = nn.Parameter(torch.ones(()))
    node = (2 * weight).grad_fn
    told = moved("AccumulateGrad.variable", "PyTorch", "2.13", "tbptt.pytorch.graphs")
    ((leaf, _), _) = node.next_functions
    assert getattr(leaf, "variable", None) is weight, told
    assert not hasattr(node, "variable"), told


@pytest.mark.parametrize(
    ("name", "layer"),
    [("lstm", nn.LSTM), ("gru", nn.GRU), ("rnn_tanh", nn.RNN)],
)
def test_pytorchs_fused_loops_take_what_they_are_given(name, layer):
    torch.manual_seed(0)
    weights = layer(2, 3)
    inputs, state = torch.randn(5, 4, 2), torch.zeros(1, 4, 3)
    first = [state, state] if name == "lstm" else state
    flat = [weights.weight_ih_l0, weights.weight_hh_l0, weights.bias_ih_l0, weights.bias_hh_l0]
    told = moved(f"torch.{name}", "PyTorch", "2.13", "tbptt.pytorch.derived")
    loop = getattr(torch, name, None)
    assert loop is not None, told
    outputs, *_ = loop(inputs, first, flat, True, 1, 0.0, False, False, False)
    assert torch.equal(outputs, weights(inputs)[0]), told


def test_pytorchs_own_derivatives_of_gates_are_there():
    x = torch.randn(8, dtype=torch.float64, requires_grad=True)
    for name in ("sigmoid", "tanh"):
        value = getattr(torch, name)(x)
        (wanted,) = torch.autograd.grad(value.sum(), x)
        hook = f"aten.{name}_backward"
        told = moved(hook, "PyTorch", "2.13", "tbptt.pytorch.derived")
        derivative = getattr(torch.ops.aten, f"{name}_backward")
        assert torch.allclose(derivative(torch.ones_like(x), value.detach()), wanted), told


def test_keras_fit_asks_the_model_itself_to_validate_and_says_so():
    told = moved("the keyword _use_cached_eval_dataset", "Keras", "3.15", "tbptt.keras.KeepState")
    model, options = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]), []
    model.compile("sgd", "mse")
    x = np.ones((2, 1))
    plain = model.evaluate

    def evaluate(*arguments, **given):
        options.append(given)
        return plain(*arguments, **given)

    vars(model)["evaluate"] = evaluate
    model.fit(x, x, validation_data=(x, x), verbose=0)
    assert [given.get("_use_cached_eval_dataset") for given in options] == [True], told


def test_a_module_in_ddp_knows_that_its_forward_runs():
    class Asked(nn.Module):
        def forward(self, x):
            return getattr(nn.parallel.DistributedDataParallel, "_active_ddp_module", None)

    told = moved("_active_ddp_module", "PyTorch", "2.13", "tbptt.pytorch.distributed")
    # What wraps a call of forward, without the group of processes that making one asks for.
    ddp = nn.parallel.DistributedDataParallel.__new__(nn.parallel.DistributedDataParallel)
    nn.Module.__init__(ddp)
    assert Asked()(None) is None, told
    with ddp._inside_ddp_forward():
        assert Asked()(None) is ddp, told


def test_keras_callbacks_find_the_arguments_of_the_fit_that_calls():
    told = moved("fit(x, shuffle, steps_per_epoch, initial_epoch)", "Keras", "3.15", "Watch")
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x, found = np.ones((4, 1)), []

    class Frame(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            found.append(asked_of(fit_of(self.model)))

    model.fit(x, x, epochs=3, initial_epoch=2, verbose=0, callbacks=[Frame()])
    model.fit(x, x, shuffle=False, steps_per_epoch=1, verbose=0, callbacks=[Frame()])
    assert [each[:3] for each in found] == [(True, True, 2), (False, False, 0)], told
    assert found[0].same_data(found[1]), told


def test_keras_runs_every_batch_through_a_function_of_the_model():
    told = moved("train_function, test_function, predict_function", "Keras", "3.15", "Watch")
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x, looks = np.ones((4, 1)), []

    class Looks:
        def before(self, kind):
            looks.append(kind)

        def after(self, kind):
            looks.append(kind)

    observer = Looks()
    look_into(model, observer)
    model.fit(x, x, 2, verbose=0)
    model.evaluate(x, x, 2, verbose=0)
    model.predict(x, 2, verbose=0)
    look_away(model, observer)
    model.predict(x, 2, verbose=0)
    assert looks == ["train"] * 4 + ["test"] * 4 + ["predict"] * 4, told
