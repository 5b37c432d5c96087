"""Tensors on a device: where others lie, how a loop there rounds.

A default device of ``meta`` stands for a GPU: nothing there can be mixed with what lies on the CPU.
"""

import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from tbptt import Truncation
from tbptt.pytorch import affine, backward
from tbptt.pytorch.feedback import RandomFeedback
from tbptt.pytorch.fused import _layer, fused
from tbptt.pytorch.jacobians import StepJacobians
from tbptt.pytorch.segments import Layer
from tbptt.pytorch.watching.passes import Pass


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


# What somebody may have told PyTorch, and whether cuDNN's loops then round as a cell does.
ROUNDING = {
    "pass": False,
    "torch.backends.cudnn.allow_tf32 = False": True,
    "torch.backends.cudnn.enabled = False": True,
    "torch.backends.cuda.matmul.allow_tf32 = True": True,
    "torch.set_float32_matmul_precision('high')": True,
    "torch.set_float32_matmul_precision('highest')": False,
}
if hasattr(torch.backends.cudnn, "rnn"):
    ROUNDING |= {
        "torch.backends.cuda.matmul.fp32_precision = 'tf32'": True,
        "torch.backends.cudnn.rnn.fp32_precision = 'ieee'": True,
        "torch.backends.fp32_precision = 'tf32'": True,
        "torch.backends.fp32_precision = 'ieee'": True,
    }


@pytest.mark.parametrize("told", ROUNDING)
def test_a_loop_of_cudnn_rounds_as_the_cell_or_is_not_taken(told):
    code = f"""
from types import SimpleNamespace
import torch
from tbptt.pytorch.fused import rounds_as_the_cell
{told}
for device, dtype in ("cuda", "float32"), ("cuda", "float64"), ("cpu", "float32"):
    like = SimpleNamespace(device=torch.device(device), dtype=getattr(torch, dtype))
    print(rounds_as_the_cell(like))
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == [str(ROUNDING[told]), "True", "True"]


OWN = {
    "tanh": lambda **more: nn.RNNCell(2, 3, **more),
    "relu": lambda **more: nn.RNNCell(2, 3, nonlinearity="relu", **more),
    "gru": lambda **more: nn.GRUCell(2, 3, **more),
    "lstm": lambda **more: nn.LSTMCell(2, 3, **more),
}


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", OWN)
def test_without_the_fused_loop_the_gradient_is_the_same(name, bias, monkeypatch):
    torch.manual_seed(0)
    cell, x = OWN[name](bias=bias, dtype=torch.float64), torch.randn(7, 2, 2).double()
    h = torch.randn(2, 3).double()
    first = (h, -h) if name == "lstm" else (h,)
    drawn = torch.get_rng_state()
    with torch.no_grad():
        layer = _layer(cell, x)
        made = layer(x, tuple(part[None] for part in first) if name == "lstm" else h[None])[0]
        torch.testing.assert_close(made, fused(cell, x, first), rtol=1e-12, atol=1e-14)
    assert torch.equal(drawn, torch.get_rng_state())
    found = []
    for alike in (True, False):
        monkeypatch.setattr(affine, "rounds_as_the_cell", lambda inputs, alike=alike: alike)
        cell.zero_grad()
        backward(
            cell, lambda out: (out**2).sum(), x, first if name == "lstm" else h,
            Truncation(1, 3), derived=True,
        )  # fmt: skip
        found.append([weight.grad for weight in cell.parameters()])
    torch.testing.assert_close(*found, rtol=1e-12, atol=1e-14)


def test_flags_of_two_devices_meet_on_the_one_that_waits():
    first, then = torch.zeros(3, dtype=torch.bool), torch.zeros(3, dtype=torch.bool, device="meta")
    for flags in ((first, then), (then, first)):
        seen = Pass()
        for each in flags:
            seen.enter(SimpleNamespace(number=0), each)
        assert seen.direct[0].device == torch.device("meta")
