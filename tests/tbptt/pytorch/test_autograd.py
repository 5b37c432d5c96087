"""The engine as a citizen of autograd: whatever holds for `loss.backward()` holds here."""

import copy

import pytest
import torch
from torch import nn

from tbptt import Truncation
from tbptt.pytorch import backward, chunked_loss, online
from wrapped import Own

CELLS = {"rnn": nn.RNNCell, "gru": nn.GRUCell, "lstm": nn.LSTMCell}


ROUTES = pytest.mark.parametrize("route", [lambda cell: cell, Own], ids=["by hand", "generic"])


def squares(outputs):
    return outputs.square().sum()


def zero(cell, batch=2):
    state = torch.zeros(batch, cell.hidden_size, dtype=cell.weight_hh.dtype)
    return (state, state) if isinstance(cell, nn.LSTMCell) else state


@ROUTES
@pytest.mark.parametrize("truncation", [Truncation(1, 3), Truncation(2, 4), Truncation(7, 7)])
@pytest.mark.parametrize("name", CELLS)
def test_an_embedding_below(name, truncation, route):
    torch.manual_seed(0)
    cell, embedding = CELLS[name](3, 4).double(), nn.Embedding(5, 3).double()
    tokens = torch.randint(5, (7, 2))
    leaf = embedding(tokens).detach().requires_grad_()
    backward(cell, squares, leaf, zero(cell), truncation)
    wanted = torch.zeros_like(embedding.weight).index_add(
        0, tokens.flatten(), leaf.grad.flatten(0, 1)
    )
    backward(route(cell), squares, embedding(tokens), zero(cell), truncation)
    torch.testing.assert_close(embedding.weight.grad, wanted, rtol=1e-10, atol=1e-12)


@ROUTES
def test_weights_that_are_computed_from_others(route):
    torch.manual_seed(0)
    cell, x = nn.GRUCell(2, 3), torch.randn(5, 2, 2)
    plain = copy.deepcopy(cell)
    backward(plain, squares, x, zero(plain), Truncation(2, 4))
    raw = nn.Parameter(cell.weight_hh.detach() / 3)
    state = zero(cell)
    del cell._parameters["weight_hh"]
    cell.weight_hh = 3 * raw
    backward(route(cell), squares, x, state, Truncation(2, 4))
    torch.testing.assert_close(raw.grad, 3 * plain.weight_hh.grad)


@ROUTES
def test_hooks_see_the_gradient_once_and_may_change_it(route):
    torch.manual_seed(0)
    cell, x, seen = nn.LSTMCell(2, 3), torch.randn(5, 2, 2), []
    flat = torch.zeros_like(cell.weight_ih)
    cell.weight_ih.grad = flat
    cell.weight_hh.register_hook(lambda gradient: gradient * 0)
    cell.weight_ih.register_post_accumulate_grad_hook(lambda weight: seen.append(weight.grad))
    backward(route(cell), squares, x, zero(cell), Truncation(1, 2))
    assert not cell.weight_hh.grad.any()
    assert len(seen) == 1
    # Into the buffer that was there, as accumulating does.
    assert cell.weight_ih.grad is flat
    assert flat.any()
    assert cell.bias_ih.grad.data_ptr() != cell.bias_hh.grad.data_ptr()


def test_what_an_instance_overrides_is_obeyed():
    torch.manual_seed(0)
    x = torch.randn(5, 2, 2)
    cell = nn.GRUCell(2, 3)
    whole, *_ = backward(cell, squares, x, zero(cell), Truncation(1, 2))
    old = cell.forward
    cell.forward = lambda x, state: old(x, state) * 0.1
    less, *_ = backward(cell, squares, x, zero(cell), Truncation(1, 2))
    assert less < whole / 10
    hooked, calls = nn.GRUCell(2, 3), []
    hooked.register_full_backward_hook(lambda *_: calls.append(1))
    backward(hooked, squares, x, zero(hooked), Truncation(1, 2))
    assert calls


@ROUTES
def test_a_loss_that_reads_the_inputs_too(route):
    torch.manual_seed(0)
    cell, raw = nn.RNNCell(3, 3), torch.randn(6, 2, 3, requires_grad=True)
    x = 2 * raw  # no leaf: its graph serves the loss and the cell
    backward(route(cell), lambda out: (out - x).square().sum(), x, zero(cell), Truncation(6, 6))
    ours = raw.grad.clone()
    raw.grad = None
    x, state, total = 2 * raw, zero(cell), 0.0
    for one in x:
        state = cell(one, state)
        total = total + (state - one).square().sum()
    total.backward()
    torch.testing.assert_close(ours, raw.grad)


@ROUTES
def test_a_loss_that_works_in_place(route):
    torch.manual_seed(0)
    cell, x = nn.GRUCell(2, 3), torch.randn(5, 2, 2)
    readout = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(3, 1))
    _, outputs, _ = backward(
        route(cell), lambda out: readout(out).sum(), x, zero(cell), Truncation(1, 2)
    )
    assert (outputs < 0).any()  # what is returned is what the cell gave
    targets = torch.zeros(5, 2)
    in_chunks = chunked_loss(readout, lambda out, _: out.sum(), targets, chunk=2)
    backward(route(cell), in_chunks, x, zero(cell), Truncation(1, 2))


