"""One contract: every engine asks the same of its arguments, in the same words, and in time."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from tbptt import Truncation
from tbptt.pytorch import Block, backward, chunked_loss, online
from tbptt.pytorch.chunkwise import chunkwise
from tbptt.pytorch.forward_mode import RTRL, UORO, SnAp, accumulate
from tbptt.pytorch.random_lengths import reweighted

CELLS = {"rnn": nn.RNNCell, "gru": nn.GRUCell, "lstm": nn.LSTMCell}


def by_hand(cell, loss_fn, x, state, **flags):
    return backward(cell, loss_fn, x, state, Truncation(1, 99), **flags)


def generic(cell, loss_fn, x, state, **flags):
    return backward(cell, loss_fn, x, state, Truncation(1, 99), derived=False, **flags)


def stream(cell, loss_fn, x, state, **flags):
    blocks = [Block(x, None, **flags)]
    (result,) = online(cell, lambda out, _: loss_fn(out), blocks, state, Truncation(99, 99))
    return result


def factors(cell, loss_fn, x, state, **flags):
    return reweighted(cell, loss_fn, x, state, np.ones(len(x)), **flags)


def forward_mode(cell, loss_fn, x, state, **flags):
    return accumulate(cell, loss_fn, x, state, RTRL(), **flags)


def chunks(cell, loss_fn, x, state, **flags):
    return chunkwise(cell, loss_fn, x, state, 2, **flags)


ENGINES = [by_hand, generic, stream, factors, forward_mode, chunks]
if_not_callable = "must be a module or a function, got"


def first_nan(values):
    values = values.clone()
    values.view(-1)[0] = torch.nan
    return values


X, H, BOOLS = torch.ones(3, 2, 2), torch.zeros(2, 3), torch.ones(3, 2, dtype=torch.bool)
CALLS = [
    ({"cell": nn.RNN(2, 3)}, TypeError, r"nn.RNN runs over whole .* tbptt.pytorch.as_cell\(layer"),
    ({"cell": nn.GRU(2, 3)}, TypeError, r"nn.GRU runs over whole .* tbptt.pytorch.as_cell\(layer"),
    ({"cell": nn.LSTM(2, 3)}, TypeError, "nn.LSTM runs over whole sequences"),
    ({"cell": nn.GRUCell}, TypeError, f"cell {if_not_callable} the class GRUCell"),
    ({"cell": 3}, TypeError, f"cell {if_not_callable} 3"),
    ({"state": None}, TypeError, "state must be a Tensor or a tuple of them, got NoneType"),
    ({"state": torch.zeros(1, 2, 3)}, ValueError, r"state must be \(batch, hidden\), got shape"),
    ({"state": H.double()}, TypeError, "state is torch.float64 on cpu, but inputs are"),
    ({"state": first_nan(H)}, ValueError, "state must be finite, but NaN or infinity"),
    ({"state": torch.zeros(2, 4)}, ValueError, r"with hidden 3, got shape \(2, 4\)"),
    ({"state": (H,)}, TypeError, "The state of RNNCell must be one Tensor, got a tuple of 1"),
    ({"cell": nn.LSTMCell(2, 3)}, TypeError, r"must be a tuple \(h, c\), got a Tensor"),
    ({"x": first_nan(X)}, ValueError, "inputs must be finite, but NaN or infinity"),
    ({"x": X / 0}, ValueError, "inputs must be finite, but NaN or infinity"),
    ({"x": torch.ones(3, 2, 5)}, ValueError, "inputs must have 2 features, got 5"),
    (
        {"cell": weight_norm(nn.RNNCell(5, 3), "weight_hh")},
        ValueError,
        "must have 5 features, got 2",
    ),
    ({"x": X.double(), "state": H.double()}, TypeError, "the cell is torch.float32 on cpu, but"),
    ({"resets": X[..., 0]}, TypeError, "resets must be a Tensor of bool"),
    ({"mask": X[..., 0]}, TypeError, "mask must be a Tensor of bool"),
    ({"mask": [True]}, TypeError, "mask must be a Tensor of bool .*, got list"),
    ({"resets": BOOLS[1:]}, ValueError, r"resets must be \(steps, batch\) = \(3, 2\), got shape"),
    ({"mask": BOOLS[1:]}, ValueError, r"mask must be \(steps, batch\) = \(3, 2\), got shape"),
    ({"loss_fn": lambda out: 1.0}, TypeError, "loss_fn must return a scalar Tensor, got float"),
    ({"loss_fn": lambda out: out}, ValueError, "loss_fn must return a scalar, got shape"),
    ({"loss_fn": lambda out: out.argmax()}, TypeError, "floating-point Tensor, got torch.int64"),
    ({"loss_fn": lambda out: out.sum() / 0}, ValueError, "no gradient was accumulated"),
    ({"loss_fn": lambda out: out.detach().sum()}, ValueError, "does not depend on the outputs"),
    ({"loss_fn": lambda out: READOUT(out.data).sum()}, ValueError, "does not depend on the output"),
    ({"loss_fn": torch.no_grad()(torch.sum)}, ValueError, "does not depend on the outputs"),
]
ANOTHER = [
    ({"loss_fn": torch.zeros(())}, TypeError, f"loss_fn {if_not_callable} tensor"),
    ({"x": X.long()}, TypeError, "inputs must be a floating-point Tensor"),
    ({"x": X.numpy()}, TypeError, "inputs must be a floating-point Tensor .*, got ndarray"),
    (
        {"x": X.to_sparse()},
        TypeError,
        "must be a dense Tensor .* got a sparse or nested one",
    ),
    ({"x": X[0]}, ValueError, r"inputs must be \(steps, batch, features\) with at least one step"),
    ({"x": X[:0], "mask": None}, ValueError, "with at least one step, got shape"),
    ({"state": torch.zeros(5, 3)}, ValueError, r"with batch 2, the second axis of inputs"),
]
READOUT = nn.Linear(3, 1)


def assert_refused(engine, change, error, words):
    cell = change.get("cell", nn.RNNCell(2, 3))
    weights = [*READOUT.parameters(), *(cell.parameters() if isinstance(cell, nn.Module) else ())]
    for weight in weights:
        weight.grad = torch.ones_like(weight)
    arguments = {"cell": cell, "loss_fn": lambda out: READOUT(out).sum(), "x": X, "state": H}
    with pytest.raises(error, match=words):
        engine(**(arguments | change))
    for weight in weights:
        assert weight.grad.eq(1).all()


@pytest.mark.parametrize(("change", "error", "words"), CALLS, ids=range(len(CALLS)))
@pytest.mark.parametrize("engine", ENGINES)
def test_the_same_is_refused_in_the_same_words(engine, change, error, words):
    assert_refused(engine, change, error, words)


@pytest.mark.parametrize(("change", "error", "words"), ANOTHER, ids=range(len(ANOTHER)))
@pytest.mark.parametrize("engine", [by_hand, generic, factors, forward_mode, chunks])
def test_and_of_whole_sequences(engine, change, error, words):
    assert_refused(engine, change, error, words)


@pytest.mark.parametrize("off", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("engine", ENGINES)
def test_nobody_is_silent_where_gradients_are_switched_off(engine, off):
    with off(), pytest.raises(RuntimeError, match="Gradients are switched off"):
        engine(nn.GRUCell(2, 3), torch.sum, X, H)


def test_nor_where_they_are_switched_off_between_two_blocks():
    blocks = [(X, None), (X, None)]
    passes = online(nn.GRUCell(2, 3), lambda out, _: out.sum(), blocks, H, Truncation(3, 4))
    next(passes)
    with torch.no_grad(), pytest.raises(RuntimeError, match="Gradients are switched off"):
        next(passes)


@pytest.mark.parametrize("engine", [by_hand, generic, stream, factors, chunks])
def test_nobody_is_silent_where_nothing_requires_a_gradient(engine):
    frozen = nn.GRUCell(2, 3).requires_grad_(False)
    with pytest.raises(ValueError, match=r"Nothing requires a gradient|depend on the outputs"):
        engine(frozen, torch.sum, X, H)
    # What the loss uses learns all the same.
    READOUT.zero_grad()
    engine(frozen, lambda out: READOUT(out).sum(), X, H)
    assert READOUT.weight.grad.shape == (1, 3)


@pytest.mark.parametrize("engine", ENGINES)
def test_states_that_overflow_are_seen_whatever_the_loss_looks_at(engine):
    cell = nn.RNNCell(1, 1, nonlinearity="relu")
    for weight in cell.parameters():
        nn.init.constant_(weight, 1e6)
    with pytest.raises(ValueError, match="The cell made a state with NaN or infinity in it"):
        engine(cell, lambda out: out[0].sum(), torch.ones(9, 1, 1), torch.zeros(1, 1))
    assert cell.weight_hh.grad is None


@pytest.mark.parametrize("engine", ENGINES)
def test_so_are_weights_that_are_not_finite(engine):
    cell = nn.GRUCell(2, 3)
    nn.init.constant_(cell.weight_hh, torch.nan)
    with pytest.raises(ValueError, match="weights that are not finite"):
        engine(cell, lambda out: out[0].sum(), X, H)
    assert cell.weight_hh.grad is None


@pytest.mark.parametrize("engine", ENGINES)
def test_a_loss_may_work_in_place(engine):
    torch.manual_seed(0)
    cell, results = nn.GRUCell(2, 3), []
    for loss_fn in (lambda out: out.mul_(2).sum(), lambda out: (2 * out).sum()):
        cell.zero_grad()
        result = engine(cell, loss_fn, X, H)
        results.append(
            [result.loss, result.outputs, *(weight.grad for weight in cell.parameters())]
        )
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("engine", ENGINES)
def test_gradients_are_added_into_the_buffers_that_are_there(engine):
    torch.manual_seed(0)
    cell, noted = nn.LSTMCell(2, 3), []
    cell.weight_hh.register_hook(noted.append)
    engine(cell, torch.sum, X, (H, H))
    once, buffers = noted[0].clone(), [weight.grad for weight in cell.parameters()]
    engine(cell, torch.sum, X, (H, H))
    assert len(noted) == 2
    assert all(weight.grad is old for weight, old in zip(cell.parameters(), buffers, strict=True))
    torch.testing.assert_close(cell.weight_hh.grad, 2 * once)


@pytest.mark.parametrize("engine", ENGINES)
def test_no_rows(engine):
    cell = nn.LSTMCell(2, 3)
    zero = torch.zeros(0, 3)
    result = engine(cell, torch.sum, torch.zeros(4, 0, 2), (zero, zero))
    assert result.outputs.shape == (4, 0, 3)
    assert not cell.weight_hh.grad.any()


SIZES = st.integers(1, 6)


@pytest.mark.parametrize("engine", [generic, stream, factors, forward_mode, chunks])
@pytest.mark.parametrize("name", CELLS)
@settings(max_examples=12)
@given(steps=SIZES, batch=st.integers(1, 3), flags=st.sets(st.sampled_from(["resets", "mask"])),
       seed=st.integers(0, 99), filling=st.sampled_from([0.0, torch.nan, torch.inf]))  # fmt: skip
def test_resets_and_masks_mean_the_same_everywhere(
    engine, name, steps, batch, flags, seed, filling
):
    torch.manual_seed(seed)
    cell = CELLS[name](2, 3).double()
    x, h = torch.randn(steps, batch, 2).double(), torch.randn(batch, 3).double()
    errors, state = torch.randn(steps, batch, 3).double(), (h, -h) if name == "lstm" else h
    likely = {"resets": 0.3, "mask": 0.6}
    flags = {key: torch.rand(steps, batch) < likely[key] for key in sorted(flags)}
    if "mask" in flags:
        x = x.masked_fill(~flags["mask"][..., None], filling)
    results = []
    for way in (by_hand, engine):
        cell.zero_grad()
        result = way(cell, lambda out: (errors * out).sum(), x, state, **flags)
        results.append([*result[:2], result.state, *(weight.grad for weight in cell.parameters())])
    torch.testing.assert_close(*results, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", CELLS)
@settings(max_examples=40)
@given(steps=st.integers(1, 12), a=SIZES, b=SIZES, seed=st.integers(0, 99))
def test_a_stream_with_a_mask_is_the_engine(name, steps, a, b, seed):
    torch.manual_seed(seed)
    truncation, cell = Truncation(min(a, b), max(a, b)), CELLS[name](2, 3).double()
    x, h, y = torch.randn(steps, 2, 2), torch.randn(2, 3).double(), torch.randn(steps, 2, 3)
    resets, mask = torch.rand(2, steps, 2) < torch.tensor([0.2, 0.7])[:, None, None]
    x, state = x.double().masked_fill(~mask[..., None], torch.nan), (h, h) if name == "lstm" else h
    flags = {"resets": resets, "mask": mask}
    _, outputs, last = backward(
        cell, lambda out: (out * y).sum(), x, state, truncation, derived=False, **flags
    )
    wanted = [weight.grad.clone() for weight in cell.parameters()]
    cell.zero_grad()
    blocks = zip(*(part.split(truncation.k1) for part in (x, y, resets, mask)), strict=True)
    passes = list(online(cell, lambda out, y: (out * y).sum(), blocks, state, truncation))
    for weight, want in zip(cell.parameters(), wanted, strict=True):
        torch.testing.assert_close(weight.grad, want, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(torch.cat([one.outputs for one in passes]), outputs)
    torch.testing.assert_close(passes[-1].state, last)


def test_flags_that_only_some_blocks_have():
    torch.manual_seed(0)
    cell, x, zero = nn.GRUCell(2, 3), torch.randn(8, 2, 2), torch.zeros(2, 3)
    resets, mask = torch.zeros(2, 8, 2, dtype=torch.bool)
    resets[4, 0], mask = True, ~mask
    mask[2:4, 1] = False
    whole = [(x[i : i + 2], None, resets[i : i + 2], mask[i : i + 2]) for i in range(0, 8, 2)]
    some = [(x[:2], None), Block(x[2:4], None, mask=mask[2:4]), (x[4:6], None, resets[4:6]),
            Block(x[6:], None)]  # fmt: skip
    results = []
    for blocks in (whole, some):
        cell.zero_grad()
        list(online(cell, lambda out, _: out.sum(), blocks, zero, Truncation(2, 5)))
        results.append([weight.grad.clone() for weight in cell.parameters()])
    for one, other in zip(*results, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("cut", [1, 2, 3])
@pytest.mark.parametrize("method", [RTRL(), SnAp(2)])
def test_what_is_carried_ahead_is_reset_and_waits(method, cut):
    torch.manual_seed(0)
    cell, x = nn.GRUCell(2, 3).double(), torch.randn(6, 2, 2).double()
    errors, zero = torch.randn(6, 2, 3).double(), torch.zeros(2, 3).double()
    resets, mask = torch.rand(2, 6, 2) < 0.4
    by_hand(cell, lambda out: (errors * out).sum(), x, zero, resets=resets, mask=mask)
    wanted = [weight.grad.clone() for weight in cell.parameters()]
    cell.zero_grad()
    state, carried = zero, None
    parts = (part.split(cut) for part in (x, errors, resets, mask))
    for block, e, begin, has in zip(*parts, strict=True):
        _, _, state, carried = accumulate(
            cell, lambda out, e=e: (e * out).sum(), block, state, method, carried,
            resets=begin, mask=has,
        )  # fmt: skip
    for weight, want in zip(cell.parameters(), wanted, strict=True):
        torch.testing.assert_close(weight.grad, want, rtol=1e-10, atol=1e-12)


def test_a_sketch_is_reset_and_waits():
    cell, x, zero = nn.RNNCell(2, 3), torch.randn(4, 2, 2), torch.zeros(2, 3)
    resets = torch.tensor([[False, True]]).expand(4, 2)
    waits = torch.tensor([[False, True]]).expand(4, 2)
    method = UORO(torch.Generator().manual_seed(0))
    *_, carried = accumulate(cell, torch.sum, x, zero, method)
    assert carried[0].any(1).all()
    *_, waited = accumulate(cell, torch.sum, x, zero, method, carried, mask=waits)
    assert torch.equal(waited[0][0], carried[0][0])
    assert not torch.equal(waited[0][1], carried[0][1])
    *_, begun = accumulate(cell, torch.sum, x[:1], zero, method, carried, resets=resets[:1])
    own = cell.weight_ih.numel() + 2 * 3
    assert begun[1][1].count_nonzero() <= own  # of one step from zero: no recurrent weight
    assert begun[1][0].count_nonzero() > own


def test_a_block_that_is_none():
    cell, loss_fn = nn.GRUCell(2, 3), lambda out, _: out.sum()
    for block, words in [
        (X, "must be a Block or a tuple .*, got Tensor"),
        ((X,), r"must be a Block or a tuple .*, got tuple of 1"),
        ((X, None, None, None, None), "got tuple of 5"),
        ({"inputs": X}, "got dict"),
    ]:
        with pytest.raises(TypeError, match=words):
            next(online(cell, loss_fn, [block], H, Truncation(3, 5)))
    blocks = [(X, None), (X[..., :1], None)]
    with pytest.raises(ValueError, match="only the number of steps may change"):
        list(online(cell, loss_fn, blocks, H, Truncation(3, 5)))
    with pytest.raises(TypeError, match=r"must be floating-point numbers, got torch\.int64"):
        next(online(cell, loss_fn, [(X.long(), None)], H, Truncation(3, 5)))


def test_a_stream_is_checked_when_it_is_made():
    with pytest.raises(TypeError, match=r"nn\.LSTM runs over whole sequences"):
        online(nn.LSTM(2, 3), lambda out, _: out.sum(), [], H, Truncation(3, 5))
    with pytest.raises(TypeError, match="must be a Truncation"):
        online(nn.GRUCell(2, 3), lambda out, _: out.sum(), [], H, 5)


def test_the_loss_of_chunks_has_the_same_words():
    readout, targets = nn.Linear(3, 4), torch.zeros(5, 2)
    bias, outputs = nn.Parameter(torch.zeros(4)), torch.ones(5, 2, 3, requires_grad=True)

    def call(loss, chunk=2):
        return chunked_loss(readout, loss, targets, chunk=chunk)(outputs)

    with pytest.raises(ValueError, match="does not depend on the outputs"):
        call(lambda out, _: out.detach().sum())
    with pytest.raises(ValueError, match="uses bias past the readout, where no gradient would"):
        call(lambda out, _: (readout.bias * 0 + out).sum())
    # Some chunks may have nothing to say.
    targets[4] = 1
    call(lambda out, y: out.sum() if y.any() else torch.zeros(())).backward()
    assert outputs.grad[:4].eq(0).all()
    with pytest.raises(ValueError, match=r"loss must add up over steps, but of the first two"):
        call(lambda out, _: out.square().mean())
    # One step at a time, a mean over rows adds up.
    call(lambda out, _: out.square().mean(), chunk=1)
    with pytest.raises(ValueError, match=r"uses a tensor of shape \(4,\) past the readout"):
        call(lambda out, _: (out + bias).sum())
    with pytest.raises(ValueError, match=r"uses a tensor of shape \(4,\) past the readout"):
        call(lambda out, _: (out + 2 * bias).sum())
    with pytest.raises(TypeError, match="loss must be callable, got int"):
        call(3)
    with pytest.raises(TypeError, match=r"targets must be a Tensor \(steps, batch, ...\)"):
        chunked_loss(readout, torch.sum, [0.0], chunk=2)
    with pytest.raises(TypeError, match=r"outputs must be a Tensor \(steps, batch, hidden\)"):
        chunked_loss(readout, torch.sum, targets, chunk=2)(3)


class Branch(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.RNNCell(2, 3)

    def forward(self, x, h):
        return self.inner(x, h) if h.sum() > -1 else h


class Borrowed(nn.Module):
    """Uses a weight that is none of its own."""

    def __init__(self, readout):
        super().__init__()
        self.inner, self.others = nn.RNNCell(2, 3), [readout]

    def forward(self, x, h):
        return self.inner(x, h) * self.others[0].weight


class Mixed(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.RNNCell(2, 3)

    def forward(self, x, h):
        return self.inner(x, h - h.mean(0))


@pytest.mark.parametrize("engine", [generic, forward_mode])
def test_cells_that_mix_rows(engine):
    torch.manual_seed(0)
    with pytest.raises(ValueError, match=r"The cell gave another answer when it was applied to"):
        engine(Mixed(), torch.sum, torch.randn(3, 2, 2), H)
    results, cell = [], Mixed()  # which is no matter of engines that go step by step
    for way in (stream, factors):
        cell.zero_grad()
        way(cell, torch.sum, torch.randn(3, 2, 2, generator=torch.Generator().manual_seed(0)), H)
        results.append([weight.grad.clone() for weight in cell.parameters()])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)


def test_what_forward_mode_cannot_follow_is_refused_before_the_loss():
    for cell, words in [
        (Branch(), "torch.func cannot take derivatives of the cell, which must not branch"),
        (Borrowed(READOUT), r"The cell uses a tensor of shape \(1, 3\), to which no gradient"),
    ]:
        assert_refused(forward_mode, {"cell": cell}, ValueError, words)
    with pytest.raises(TypeError, match=r"must be a torch\.Generator, got int"):
        UORO(0)


@pytest.mark.parametrize("method", [None, RTRL, 3, nn.Linear(2, 3)])
def test_a_method_that_is_none(method):
    with pytest.raises(TypeError, match=r"method must be RTRL\(\), SnAp\(order\), UORO\(gen"):
        accumulate(nn.GRUCell(2, 3), torch.sum, X, H, method)


@pytest.mark.parametrize("carried", [(), 3, (torch.zeros(2, 3, 5),), (None,), (H, H, H)])
def test_what_is_carried_is_what_the_call_before_returned(carried):
    cell = nn.GRUCell(2, 3)
    with pytest.raises(ValueError, match="carried must be what the call before returned"):
        accumulate(cell, torch.sum, X, H, RTRL(), carried)
    assert cell.weight_hh.grad is None


def twice(kind):
    """A readout and a cell in which a module, or a weight, is registered twice."""
    inner, other = nn.Linear(3, 3), nn.Linear(3, 3)
    if kind == "weight":
        other.weight = inner.weight
    else:
        other = inner

    class Cell(nn.Module):
        def __init__(self):
            super().__init__()
            self.of_x, self.first, self.second = nn.Linear(2, 3), inner, other

        def forward(self, x, h):
            return torch.tanh(self.of_x(x) + self.second(torch.tanh(self.first(h))))

    return Cell(), nn.Sequential(inner, nn.Tanh(), other)


@pytest.mark.parametrize("kind", ["module", "weight"])
@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_registered_twice_stays_where_it_is(engine, kind):
    torch.manual_seed(0)
    cell, readout = twice(kind)
    modules = nn.ModuleList([cell, readout])
    slots = dict(modules.named_parameters(remove_duplicate=False))
    targets, results = torch.zeros(3, 2, 3), []

    def loss(out, targets):
        return (out - targets).square().sum()

    chunked = chunked_loss(readout, loss, targets, chunk=2)
    for way, loss_fn in [
        (engine, chunked), (generic, lambda out: loss(readout(out), targets)), (engine, chunked)
    ]:  # fmt: skip
        modules.zero_grad()
        way(cell, loss_fn, X, H)
        results.append([weight.grad.clone() for weight in modules.parameters()])
        now = dict(modules.named_parameters(remove_duplicate=False))
        assert now.keys() == slots.keys()
        assert all(now[name] is slots[name] for name in slots)
    for one in (results[0], results[2]):
        for ours, want in zip(one, results[1], strict=True):
            torch.testing.assert_close(ours, want)
