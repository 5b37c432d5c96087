"""Evolution strategies: their mean is the gradient of the smoothed loss, and nothing else is."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from tbptt.pytorch.evolution import NRES, PES, evolve

SPREAD, ROWS, STEPS, UNROLL = 0.3, 40_000, 4, 2


pytestmark = pytest.mark.usefixtures("double")


def tiny():
    cell = nn.RNNCell(1, 1, bias=False)
    with torch.no_grad():
        cell.weight_ih.fill_(0.8), cell.weight_hh.fill_(0.6)
    return cell


def smoothed(moves_of_unrolls):
    """The gradient of the loss as it is on average over moves, by Gauss and Hermite's rule."""
    nodes, shares = np.polynomial.hermite_e.hermegauss(12)
    shares = shares / shares.sum()
    dimensions = 2 * moves_of_unrolls
    w = torch.tensor([0.8, 0.6], requires_grad=True)
    grid = torch.tensor(list(itertools.product(nodes, repeat=dimensions))) * SPREAD
    weight = torch.tensor(list(itertools.product(shares, repeat=dimensions))).prod(dim=1)
    moves = grid.view(-1, moves_of_unrolls, 2).expand(-1, STEPS // UNROLL, 2)
    h, loss = torch.zeros(len(grid)), 0
    for t in range(STEPS):
        now = w + moves[:, t // UNROLL]
        h = torch.tanh(now[:, 0] * inputs()[t] + now[:, 1] * h)
        loss = loss + loss_of(h)
    (weight * loss).sum().backward()
    return w.grad.numpy()


def inputs():
    return [1.0, -0.5, 0.3, 0.8]


def loss_of(h):
    return (h - 0.2) ** 2


def draws(strategy, repeats=1):
    """Return an estimate for each row, all of which read the same, and that of the last unroll."""
    cell = tiny()
    x = torch.tensor(inputs() * repeats)[:, None, None].expand(-1, ROWS, 1)
    rows, carried = torch.zeros(ROWS, 2), None
    for unroll in x.split(UNROLL):
        seen = []

        def loss_fn(out, seen=seen):
            losses = loss_of(out).sum(dim=(0, 2))
            seen.append(losses.detach())
            return losses

        _, carried = evolve(cell, loss_fn, unroll, torch.zeros(ROWS, 1), strategy, carried)
        latest = ((seen[0] - seen[1]) / (2 * SPREAD**2))[:, None] * carried[2]
        rows += latest
    total = torch.cat([weight.grad.flatten() for weight in cell.parameters()])
    torch.testing.assert_close(total, rows.sum(dim=0))  # what was accumulated is their sum
    return rows.numpy(), latest.numpy()


def standard_errors(rows, wanted):
    return (rows.mean(axis=0) - wanted) / (rows.std(axis=0, ddof=1) / len(rows) ** 0.5)


class Forgetful(PES):
    """Lets each unroll answer for its own moves alone."""

    def draw(self, summed, begins):
        return super().draw(summed, torch.ones_like(begins))


def test_the_mean_is_the_gradient_of_the_smoothed_loss():
    generator = torch.Generator().manual_seed(0)
    fresh, _ = draws(PES(SPREAD, generator))
    assert np.abs(standard_errors(fresh, smoothed(2))).max() < 4
    again, _ = draws(NRES(SPREAD, generator))
    assert np.abs(standard_errors(again, smoothed(1))).max() < 4
    # Without the moves of earlier unrolls something is missing.
    short, _ = draws(Forgetful(SPREAD, generator))
    assert np.abs(standard_errors(short, smoothed(2))).max() > 10


def test_moves_that_add_up_get_louder_with_every_unroll_and_one_move_does_not():
    generator = torch.Generator().manual_seed(0)

    def noise(kind, repeats):
        _, latest = draws(kind(SPREAD, generator), repeats)
        return latest.var(axis=0).sum()

    assert noise(PES, 5) > 3 * noise(PES, 1)
    assert noise(NRES, 5) < 1.5 * noise(NRES, 1)
    assert noise(NRES, 5) < noise(PES, 5) / 2


def problem(rows=3):
    torch.manual_seed(0)
    cell, readout = nn.LSTMCell(2, 4), nn.Linear(4, 1)
    x, zero = torch.randn(6, rows, 2), torch.zeros(rows, 4)
    return cell, lambda out: readout(out).square().sum(dim=(0, 2)), x, (zero, zero), readout


def test_a_seed_decides_everything():
    made = []
    for _ in range(2):
        cell, loss_fn, x, state, _ = problem()
        strategy, carried = PES(0.1, torch.Generator().manual_seed(5)), None
        for unroll in x.split(2):
            loss, carried = evolve(cell, loss_fn, unroll, state, strategy, carried)
        made.append((loss, *carried, *(weight.grad for weight in cell.parameters())))
    assert all(map(torch.equal, *made))


@pytest.mark.parametrize("kind", [PES, NRES])
def test_a_row_that_begins_owes_nothing_to_what_was(kind):
    cell, loss_fn, x, state, _ = problem()
    strategy = kind(0.1, torch.Generator().manual_seed(5))
    _, carried = evolve(cell, loss_fn, x[:2], state, strategy)
    begins = torch.tensor([False, True, False])
    _, after = evolve(cell, loss_fn, x[2:4], state, strategy, carried, begins=begins)
    move = after[2] - carried[2]
    if kind is PES:
        assert (move[[0, 2]].abs() > 0).all()
    else:
        assert not move[[0, 2]].any()
    # The row that begins is as one that was never run: from the state, with this move alone.
    weights = torch.cat([weight.detach().flatten() for weight in cell.parameters()])
    for side, sign in ((after[0], 1), (after[1], -1)):
        moved, start = nn.LSTMCell(2, 4), tuple(part[1:2] for part in state)
        nn.utils.vector_to_parameters(weights + sign * after[2][1], moved.parameters())
        for step in x[2:4, 1:2]:
            start = moved(step, start)
        torch.testing.assert_close(side[1], torch.cat(start, dim=1)[0])


def test_what_the_loss_uses_gets_the_gradient_of_the_mean_of_both_sides():
    cell, loss_fn, x, state, readout = problem()
    outputs = []

    def seen(out):
        outputs.append(out.detach().clone())
        return loss_fn(out)

    loss, _ = evolve(cell, seen, x, state, PES(0.1, torch.Generator().manual_seed(0)))
    ours = readout.weight.grad.clone()
    readout.zero_grad()
    mean = sum(loss_fn(out).sum() for out in outputs) / 2
    mean.backward()
    torch.testing.assert_close(ours, readout.weight.grad)
    torch.testing.assert_close(loss, mean.detach())
    assert len(outputs) == 2


def test_what_cannot_be_is_refused_and_nothing_is_drawn():
    cell, loss_fn, x, state, readout = problem()
    strategy = PES(0.1, torch.Generator().manual_seed(0))
    _, carried = evolve(cell, loss_fn, x, state, strategy)
    cell.zero_grad(), readout.zero_grad()
    drawn = strategy.generator.get_state()

    def refused(words, kind=ValueError, **changed):
        given = {"cell": cell, "loss_fn": loss_fn, "inputs": x, "state": state,
                 "strategy": strategy, "carried": carried} | changed  # fmt: skip
        with pytest.raises(kind, match=words):
            evolve(**given)
        assert torch.equal(strategy.generator.get_state(), drawn)
        assert all(weight.grad is None for weight in (*cell.parameters(), *readout.parameters()))

    refused(r"The value of loss_fn must be \(3,\)", loss_fn=lambda out: out.sum())
    refused("does not depend on the outputs", loss_fn=lambda out: loss_fn(out.detach()))
    refused("NaN or infinity", loss_fn=lambda out: loss_fn(out) / 0)
    refused("strategy must be PES", TypeError, strategy=0.1)
    refused("inputs get no gradient", inputs=x.clone().requires_grad_())
    refused("carried must be a tuple of 3", TypeError, carried=carried[:2])
    refused(r"carried\[2\] must be", carried=(*carried[:2], carried[2][:, 1:]))
    refused("begins must be a bool Tensor", TypeError, begins=torch.ones(3))
    for bad in (0, -1.0, float("inf")):
        with pytest.raises(ValueError, match="spread must be"):
            PES(bad, torch.Generator())
    with pytest.raises(TypeError, match="generator must be"):
        NRES(0.1, 0)
