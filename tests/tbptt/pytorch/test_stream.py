"""The stream against the engine, with weights that rest and weights that move."""

import doctest
import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tbptt import Truncation
from tbptt.pytorch import Block, backward, online

CELLS = {"rnn": nn.RNNCell, "gru": nn.GRUCell, "lstm": nn.LSTMCell}


def squares(outputs, targets):
    return (outputs - targets).square().sum()


def problem(name, steps, batch, seed=0):
    torch.manual_seed(seed)
    cell = CELLS[name](2, 3).double()
    x, y = torch.randn(steps, batch, 2).double(), torch.randn(steps, batch, 3).double()
    state = tuple(torch.randn(batch, 3).double() for _ in range(2 if name == "lstm" else 1))
    return cell, x, y, state if name == "lstm" else state[0]


@pytest.mark.parametrize("name", CELLS)
@settings(max_examples=60)
@given(st.integers(1, 14), st.integers(1, 8), st.integers(1, 8), st.booleans(), st.integers(0, 99))
def test_while_the_weights_rest_a_stream_is_the_engine(name, steps, a, b, begin, seed):
    truncation = Truncation(min(a, b), max(a, b))
    cell, x, y, state = problem(name, steps, 2, seed)
    resets = torch.rand(steps, 2) < 0.2 if begin else None
    loss, outputs, last = backward(
        cell, lambda out: squares(out, y), x, state, truncation, resets=resets
    )
    wanted = [weight.grad.clone() for weight in cell.parameters()]
    cell.zero_grad()
    parts = [x, y] if resets is None else [x, y, resets]
    blocks = zip(*(part.split(truncation.k1) for part in parts), strict=True)
    passes = list(online(cell, squares, blocks, state, truncation))
    for weight, want in zip(cell.parameters(), wanted, strict=True):
        torch.testing.assert_close(weight.grad, want, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(sum(one.loss for one in passes), loss)
    torch.testing.assert_close(torch.cat([one.outputs for one in passes]), outputs)
    torch.testing.assert_close(passes[-1].state, last)


@pytest.mark.parametrize(("k1", "k2"), [(1, 1), (1, 4), (2, 5), (3, 3), (2, 6)])
@pytest.mark.parametrize("name", CELLS)
def test_after_an_update_the_window_is_run_again_with_the_new_weights(name, k1, k2):
    # Window by window, by hand: begin from the state that an earlier window left there.
    cell, x, y, state = problem(name, 12, 2)
    by_hand, *_ = problem(name, 12, 2)
    ours = torch.optim.SGD(cell.parameters(), 0.05)
    theirs = torch.optim.SGD(by_hand.parameters(), 0.05)
    before = {0: state}
    blocks = zip(x.split(k1), y.split(k1), strict=True)
    passes = online(cell, squares, blocks, state, Truncation(k1, k2))
    for one, (start, first, stop) in zip(passes, Truncation(k1, k2).passes(12), strict=True):
        ours.step()
        ours.zero_grad()
        now, loss = before[start], 0.0
        for t in range(start, stop):
            now = by_hand(x[t], now)
            if t >= first:
                loss = loss + squares(now[0] if name == "lstm" else now, y[t])
            before[t + 1] = tuple(part.detach() for part in now) if name == "lstm" else now.detach()
        loss.backward()
        theirs.step()
        theirs.zero_grad()
        torch.testing.assert_close(one.loss, loss.detach())
    for mine, other in zip(cell.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-12, atol=1e-12)


def test_a_cell_that_embeds_its_tokens():
    torch.manual_seed(0)
    embedding, cell = nn.Embedding(5, 2), nn.GRUCell(2, 3)
    tokens, y = torch.randint(5, (9, 2)), torch.randn(9, 2, 3)
    truncation = Truncation(2, 4)
    blocks = zip(tokens.split(2), y.split(2), strict=True)
    step = lambda x, h: cell(embedding(x), h)  # noqa: E731
    for _ in online(step, squares, blocks, torch.zeros(2, 3), truncation):
        pass
    ours = embedding.weight.grad.clone()
    embedding.zero_grad()
    x, zero = embedding(tokens), torch.zeros(2, 3)
    backward(cell, lambda out: squares(out, y), x, zero, truncation)
    torch.testing.assert_close(ours, embedding.weight.grad)


def test_a_stream_without_end_keeps_nothing_but_its_reach():
    cell, state = nn.GRUCell(1, 2), torch.zeros(1, 2)
    alive = []
    x = torch.zeros(3, 1, 1)

    def watched(one, now):
        after = cell(one, now)
        alive.append(torch.utils.weak.TensorWeakRef(after))
        return after

    endless = ((x, torch.zeros(())) for _ in itertools.count())
    passes = online(watched, squares, endless, state, Truncation(3, 6))
    kept = []
    for _ in range(20):
        next(passes)
        kept.append(sum(ref() is not None for ref in alive))
    assert max(kept) <= 6
    assert len(alive) > 100


def block(steps, batch=2, **more):
    return Block(torch.zeros(steps, batch, 2), torch.zeros(()), **more)


@pytest.mark.parametrize(
    ("blocks", "error", "words"),
    [
        ([block(4)], ValueError, r"1 to k1=3 steps and batch 2.*got shape \(4, 2, 2\)"),
        ([block(3, 5)], ValueError, r"batch 2, that of the state; got shape \(3, 5, 2\)"),
        ([block(2), block(3)], ValueError, "must be the last of its stream"),
        ([([0.0], None)], TypeError, "must be a Tensor, got list"),
        ([block(3, resets=torch.zeros(3, 2))], TypeError, "resets must be a Tensor of bool"),
    ],
)
def test_bad_input(blocks, error, words):
    cell, state = nn.GRUCell(2, 3), torch.zeros(2, 3)
    with pytest.raises(error, match=words):
        list(online(cell, squares, blocks, state, Truncation(3, 5)))


def test_a_loss_that_is_not_finite_is_refused_before_any_gradient():
    cell, state = nn.GRUCell(2, 3), torch.zeros(2, 3)
    with pytest.raises(ValueError, match="loss_fn returned nan; no gradient was accumulated"):
        next(
            online(cell, lambda out, _: out.sum() * torch.nan, [block(3)], state, Truncation(3, 5))
        )
    assert cell.weight_hh.grad is None


def test_the_example_runs():
    from tbptt.pytorch import stream

    assert doctest.testmod(stream).failed == 0


def test_what_the_caller_does_to_buffers_and_states_does_not_matter():
    cell, x, y, state = problem("lstm", 12, 2)
    blocks = list(zip(x.split(2), y.split(2), strict=True))
    for _ in online(cell, squares, blocks, state, Truncation(2, 6)):
        pass
    wanted = cell.weight_hh.grad.clone()
    cell.zero_grad()
    buffer, first = torch.empty_like(x[:2]), tuple(part.clone() for part in state)
    refilled = ((buffer.copy_(inputs), targets) for inputs, targets in blocks)
    for one in online(cell, squares, refilled, first, Truncation(2, 6)):
        for part in (*one.state, *first, one.outputs):
            part.zero_()
    torch.testing.assert_close(cell.weight_hh.grad, wanted)


def test_inputs_that_require_gradients_are_refused():
    cell, state = nn.GRUCell(2, 3), torch.zeros(2, 3)
    x = torch.zeros(3, 2, 2, requires_grad=True)
    with pytest.raises(ValueError, match="Embed inside the cell"):
        next(online(cell, squares, [(x, torch.zeros(()))], state, Truncation(3, 5)))


class Words(nn.Module):
    """Embeds tokens, of which 0 and below are none."""

    def __init__(self):
        super().__init__()
        self.embedding, self.cell = nn.Embedding(5, 2), nn.RNNCell(2, 3)

    def forward(self, words, h):
        assert (words > 0).all()
        return self.cell(self.embedding(words), h)


def test_tokens_of_padding_are_never_handed_to_the_cell():
    torch.manual_seed(0)
    cell, zero = Words(), torch.zeros(2, 3)
    mask = torch.tensor([[False, False], [True, False], [True, True], [False, False]])
    words = torch.randint(1, 5, (4, 2))
    grads = []
    for padded in (words, torch.where(mask, words, -1)):
        cell.zero_grad()
        blocks = [Block(padded[i : i + 2], None, mask=mask[i : i + 2]) for i in (0, 2)]
        list(online(cell, lambda out, _: out.square().sum(), blocks, zero, Truncation(2, 3)))
        grads.append([weight.grad.clone() for weight in cell.parameters()])
    for one, other in zip(*grads, strict=True):
        torch.testing.assert_close(one, other)
    assert grads[0][0].any()
