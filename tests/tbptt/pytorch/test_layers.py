"""Layers as cells: the same numbers, the same weights, and truncation that is exact."""

import pytest
import torch
from torch import nn

from tbptt import Truncation
from tbptt.pytorch import as_cell, backward, join_state, online, split_state
from tbptt.pytorch.layers import StackedCell

LAYERS = {
    "rnn": lambda **options: nn.RNN(2, 5, **options),
    "relu": lambda **options: nn.RNN(2, 5, nonlinearity="relu", **options),
    "gru": lambda **options: nn.GRU(2, 5, **options),
    "lstm": lambda **options: nn.LSTM(2, 5, **options),
    "projected": lambda **options: nn.LSTM(2, 5, proj_size=3, **options),
}
STEPS, ROWS = 11, 3


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def problem(name, layers, **options):
    layer = LAYERS[name](num_layers=layers, dtype=torch.float64, **options)
    width = layer.proj_size or 5
    state = torch.randn(layers, ROWS, width, dtype=torch.float64)
    if layer.mode == "LSTM":
        state = state, torch.randn(layers, ROWS, 5, dtype=torch.float64)
    x = torch.randn(STEPS, ROWS, 2, dtype=torch.float64, requires_grad=True)
    errors = torch.randn(STEPS, ROWS, width, dtype=torch.float64)
    return layer, x, state, errors


def for_cell(layer, state):
    parts = split_state(state)
    return parts[0] if len(parts) == 1 else parts


def grads(layer, x):
    found = [weight.grad.clone() for weight in (*layer.parameters(), x)]
    layer.zero_grad()
    x.grad = None
    return found


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("name", LAYERS)
def test_one_long_pass_is_the_layers_own(name, layers, bias):
    layer, x, state, errors = problem(name, layers, bias=bias)
    outputs, last = layer(x, state)
    (errors * outputs).sum().backward()
    wanted = grads(layer, x)
    _, found, after = backward(
        as_cell(layer), lambda out: (errors * out).sum(), x, for_cell(layer, state),
        Truncation.epochwise(STEPS),
    )  # fmt: skip
    torch.testing.assert_close(found, outputs.detach(), rtol=1e-10, atol=1e-12)
    for mine, theirs in zip(grads(layer, x), wanted, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(join_state(after, layer), last, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("truncation", [Truncation(1, 3), Truncation(2, 5), Truncation(4, 4)])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("name", LAYERS)
def test_truncation_is_the_sum_of_what_each_loss_may_say(name, layers, truncation):
    """The judge is the layer itself, run again for each loss from where its reach begins."""
    layer, x, state, errors = problem(name, layers)
    states = [state]
    with torch.no_grad():
        for step in x:
            states.append(layer(step[None], states[-1])[1])
    for t, reached in enumerate(truncation.reach(STEPS)):
        first = int(reached.argmax())
        outputs, _ = layer(x[first : t + 1], states[first])
        (errors[t] * outputs[-1]).sum().backward()
    wanted = grads(layer, x)
    backward(
        as_cell(layer), lambda out: (errors * out).sum(), x, for_cell(layer, state), truncation
    )
    for mine, theirs in zip(grads(layer, x), wanted, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-12)
    k1 = truncation.k1
    blocks = zip(x.detach().split(k1), errors.split(k1), strict=True)
    loss = lambda outputs, targets: (outputs * targets).sum()  # noqa: E731
    for _ in online(as_cell(layer), loss, blocks, for_cell(layer, state), truncation):
        pass
    for weight, theirs in zip(layer.parameters(), wanted, strict=False):
        torch.testing.assert_close(weight.grad, theirs, rtol=1e-10, atol=1e-12)


def test_weights_are_shared():
    layer = nn.LSTM(2, 5, 2)
    cell = as_cell(layer)
    assert {id(weight) for weight in cell.parameters()} == {id(w) for w in layer.parameters()}
    with torch.no_grad():
        layer.weight_hh_l1.zero_()
    assert not cell.cells[1].weight_hh.any()


def test_bad_input():
    with pytest.raises(TypeError, match=r"layer must be an nn.RNN.*got GRUCell.*as it is"):
        as_cell(nn.GRUCell(2, 3))
    with pytest.raises(ValueError, match=r"bidirectional.*Truncate two layers"):
        as_cell(nn.GRU(2, 3, bidirectional=True))
    with pytest.raises(ValueError, match=r"dropout=0\.5\).*layer.dropout = 0"):
        as_cell(nn.GRU(2, 3, 2, dropout=0.5))
    with pytest.raises(ValueError, match=r"\(layers, batch, hidden\).*got shape \(2, 3\)"):
        split_state(torch.zeros(2, 3))
    with pytest.raises(ValueError, match="must have 4 parts, 2 for each of 2 layers, got 2"):
        join_state((torch.zeros(1, 3),) * 2, nn.LSTM(2, 3, 2))
    with pytest.raises(ValueError, match="as many parts for each of 2 cells, got 3"):
        StackedCell([nn.GRUCell(2, 3), nn.GRUCell(3, 3)])(
            torch.zeros(1, 2), (torch.zeros(1, 3),) * 3
        )
