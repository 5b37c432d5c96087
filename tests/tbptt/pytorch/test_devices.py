"""What is made beside tensors that are given lies where they lie, not on the default device.

A default device of ``meta`` stands for a GPU: nothing there can be mixed with what lies on the CPU.
"""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from fuzz import targets
from fuzz.calling import Call, _called
from fuzz.recipes import RECIPES
from tbptt.pytorch.feedback import RandomFeedback
from tbptt.pytorch.jacobians import StepJacobians
from tbptt.pytorch.segments import Layer

targets.load("pytorch")
PUBLIC = targets.targets("pytorch")


def test_a_layer_of_attention_and_a_buffer_that_is_drawn():
    layer, context = Layer(features=8, width=4), torch.ones(10, 3, 8)
    with torch.device("meta"):
        assert layer(context[-6:], context).device.type == "cpu"
        drawn = RandomFeedback(2, 3, torch.Generator(device="cpu").manual_seed(0))
    assert drawn.feedback.device == drawn.weight.device == torch.device("meta")


@pytest.mark.parametrize("kind", [nn.RNNCell, nn.GRUCell, nn.LSTMCell])
def test_of_no_rows_there_are_no_derivatives(kind):
    zero = torch.zeros(0, 3)
    of = StepJacobians(kind(2, 3), 2, (zero, zero) if kind is nn.LSTMCell else zero)
    x, flat = torch.zeros(0, 2), torch.zeros(0, of.width)
    assert of.by_state(x, flat).shape == (0, of.width, of.width)
    assert of.by_weights(x, flat).shape == (0, of.width, of.size)
    assert of.pull(flat, x, flat).shape == (0, of.size)
    assert of.step_apart(torch.zeros(0, of.size), x, flat).shape == flat.shape


@pytest.mark.parametrize("name", PUBLIC)
@settings(max_examples=8, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_another_default_device_is_of_no_account(name, data):
    arguments = RECIPES[name](data.draw)
    call = Call(name, PUBLIC[name], arguments, ())
    with torch.device("meta"):
        _called(call)
