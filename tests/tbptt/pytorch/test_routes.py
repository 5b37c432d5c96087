"""Derivatives by hand are used where a call of the cell shows that they are the cell's."""

import copy
from contextlib import contextmanager

import pytest
import torch
from torch import nn

from tbptt import Truncation
from tbptt.pytorch import StackedCell, backward
from tbptt.pytorch.adjoints import GenericAdjoint
from tbptt.pytorch.states import flatten

CELLS = {"rnn": nn.RNNCell, "gru": nn.GRUCell, "lstm": nn.LSTMCell}


def squares(outputs):
    return outputs.square().sum()


def zero(cell):
    state = torch.zeros(2, 4)
    if isinstance(cell, StackedCell):
        return tuple(part for layer in cell.cells for part in flatten(zero(layer)))
    return (state, state) if isinstance(cell, nn.LSTMCell) else state


def gradients(cell, x, truncation, derived):
    cell.zero_grad()
    backward(cell, squares, x, zero(cell), truncation, derived=derived)
    return [weight.grad.clone() for weight in cell.parameters()]


def plainly(cell, x):
    """Gradients of the loop that anybody would write."""
    cell.zero_grad()
    state, total = zero(cell), 0.0
    for one in x:
        state = cell(one, state)
        total = total + squares(state[0] if isinstance(state, tuple) else state)
    total.backward()
    return [weight.grad.clone() for weight in cell.parameters()]


@contextmanager
def globally(register, hook):
    handle = register(hook)
    try:
        yield
    finally:
        handle.remove()


def in_module(name):
    return getattr(nn.modules.module, f"register_module_{name}")


def first_half(outputs):
    """Half of the output, and of the rest of the state what it is."""
    return (0.5 * outputs[0], *outputs[1:]) if isinstance(outputs, tuple) else 0.5 * outputs


def on_forward(cell):
    return globally(
        in_module("forward_hook"),
        lambda module, _, out: first_half(out) if module is cell else None,
    )


def on_inputs(cell):
    return globally(
        in_module("forward_pre_hook"), lambda m, args: (2 * args[0], args[1]) if m is cell else None
    )


def on_errors(cell):
    def halve(module, into, out):
        if module is cell:
            return tuple(None if error is None else 0.5 * error for error in into)
        return None

    return globally(in_module("full_backward_hook"), halve)


@contextmanager
def a_patched_class(cell):
    kind = type(cell)
    old = kind.forward
    kind.forward = lambda self, x, state: first_half(old(self, x, state))
    try:
        yield
    finally:
        kind.forward = old


@contextmanager
def an_adapter_that_begins_with_zeros(cell):
    """The answers are the cell's own, and yet another weight learns."""
    cell.adapter = nn.Parameter(torch.zeros(4))

    def add(module, args, out):
        more = args[0].sum(1, keepdim=True) * module.adapter
        return (out[0] + more, *out[1:]) if isinstance(out, tuple) else out + more

    with globally(cell.register_forward_hook, add):
        yield


@contextmanager
def a_hook_that_waits_for_a_word(cell):
    """What it does shows at a single step, which no sample of steps is sure to hold."""

    def begin_anew(module, args):
        x, state = args
        ends = (x[:, 0] > 100)[:, None]
        if isinstance(state, tuple):
            return x, tuple(part.masked_fill(ends, 0) for part in state)
        return x, state.masked_fill(ends, 0)

    with globally(cell.register_forward_pre_hook, begin_anew):
        yield


@contextmanager
def a_hook_on_the_errors_of_its_state(cell):
    def watch(module, args, out):
        (out[0] if isinstance(out, tuple) else out).register_hook(lambda error: 2 * error)

    with globally(cell.register_forward_hook, watch):
        yield


