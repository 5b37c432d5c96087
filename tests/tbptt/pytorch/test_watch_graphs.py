"""A watched loop counts right whatever the graph of a call looks like, and of what lies between."""

import numpy as np
import pytest
import torch
from torch import nn

from tbptt import Truncation
from tbptt.pytorch import watch

ROWS, UNITS, STEPS = 2, 3, 12


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


class OneNode(torch.autograd.Function):
    """A step written by hand: one node of the graph makes both parts, as cuDNN's layers do."""

    @staticmethod
    def forward(ctx, x, h, c, weight):
        ctx.save_for_backward(h, c, weight)
        return x + h * weight + c, x - c * weight + h

    @staticmethod
    def backward(ctx, of_h, of_c):
        h, c, weight = ctx.saved_tensors
        of_weight = (of_h * h - of_c * c).sum()
        return of_h + of_c, of_h * weight + of_c, of_h - of_c * weight, of_weight


class ByHand(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(0.5))

    def forward(self, x, state):
        return OneNode.apply(x, *state, self.weight)


class WithMemory(nn.Module):
    """Hands a part of its state on as it came: another step made it."""

    def __init__(self):
        super().__init__()
        self.inner = nn.RNNCell(UNITS, UNITS)

    def forward(self, x, state):
        h, memory = state
        return self.inner(x + memory, h), memory


class WithSkip(nn.Module):
    """Reads the state of two steps ago past its arguments."""

    def __init__(self):
        super().__init__()
        self.inner, self.before = nn.RNNCell(UNITS, UNITS), None

    def forward(self, x, state):
        (h,) = state
        skipped = 0 if self.before is None else self.before
        self.before = h
        return (self.inner(x + skipped, h),)


class Changing(nn.Module):
    """Has another graph at every third step, which begins as the others do."""

    def __init__(self):
        super().__init__()
        self.inner, self.calls = nn.LSTMCell(UNITS, UNITS), 0

    def forward(self, x, state):
        h, c = state
        self.calls += 1
        own_h, own_c = self.inner(x, (h, c))
        return (own_h, own_c + 0.1 * h) if self.calls % 3 == 0 else (own_h, own_c)


class Inverted(nn.Module):
    """A cell whose second result is made of its first, as an LSTM's first is of its second."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(2 * UNITS, UNITS)

    def forward(self, x, state):
        h, total = state
        h = torch.tanh(self.inner(torch.cat([x, h], 1)))
        return h, h.square() + 0.5 * total


def lstm():
    return nn.LSTMCell(UNITS, UNITS)


def beginning(cell):
    parts = 1 if isinstance(cell, WithSkip) else 2
    return tuple(torch.zeros(ROWS, UNITS) for _ in range(parts))


def chunks(cell, loss_of, between=lambda state: state):
    """Run chunks of four steps, a loss at every step, the state detached between them."""
    with watch(cell, cell=cell) as seen:
        state = beginning(cell)
        for chunk in torch.randn(STEPS, ROWS, UNITS).split(4):
            loss = 0.0
            for x in chunk:
                state = cell(x, between(state))
                loss = loss + loss_of(*state)
            loss.backward()
            state = tuple(part.detach() for part in state)
            if isinstance(cell, WithSkip):
                cell.before = None
    return seen


LOSSES = {
    "h": lambda h, *_: h.square().sum(),
    "c": lambda *parts: parts[-1].square().sum(),
    "both": lambda *parts: sum(part.square().sum() for part in parts),
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", [ByHand, WithSkip, Changing, Inverted])
def test_a_loss_at_every_step_is_counted_once(kind, loss):
    seen = chunks(kind(), LOSSES[loss])
    np.testing.assert_array_equal(seen.counts(), Truncation.epochwise(4).reach(STEPS))
    assert not seen.findings


@pytest.mark.parametrize("at", [0, 3, 7, 11])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", [ByHand, WithSkip, Changing, Inverted, WithMemory, lstm])
def test_a_loss_of_one_step_comes_in_there_and_nowhere_else(kind, loss, at):
    cell = kind()
    with watch(cell, cell=cell) as seen:
        state = beginning(cell)
        if kind is WithMemory:
            state = state[0], torch.ones(ROWS, UNITS, requires_grad=True) * 1.0
        losses = []
        for x in torch.randn(STEPS, ROWS, UNITS):
            state = cell(x, state)
            losses.append(LOSSES[loss](*state))
        losses[at].backward()
    only_passed_on = kind is WithMemory and loss == "c"
    expected = np.zeros((STEPS, STEPS), dtype=int)
    expected[at, : 0 if only_passed_on else at + 1] = 1
    np.testing.assert_array_equal(seen.counts(), expected)


def mask_both(state):
    """What a reader's own code may do with both parts at once."""
    return (torch.cat(state, 1) * 0.9).chunk(2, 1)


def swap(state):
    return state[::-1]


def mix(state):
    h, c = state
    return h + c, h - c


@pytest.mark.parametrize("between", [mask_both, swap, mix])
@pytest.mark.parametrize("kind", [ByHand, Changing, Inverted, lstm])
@pytest.mark.parametrize("at", [None, 5])
def test_the_readers_own_code_between_two_calls(kind, between, at):
    """Parts of a state may come the same way; their errors are not counted twice."""
    cell = kind()
    if at is None:
        seen = chunks(cell, LOSSES["both"], between)
        expected = Truncation.epochwise(4).reach(STEPS)
    else:
        with watch(cell, cell=cell) as seen:
            state = beginning(cell)
            for x in torch.randn(at + 1, ROWS, UNITS):
                state = cell(x, between(state))
            state[0].sum().backward()
        expected = np.zeros((at + 1, at + 1))
        expected[at] = 1
    np.testing.assert_array_equal(seen.counts(), expected)


@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM])
def test_long_layers_that_change_their_length(kind):
    """The ways through the graph of one call do not hold for the next."""
    layer, state = kind(1, 2, num_layers=2), None
    lengths = [50, 50, 7, 50]
    with watch(layer) as seen:
        for length in lengths:
            outputs, state = layer(torch.randn(length, 1, 1), state)
        outputs[20].sum().backward()
    expected = np.zeros(sum(lengths), dtype=int)
    expected[: sum(lengths[:3]) + 21] = 1
    np.testing.assert_array_equal(seen.counts()[sum(lengths[:3]) + 20], expected)
    assert seen.counts().sum() == expected.sum()


@pytest.mark.parametrize("between", [lambda state: state, lambda state: state * 0.9])
def test_a_batch_without_rows_stops_no_loop(between):
    cell = nn.GRUCell(1, 2)
    with watch(cell) as seen:
        state = torch.zeros(0, 2)
        for x in torch.zeros(4, 0, 1):
            state = cell(x, between(state))
        state.sum().backward()
    assert seen.steps == 4
    assert not seen.counts().any()