@ROUTES
@pytest.mark.parametrize("name", CELLS)
def test_padding_may_hold_anything(name, route):
    torch.manual_seed(0)
    cell, x = CELLS[name](2, 3).double(), torch.randn(6, 2, 2).double()
    mask = torch.ones(6, 2, dtype=torch.bool)
    mask[4:, 0] = mask[0, 1] = False

    def loss_fn(outputs):  # infinitely steep where the output is zero, as it is at step 0 of row 1
        return outputs.abs().sqrt().sum()

    found = []
    for filling in (0.0, torch.nan):
        cell.zero_grad()
        filled = x.masked_fill(~mask[..., None], filling)
        backward(route(cell), loss_fn, filled, zero(cell), Truncation(2, 4), mask=mask)
        found.append([weight.grad.clone() for weight in cell.parameters()])
    for one, other in zip(*found, strict=True):
        assert one.isfinite().all()
        torch.testing.assert_close(one, other)


@ROUTES
def test_no_rows_and_lists(route):
    cell = nn.LSTMCell(2, 3)
    h, c = zero(cell, batch=0)
    _, outputs, last = backward(
        route(cell), squares, torch.zeros(4, 0, 2), [h, c], Truncation(1, 2)
    )
    assert outputs.shape == (4, 0, 3)
    assert isinstance(last, list)


def test_a_cell_may_cut_a_part_of_its_state_itself():
    torch.manual_seed(0)
    inner = nn.LSTMCell(2, 3)

    def cell(x, state):
        h, c = inner(x, state)
        return h, c.detach()

    x, state = torch.randn(5, 2, 2), zero(inner)
    backward(cell, squares, x, state, Truncation(5, 5))
    ours = inner.weight_hh.grad.clone()
    inner.zero_grad()
    total = 0.0
    for one in x:
        state = cell(one, state)
        total = total + state[0].square().sum()
    total.backward()
    torch.testing.assert_close(ours, inner.weight_hh.grad)


def test_under_autocast_the_generic_route_runs():
    torch.manual_seed(0)
    cell, x = nn.GRUCell(2, 3), torch.randn(5, 2, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss, *_ = backward(cell, squares, x, zero(cell), Truncation(1, 2))
    assert loss.isfinite()
    assert cell.weight_hh.grad.dtype == torch.float32


def test_the_caller_keeps_the_weights_that_autocast_has_cast():
    x, weight = torch.randn(2, 3), torch.randn(3, 3, requires_grad=True)

    def cast():
        """The node of the graph that casts the weight: one and the same while it is cached."""
        return (x @ weight).grad_fn.next_functions[1][0]

    with torch.autocast("cpu", dtype=torch.bfloat16):
        before = cast()
        assert cast() is before
        cell = nn.GRUCell(3, 3)
        backward(cell, squares, torch.randn(5, 2, 3), torch.zeros(2, 3), Truncation(1, 2))
        assert cast() is before
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert cast() is not before


def test_weights_that_autocast_has_cast_without_a_graph_still_learn():
    torch.manual_seed(0)
    cell, x = nn.GRUCell(2, 3), torch.randn(5, 2, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        backward(cell, squares, x, zero(cell), Truncation(2, 3))
        wanted = [weight.grad.clone() for weight in cell.parameters()]
        cell.zero_grad()
        with torch.no_grad():  # validation, say: its copies have no way back to the weights
            cell(x[0], zero(cell))
        backward(cell, squares, x, zero(cell), Truncation(2, 3))
    for weight, want in zip(cell.parameters(), wanted, strict=True):
        torch.testing.assert_close(weight.grad, want)


@pytest.mark.parametrize("off", [torch.no_grad, torch.inference_mode])
def test_without_gradients_there_is_nothing_to_truncate(off):
    cell, x = nn.GRUCell(2, 3), torch.zeros(4, 2, 2)
    with off(), pytest.raises(RuntimeError, match="Gradients are switched off"):
        backward(cell, squares, x, zero(cell), Truncation(1, 2))
    blocks = [(x, None)]
    with off(), pytest.raises(RuntimeError, match="Gradients are switched off"):
        next(online(cell, lambda out, _: squares(out), blocks, zero(cell), Truncation(4, 4)))


def test_a_number_is_no_truncation():
    cell = nn.GRUCell(2, 3)
    with pytest.raises(TypeError, match=r"must be a Truncation, got 20; Truncation.true\(20\)"):
        backward(cell, squares, torch.zeros(4, 2, 2), zero(cell), 20)


def test_float32_is_right_to_its_rounding():
    torch.manual_seed(0)
    cell, x = nn.LSTMCell(4, 8), torch.randn(30, 3, 4)
    found = []
    for dtype in (torch.float32, torch.float64):
        twin = copy.deepcopy(cell).to(dtype)
        backward(twin, squares, x.to(dtype), zero(twin, batch=3), Truncation(1, 7))
        found.append(twin.weight_hh.grad.double())
    assert (found[0] - found[1]).norm() < 1e-5 * found[1].norm()