CHANGES = [
    on_forward, on_inputs, on_errors, a_patched_class, an_adapter_that_begins_with_zeros,
    a_hook_that_waits_for_a_word, a_hook_on_the_errors_of_its_state,
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:Full backward hook is firing:UserWarning")
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", CELLS)
def test_a_cell_that_does_something_else_is_taken_as_it_is(name, change):
    torch.manual_seed(0)
    cell, x = CELLS[name](3, 4), torch.randn(6, 2, 3)
    x[2, 1, 0] = 101.0
    bare = plainly(cell, x)
    with change(cell):
        wanted = plainly(cell, x)
        # PyTorch's hooks on the errors of inputs do not see those in a tuple, an LSTM's state.
        if (name, change) != ("lstm", on_errors):
            assert len(wanted) > len(bare) or not torch.allclose(wanted[1], bare[1], rtol=0.01)
        for derived in (None, False):
            for ours, want in zip(
                gradients(cell, x, Truncation(6, 6), derived), wanted, strict=True
            ):
                torch.testing.assert_close(ours, want)
        before = [weight.grad.clone() for weight in cell.parameters()]
        with pytest.raises(ValueError, match=r"derived=True, but a step of the cell is more than"):
            backward(cell, squares, x, zero(cell), Truncation(1, 2), derived=True)
    assert all(map(torch.equal, before, [weight.grad for weight in cell.parameters()]))


@pytest.mark.filterwarnings("ignore:Full backward hook is firing:UserWarning")
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("changed", ["the stack", 0, 1])
@pytest.mark.parametrize("name", CELLS)
def test_a_stack_that_does_something_else_is_taken_as_it_is(name, changed, change):
    torch.manual_seed(0)
    stack, x = StackedCell([CELLS[name](3, 4), CELLS[name](4, 4)]), torch.randn(6, 2, 3)
    x[2, 1, 0] = 101.0
    with change(stack if changed == "the stack" else stack.cells[changed]):
        wanted = plainly(stack, x)
        for ours, want in zip(gradients(stack, x, Truncation(6, 6), None), wanted, strict=True):
            torch.testing.assert_close(ours, want)
        with pytest.raises(ValueError, match="a step of the cell is more than the layers' funct"):
            backward(stack, squares, x, zero(stack), Truncation(1, 2), derived=True)


def test_why_a_stack_is_not_taken_by_hand():
    x, state = torch.randn(6, 2, 3), torch.zeros(2, 4)

    class Own(nn.GRUCell):
        """A class of one's own."""

    def call(cells, *parts):
        backward(StackedCell(cells), squares, x, parts, Truncation(1, 2), derived=True)

    call([Own(3, 4), nn.GRUCell(4, 4)], state, state)
    for cells, parts, words in [
        ([nn.GRUCell(3, 4), nn.Linear(4, 4)], 2, "in the stack, a Linear is none of nn.RNNCell"),
        ([nn.GRUCell(3, 4), nn.GRUCell(5, 4)], 2, "inputs must have 5 features, got 4"),
        ([nn.GRUCell(3, 4), nn.GRUCell(4, 4)], 3, "as many parts for each of 2 cells, got 3"),
        ([nn.GRUCell(3, 4), nn.LSTMCell(4, 4)], 4, "state of GRUCell must be one Tensor, got"),
        ([StackedCell([nn.GRUCell(3, 4)])], 1, "in the stack, a StackedCell is none of nn.RNN"),
    ]:
        with pytest.raises(ValueError, match=f"derived=True, but .*{words}"):
            call(cells, *[state] * parts)


def test_a_stack_of_one_cell_takes_the_state_of_the_cell():
    torch.manual_seed(0)
    cell, x = nn.GRUCell(3, 4), torch.randn(6, 2, 3)
    wanted = gradients(cell, x, Truncation(2, 3), True)
    for derived in (True, False):
        cell.zero_grad()
        given = StackedCell([cell]), squares, x, torch.zeros(2, 4), Truncation(2, 3)
        result = backward(*given, derived=derived)
        assert result.state.shape == (2, 4)
        for weight, want in zip(cell.parameters(), wanted, strict=True):
            torch.testing.assert_close(weight.grad, want)


@pytest.mark.parametrize("truncation", [Truncation(1, 3), Truncation(2, 3), Truncation(6, 6)])
@pytest.mark.parametrize("name", [*CELLS, "stack"])
def test_an_argument_forces_or_forbids(name, truncation, monkeypatch):
    torch.manual_seed(0)
    stack = StackedCell([nn.LSTMCell(3, 4), nn.LSTMCell(4, 4)])
    cell, x = stack if name == "stack" else CELLS[name](3, 4), torch.randn(6, 2, 3)
    by_hand, by_itself = (gradients(cell, x, truncation, derived) for derived in (True, None))
    generic = gradients(cell, x, truncation, False)
    for ours, same, theirs in zip(by_hand, by_itself, generic, strict=True):
        assert torch.equal(ours, same)
        torch.testing.assert_close(ours, theirs)
    calls = []
    monkeypatch.setattr(GenericAdjoint, "finish", lambda *_: calls.append(1) or 1 / 0)
    gradients(cell, x, truncation, True)
    gradients(cell, x, truncation, None)
    with pytest.raises(ZeroDivisionError):
        gradients(cell, x, truncation, False)
    assert calls == [1]


def test_a_cell_is_called_as_the_reader_calls_it_and_once():
    cell, x, noted = nn.GRUCell(3, 4), torch.randn(6, 2, 3), []
    cell.register_forward_hook(lambda module, args, out: noted.append(len(args)))
    backward(cell, squares, x, zero(cell), Truncation(1, 3))
    assert noted == [2]


def test_why_derivatives_by_hand_cannot_be_forced():
    x = torch.randn(6, 2, 3)

    class Own(nn.GRUCell):
        """A class of one's own."""

    def call(cell, state=None, **more):
        state = zero(cell) if state is None else state
        return backward(cell, squares, x, state, Truncation(1, 3), derived=True, **more)

    call(Own(3, 4))
    for cell, words in [
        (nn.Linear(3, 4), "a Linear is none of nn.RNNCell, nn.GRUCell and nn.LSTMCell"),
        (nn.GRUCell(5, 4), "inputs or state do not fit: inputs must have 5 features, got 3"),
        (
            nn.utils.parametrizations.weight_norm(nn.GRUCell(3, 4), "weight_hh"),
            "a step of the cell is more than torch.gru_cell of its weights",
        ),
    ]:
        with pytest.raises(ValueError, match=f"derived=True, but {words}"):
            call(cell)
    with torch.autocast("cpu"), pytest.raises(ValueError, match="derived=True, but autocast is on"):
        call(nn.GRUCell(3, 4))
    with pytest.raises(TypeError, match="derived must be True, False or None, got 'yes'"):
        backward(nn.GRUCell(3, 4), squares, x, torch.zeros(2, 4), Truncation(1, 2), derived="yes")


def test_weights_that_a_hook_makes_anew_are_those_of_the_call():
    # PyTorch's older weight_norm leaves a tensor of an earlier graph where the weight was.
    torch.manual_seed(0)
    with pytest.warns(FutureWarning):
        cell = nn.utils.weight_norm(nn.GRUCell(3, 4), "weight_hh")
    x = torch.randn(6, 2, 3)
    wanted = plainly(cell, x)
    for derived in (None, False):
        for ours, want in zip(gradients(cell, x, Truncation(6, 6), derived), wanted, strict=True):
            torch.testing.assert_close(ours, want)


@pytest.mark.parametrize("name", CELLS)
def test_one_weight_in_two_places_of_a_cell(name):
    torch.manual_seed(0)
    cell, x = CELLS[name](4, 4), torch.randn(6, 2, 4)
    cell.weight_hh = cell.weight_ih
    wanted = plainly(cell, x)
    for derived in (True, False):
        for ours, want in zip(gradients(cell, x, Truncation(6, 6), derived), wanted, strict=True):
            torch.testing.assert_close(ours, want)


def test_a_cell_that_takes_other_inputs_by_a_hook_is_not_refused():
    torch.manual_seed(0)
    cell, wide, x = nn.GRUCell(3, 4), nn.Linear(7, 3), torch.randn(6, 2, 7)
    cell.register_forward_pre_hook(lambda module, args: (wide(args[0]), args[1]))
    wanted = [*plainly(cell, x), wide.weight.grad.clone()]
    wide.zero_grad()
    ours = [*gradients(cell, x, Truncation(6, 6), None), wide.weight.grad]
    for one, other in zip(ours, wanted, strict=True):
        torch.testing.assert_close(one, other)
    untouched = copy.deepcopy(nn.GRUCell(3, 4))
    with pytest.raises(ValueError, match="inputs must have 3 features, got 7"):
        backward(untouched, squares, x, zero(cell), Truncation(1, 2))
