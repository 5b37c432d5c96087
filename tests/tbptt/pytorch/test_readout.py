from contextlib import nullcontext

import pytest
import torch
from torch import nn

from tbptt import Truncation
from tbptt.pytorch import backward, chunked_loss


def summed(logits, targets):
    return nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")


def mean(logits, targets):
    return nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())


@pytest.mark.parametrize("chunk", [1, 3, 4, 11, 50])
def test_chunks_give_the_gradients_of_the_whole(chunk):
    torch.manual_seed(0)
    cell, readout = nn.GRUCell(2, 5).double(), nn.Linear(5, 9).double()
    x, zero = torch.randn(11, 3, 2).double(), torch.zeros(3, 5).double()
    targets = torch.randint(9, (11, 3))
    weights = [*cell.parameters(), *readout.parameters()]
    found, losses = [], []
    in_chunks = chunked_loss(readout, summed, targets, chunk=chunk, scale=1 / 33)
    for loss_fn in (in_chunks, lambda out: mean(readout(out), targets)):
        for weight in weights:
            weight.grad = None
        losses.append(backward(cell, loss_fn, x, zero, Truncation(1, 4))[0])
        found.append([weight.grad for weight in weights])
    torch.testing.assert_close(*losses, rtol=1e-12, atol=1e-12)
    for mine, theirs in zip(*found, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-12)


def test_no_more_than_a_chunk_of_logits_is_ever_made():
    readout, rows = nn.Linear(5, 9), []
    readout.register_forward_hook(lambda module, args, out: rows.append(len(out)))
    outputs = torch.randn(10, 2, 5, requires_grad=True)
    targets = torch.randint(9, (10, 2))
    chunked_loss(readout, summed, targets, chunk=4)(outputs).backward()
    assert rows == [2, 2, 4, 4, 2]  # with two trials of the first two steps


def test_a_frozen_readout_passes_errors_on():
    readout = nn.Linear(5, 9).requires_grad_(False)
    outputs = torch.randn(4, 2, 5, requires_grad=True)
    chunked_loss(readout, summed, torch.randint(9, (4, 2)), chunk=3)(outputs).backward()
    assert readout.weight.grad is None
    assert outputs.grad.abs().sum() > 0


def test_bad_input():
    readout, targets = nn.Linear(5, 9), torch.randint(9, (4, 2))
    with pytest.raises(ValueError, match="chunk must be at least 1, got 0"):
        chunked_loss(readout, summed, targets, chunk=0)
    with pytest.raises(ValueError, match="outputs hold 5 steps, but targets hold 4"):
        chunked_loss(readout, summed, targets, chunk=2)(torch.zeros(5, 2, 5))
    with pytest.raises(ValueError, match=r"scalar for 2 steps, got shape \(2, 2\)"):
        chunked_loss(readout, lambda out, _: out[..., 0], targets, chunk=2)(torch.zeros(4, 2, 5))


def test_hooks_on_the_readout_see_the_gradient_once():
    readout, seen = nn.Linear(5, 9), []
    readout.weight.register_hook(lambda gradient: seen.append(gradient) or gradient / 2)
    outputs, targets = torch.randn(10, 2, 5), torch.randint(9, (10, 2))
    summed(readout(outputs), targets).backward()
    wanted = readout.weight.grad.clone()
    readout.zero_grad()
    chunked_loss(readout, summed, targets, chunk=3)(outputs.requires_grad_()).backward()
    assert len(seen) == 2
    torch.testing.assert_close(readout.weight.grad, wanted)


def test_freezing_counts_at_the_call():
    readout, targets = nn.Linear(5, 9).requires_grad_(False), torch.randint(9, (4, 2))
    loss_fn = chunked_loss(readout, summed, targets, chunk=3)
    readout.requires_grad_(True)
    loss_fn(torch.randn(4, 2, 5)).backward()
    assert readout.weight.grad.any()


def test_many_chunks_add_up_in_bfloat16():
    torch.manual_seed(0)
    readout = nn.Linear(4, 3).bfloat16()
    outputs, targets = torch.randn(1000, 1, 4).bfloat16(), torch.randint(3, (1000, 1))
    with torch.no_grad():
        whole = summed(readout(outputs).float(), targets)
        value = chunked_loss(readout, summed, targets, chunk=1)(outputs)
    assert value.item() == pytest.approx(whole.item(), rel=0.01)


def test_more_bad_input():
    readout, targets = nn.Linear(5, 9), torch.randint(9, (4, 2))
    with pytest.raises(TypeError, match=r"readout must be an nn\.Module, got function"):
        chunked_loss(lambda out: out, summed, targets, chunk=2)
    with pytest.raises(ValueError, match="make them part of the readout"):
        chunked_loss(readout, nn.Linear(9, 1), targets, chunk=2)
    with pytest.raises(TypeError, match="must return a scalar Tensor, got float"):
        chunked_loss(readout, lambda out, _: 1.0, targets, chunk=2)(torch.zeros(4, 2, 5))


class OverSteps(nn.Module):
    """Looks at the step before, or after, as a convolution over steps does."""

    def __init__(self, back):
        super().__init__()
        self.linear, self.back = nn.Linear(3, 4), back

    def forward(self, outputs):
        beside = outputs.roll(self.back, 0).clone()
        beside[0 if self.back > 0 else -1] = 0
        return self.linear(outputs) + self.linear(beside)


class Normalised(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.linear = nn.BatchNorm1d(3), nn.Linear(3, 4)

    def forward(self, outputs):
        return self.linear(self.norm(outputs.flatten(0, 1))).view(*outputs.shape[:2], 4)


@pytest.mark.parametrize("make", [lambda: OverSteps(1), lambda: OverSteps(-1), Normalised])
@pytest.mark.parametrize("chunk", [1, 2, 9])
@pytest.mark.parametrize("off", [nullcontext, torch.no_grad, torch.inference_mode])
def test_a_readout_that_mixes_steps_is_refused(make, chunk, off):
    torch.manual_seed(0)
    readout, outputs = make(), torch.randn(6, 2, 3, requires_grad=True)
    before = {name: value.clone() for name, value in readout.state_dict().items()}
    loss_fn = chunked_loss(readout, lambda a, b: (a - b).square().sum(), torch.zeros(6, 2, 4),
                           chunk=chunk)  # fmt: skip
    with off(), pytest.raises(ValueError, match="readout must take each step by itself"):
        loss_fn(outputs)
    assert all(torch.equal(value, before[name]) for name, value in readout.state_dict().items())


def test_a_readout_may_drop_units_and_draws_what_it_would_draw_alone():
    readout, outputs = nn.Sequential(nn.Dropout(0.5), nn.Linear(3, 4)), torch.ones(6, 2, 3)
    targets, results = torch.zeros(6, 2, 4), []

    def loss(logits, targets):
        return (logits - targets).square().sum()

    whole = chunked_loss(readout, loss, targets, chunk=6)
    for loss_fn in (whole, lambda out: loss(readout(out), targets)):
        torch.manual_seed(0)
        results.append(loss_fn(outputs).detach())
    torch.testing.assert_close(*results)
    # With statistics that are fixed, normalisation takes each step by itself.
    chunked_loss(Normalised().eval(), loss, targets, chunk=2)(outputs)
