"""The engine against the oracle, against autograd, and against recipes that are wrong."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tbptt import Truncation
from tbptt.pytorch import backward
from tbptt.reference import GRU, LSTM, RNN, gradients
from wrapped import Own

pytestmark = pytest.mark.usefixtures("double")

CELLS = {
    "rnn": (nn.RNNCell, RNN(), 1),
    "gru": (nn.GRUCell, GRU(), 1),
    "lstm": (nn.LSTMCell, LSTM(), 2),
}
CLOSE = {"rtol": 1e-10, "atol": 1e-12}


def problem(name, steps, batch, features, hidden, seed):
    torch.manual_seed(seed)
    kind, oracle, parts = CELLS[name]
    cell = kind(features, hidden)
    x = torch.randn(steps, batch, features, requires_grad=True)
    state = tuple(torch.randn(batch, hidden) for _ in range(parts))
    errors = torch.randn(steps, batch, hidden)
    resets, mask = torch.rand(2, steps, batch) < torch.tensor([0.2, 0.7])[:, None, None]
    return cell, oracle, x, state, errors, resets, mask


def bare(state):
    return state if len(state) > 1 else state[0]


@pytest.mark.parametrize("route", [lambda cell: cell, Own], ids=["by hand", "generic"])
@pytest.mark.parametrize("name", CELLS)
@settings(max_examples=100)
@given(
    st.integers(1, 12), st.integers(1, 3), st.integers(1, 3), st.integers(1, 4),
    st.integers(1, 14), st.integers(1, 14), st.booleans(), st.booleans(), st.integers(0, 999),
)  # fmt: skip
def test_the_engine_is_the_oracle(
    route, name, steps, batch, features, hidden, a, b, begin, wait, seed
):
    truncation = Truncation(min(a, b), max(a, b))
    cell, oracle, x, state, errors, resets, mask = problem(
        name, steps, batch, features, hidden, seed
    )
    flags = ({"resets": resets} if begin else {}) | ({"mask": mask} if wait else {})
    loss, outputs, last = backward(
        route(cell), lambda out: (errors * out).sum(), x, bare(state), truncation, **flags
    )
    wanted = gradients(
        oracle,
        {key: weight.detach().numpy() for key, weight in cell.named_parameters()},
        x.detach().numpy(),
        tuple(part.numpy() for part in state),
        errors.numpy(),
        truncation,
        **{key: flag.numpy() for key, flag in flags.items()},
    )
    for key, weight in cell.named_parameters():
        np.testing.assert_allclose(weight.grad.numpy(), wanted.weights[key], **CLOSE)
    np.testing.assert_allclose(x.grad.numpy(), wanted.inputs, **CLOSE)
    assert loss.item() == pytest.approx((errors * outputs).sum().item())
    for part in (outputs, *(last if isinstance(last, tuple) else (last,))):
        assert not part.requires_grad


@pytest.mark.parametrize("name", CELLS)
def test_one_long_pass_is_full_backpropagation(name):
    cell, _, x, state, errors, *_ = problem(name, 9, 3, 2, 4, 0)
    backward(cell, lambda out: (errors * out).sum(), x, bare(state), Truncation(9, 20))
    ours = [weight.grad.clone() for weight in (*cell.parameters(), x)]
    now, outputs = bare(state), []
    for step in x:
        now = cell(step, now)
        outputs.append(now[0] if isinstance(now, tuple) else now)
    wanted = torch.autograd.grad((errors * torch.stack(outputs)).sum(), (*cell.parameters(), x))
    for mine, theirs in zip(ours, wanted, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", CELLS)
def test_epochwise_is_the_chunked_loop(name):
    # Of a length that k divides: the last pass of any other reaches back over k2 steps all the
    # same, where the loop's last chunk is merely short.
    cell, _, x, state, errors, *_ = problem(name, 12, 3, 2, 4, 0)
    backward(cell, lambda out: (errors * out).sum(), x, bare(state), Truncation.epochwise(4))
    ours = [weight.grad.clone() for weight in cell.parameters()]
    cell.zero_grad()
    now = bare(state)
    for first in range(0, 12, 4):
        loss = 0.0
        for t in range(first, first + 4):
            now = cell(x[t], now)
            loss = loss + (errors[t] * (now[0] if isinstance(now, tuple) else now)).sum()
        loss.backward()
        now = tuple(p.detach() for p in now) if isinstance(now, tuple) else now.detach()
    for mine, weight in zip(ours, cell.parameters(), strict=True):
        torch.testing.assert_close(mine, weight.grad, rtol=1e-10, atol=1e-12)


def test_gradients_reach_the_readout_and_an_embedding_below():
    torch.manual_seed(0)
    embedding, cell, readout = nn.Embedding(7, 3), nn.GRUCell(3, 5), nn.Linear(5, 7)
    words, targets = torch.randint(7, (2, 8, 4))
    modules = (embedding, cell, readout)

    def loss_fn(outputs):
        return nn.functional.cross_entropy(readout(outputs).flatten(0, 1), targets.flatten())

    zero = torch.zeros(4, 5)
    backward(cell, loss_fn, embedding(words), zero, Truncation(8, 8))
    ours = [weight.grad.clone() for module in modules for weight in module.parameters()]
    for module in modules:
        module.zero_grad()
    now, outputs = zero, []
    for step in embedding(words):
        now = cell(step, now)
        outputs.append(now)
    loss_fn(torch.stack(outputs)).backward()
    wanted = [weight.grad for module in modules for weight in module.parameters()]
    for mine, theirs in zip(ours, wanted, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-12)


class Stacked(nn.Module):
    """Two layers, of different kinds and widths; the output comes first."""

    def __init__(self):
        super().__init__()
        self.low, self.high = nn.LSTMCell(2, 3), nn.GRUCell(3, 4)

    def forward(self, x, state):
        top, h, c = state
        h, c = self.low(x, (h, c))
        return self.high(h, top), h, c


@pytest.mark.parametrize("truncation", [Truncation(1, 3), Truncation(2, 5), Truncation(3, 3)])
def test_a_stack_of_ones_own(truncation):
    torch.manual_seed(0)
    cell, x, errors = Stacked(), torch.randn(7, 2, 2), torch.randn(7, 2, 4)
    state = tuple(torch.randn(2, size) for size in (4, 3, 3))
    backward(cell, lambda out: (errors * out).sum(), x, state, truncation)
    ours = [weight.grad.clone() for weight in cell.parameters()]
    cell.zero_grad()
    states = [state]
    with torch.no_grad():
        for step in x:
            states.append(cell(step, states[-1]))
    for t, reached in enumerate(truncation.reach(7)):  # one loss at a time
        first = int(reached.argmax())
        now = states[first]
        for s in range(first, t + 1):
            now = cell(x[s], now)
        (errors[t] * now[0]).sum().backward()
    for mine, weight in zip(ours, cell.parameters(), strict=True):
        torch.testing.assert_close(mine, weight.grad, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("truncation", [Truncation(1, 4), Truncation(2, 3)])
@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.RNNCell(2, 3, nonlinearity="relu"),
        lambda: nn.RNNCell(2, 3, bias=False),
        lambda: nn.GRUCell(2, 3, bias=False),
        lambda: nn.LSTMCell(2, 3, bias=False),
    ],
)
def test_variants_of_the_cells_agree_with_the_generic_route(make, truncation):
    torch.manual_seed(0)
    cell, x, errors = make(), torch.randn(9, 2, 2, requires_grad=True), torch.randn(9, 2, 3)
    parts = 2 if isinstance(cell, nn.LSTMCell) else 1
    state = bare(tuple(torch.randn(2, 3) for _ in range(parts)))
    found = []
    for route in (cell, Own(cell)):
        x.grad = None
        cell.zero_grad()
        backward(route, lambda out: (errors * out).sum(), x, state, truncation)
        found.append([weight.grad.clone() for weight in (*cell.parameters(), x)])
    for mine, theirs in zip(*found, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-12)


def test_a_hooked_or_reparametrised_cell_takes_the_generic_route():
    torch.manual_seed(0)
    cell = nn.utils.parametrizations.weight_norm(nn.RNNCell(2, 3), "weight_hh")
    x, zero = torch.randn(5, 2, 2), torch.zeros(2, 3)
    backward(cell, lambda out: out.square().sum(), x, zero, Truncation(5, 5))
    ours = {name: weight.grad.clone() for name, weight in cell.named_parameters()}
    cell.zero_grad()
    now, loss = zero, 0.0
    for step in x:
        now = cell(step, now)
        loss = loss + now.square().sum()
    loss.backward()
    for name, weight in cell.named_parameters():
        torch.testing.assert_close(ours[name], weight.grad, rtol=1e-10, atol=1e-12)


def test_frozen_weights_get_no_gradient():
    cell, _, x, state, errors, *_ = problem("gru", 5, 2, 2, 3, 0)
    cell.weight_ih.requires_grad_(False)
    backward(cell, lambda out: (errors * out).sum(), x, state[0], Truncation(1, 2))
    assert cell.weight_ih.grad is None
    assert cell.weight_hh.grad is not None


def test_gradients_accumulate():
    cell, _, x, state, errors, *_ = problem("rnn", 5, 2, 2, 3, 0)
    for _ in range(2):
        backward(cell, lambda out: (errors * out).sum(), x.detach(), state[0], Truncation(1, 2))
    twice = cell.weight_hh.grad.clone()
    cell.zero_grad()
    backward(cell, lambda out: (errors * out).sum(), x.detach(), state[0], Truncation(1, 2))
    torch.testing.assert_close(twice, 2 * cell.weight_hh.grad)


def test_the_oracle_tells_a_wrong_truncation_apart():
    # The chunked loop is not true truncation, though both "backpropagate 4 steps".
    cell, _, x, state, errors, *_ = problem("gru", 12, 2, 2, 3, 0)
    found = []
    for truncation in (Truncation.true(4), Truncation.epochwise(4)):
        cell.zero_grad()
        backward(cell, lambda out: (errors * out).sum(), x, state[0], truncation)
        found.append(cell.weight_hh.grad.clone())
    difference = (found[0] - found[1]).norm() / found[0].norm()
    assert difference > 1e-3


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"inputs": torch.zeros(3, 2)}, ValueError, r"inputs must be \(steps, batch, features\)"),
        ({"inputs": torch.zeros(3, 2, 2, dtype=torch.long)}, TypeError, "floating-point"),
        ({"state": torch.zeros(5, 3)}, ValueError, r"batch 2.*got shape \(5, 3\)"),
        ({"state": (torch.zeros(2, 3), None)}, TypeError, "got Tensor, NoneType"),
        ({"resets": torch.zeros(3, 2)}, TypeError, "resets must be a Tensor of bool"),
        ({"resets": torch.zeros(2, 2, dtype=torch.bool)}, ValueError, r"= \(3, 2\), got shape"),
        ({"resets": None, "mask": torch.zeros(3, 2)}, TypeError, "mask must be a Tensor of bool"),
        ({"state": torch.zeros(2, 4).double()}, ValueError, r"hidden 3, got shape \(2, 4\)"),
        ({"state": torch.zeros(2, 3)}, TypeError, "state is torch.float32 on cpu, but inputs are"),
        (
            {"state": (torch.zeros(2, 3).double(),)},
            TypeError,
            "must be one Tensor, got a tuple of 1",
        ),
        ({"cell": nn.LSTMCell(2, 3)}, TypeError, r"must be a tuple \(h, c\), got a Tensor"),
        (
            {"cell": nn.RNNCell(2, 3, dtype=torch.float32)},
            TypeError,
            "the cell is torch.float32 on cpu, but inputs are",
        ),
        (
            {"cell": nn.RNNCell(5, 3).double()},
            ValueError,
            "must have 5 features, got 2",
        ),
        ({"inputs": torch.full((3, 2, 2), np.nan).double()}, ValueError, "inputs must be finite"),
        ({"state": torch.full((2, 3), np.inf).double()}, ValueError, "state must be finite"),
        ({"loss_fn": lambda out: out.sum() / 0}, ValueError, "no gradient was accumulated"),
        ({"cell": lambda x, h: (h, h)}, TypeError, "must return a state like the one it is given"),
        ({"cell": lambda x, h: h[:, :2]}, ValueError, "must return a state like the one"),
        ({"cell": lambda x, h: h.detach()}, ValueError, "as far as autograd can tell"),
        ({"cell": lambda x, h: None}, TypeError, "The cell's state must be a Tensor .*NoneType"),
        ({"loss_fn": lambda out: out}, ValueError, "must return a scalar, got shape"),
        ({"loss_fn": lambda out: 1.0}, TypeError, "must return a scalar Tensor, got float"),
    ],
)
def test_bad_input(change, error, words):
    weight = torch.zeros((), requires_grad=True)
    arguments = {
        "cell": nn.RNNCell(2, 3).double(),
        "loss_fn": lambda out: out.sum() * weight,
        "inputs": torch.zeros(3, 2, 2).double(),
        "state": torch.zeros(2, 3).double(),
        "truncation": Truncation(1, 2),
    } | change
    with pytest.raises(error, match=words):
        backward(**arguments)
    # Nothing is half done: neither the readout nor the cell has a gradient.
    assert weight.grad is None
    if isinstance(arguments["cell"], nn.Module):
        assert all(one.grad is None for one in arguments["cell"].parameters())


def test_a_cell_that_does_not_repeat_itself_is_refused():
    inner = nn.RNNCell(2, 3)
    noisy = lambda x, h: nn.functional.dropout(inner(x, h), 0.5)  # noqa: E731
    with pytest.raises(ValueError, match="Take dropout and batch normalisation out of it"):
        backward(
            noisy, lambda out: out.sum(), torch.randn(5, 2, 2), torch.zeros(2, 3), Truncation(1, 2)
        )
