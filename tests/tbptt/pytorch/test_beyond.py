"""Random lengths, forward gradients, carried memories: against the oracle and against one run."""

import numpy as np
import pytest
import torch
from torch import nn

from tbptt import Truncation
from tbptt.cost import memory_distances
from tbptt.pytorch import backward
from tbptt.pytorch.diagonal import DiagonalCell, scan
from tbptt.pytorch.forward_mode import RTRL, UORO, SnAp, accumulate, pattern
from tbptt.pytorch.jacobians import StepJacobians
from tbptt.pytorch.random_lengths import reweighted
from tbptt.pytorch.segments import SegmentAttention
from tbptt.random_lengths import draw_factors, weighting
from tbptt.reference import GRU, LSTM, RNN, gradients, pairs

pytestmark = pytest.mark.usefixtures("double")

CELLS = {
    "rnn": (nn.RNNCell, RNN(), 1),
    "gru": (nn.GRUCell, GRU(), 1),
    "lstm": (nn.LSTMCell, LSTM(), 2),
}


class Problem:
    """A cell, its inputs and errors, and its gradients in every way."""

    def __init__(self, name, steps=9, batch=3, hidden=4, seed=0):
        torch.manual_seed(seed)
        kind, self.oracle, parts = CELLS[name]
        self.cell = kind(2, hidden)
        self.x = torch.randn(steps, batch, 2)
        self.errors = torch.randn(steps, batch, hidden)
        self.parts = tuple(torch.randn(batch, hidden) for _ in range(parts))
        self.state = self.parts if parts > 1 else self.parts[0]

    def arguments(self):
        weights = {key: weight.detach().numpy() for key, weight in self.cell.named_parameters()}
        state = tuple(part.numpy() for part in self.parts)
        return self.oracle, weights, self.x.numpy(), state, self.errors.numpy()

    def wanted(self, truncation):
        found = gradients(*self.arguments(), truncation).weights
        return np.concatenate([share.ravel() for share in found.values()])

    def made(self, way, *options, cut=None):
        """Run a way over the whole, or over chunks that hand on all it returns."""
        self.cell.zero_grad()
        state, carried = self.state, ()
        for x, e in zip(self.x.split(cut or 99), self.errors.split(cut or 99), strict=True):
            _, _, state, *carried = way(
                self.cell, lambda out, e=e: (e * out).sum(), x, state, *options, *carried
            )
        return torch.cat([weight.grad.flatten() for weight in self.cell.parameters()]).numpy()


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("k1", [1, 3])
def test_pairs_add_up_to_every_truncation(name, k1):
    problem = Problem(name)
    shares = pairs(*problem.arguments())
    for k2 in (3, 5, 9):
        cut = Truncation(k1, k2)
        np.testing.assert_allclose(
            np.einsum("ts,tsn->n", cut.reach(9), shares), problem.wanted(cut), atol=1e-12
        )


@pytest.mark.parametrize("name", CELLS)
def test_factors_weigh_the_pairs(name):
    problem = Problem(name)
    for seed in range(4):
        factors = draw_factors(9, 0.3, seed)
        wanted = np.einsum("ts,tsn->n", weighting(factors), pairs(*problem.arguments()))
        np.testing.assert_allclose(problem.made(reweighted, factors), wanted, atol=1e-12)


def standard_errors(draws, wanted):
    return (draws.mean(axis=0) - wanted) / (draws.std(axis=0, ddof=1) / len(draws) ** 0.5)


def test_random_lengths_have_the_full_gradient_as_their_mean_and_plain_ones_have_not():
    problem = Problem("rnn")
    full = problem.wanted(Truncation(9, 9))
    flat = pairs(*problem.arguments()).reshape(81, -1)

    def draws(compensate):
        return np.stack([
            weighting(draw_factors(9, 0.3, seed, compensate=compensate)).ravel() @ flat
            for seed in range(3000)
        ])  # fmt: skip

    # 32 weights, all within 4.5 standard errors; without factors some are off by far more.
    assert np.abs(standard_errors(draws(True), full)).max() < 4.5
    assert np.abs(standard_errors(draws(False), full)).max() > 20


@pytest.mark.parametrize("cut", [None, 1, 4])
@pytest.mark.parametrize("name", CELLS)
def test_rtrl_is_full_backpropagation_however_the_stream_is_cut(name, cut):
    problem = Problem(name)
    full = problem.wanted(Truncation(9, 9))
    np.testing.assert_allclose(
        problem.made(accumulate, RTRL(), cut=cut), full, rtol=1e-10, atol=1e-12
    )  # fmt: skip


def test_an_influence_that_is_dropped_is_a_chunked_loop():
    problem = Problem("gru")

    def forgetful(cell, loss_fn, x, state):
        return accumulate(cell, loss_fn, x, state, RTRL())[:3]

    made = problem.made(forgetful, cut=3)
    np.testing.assert_allclose(made, problem.wanted(Truncation.epochwise(3)), atol=1e-12)


@pytest.mark.parametrize("name", CELLS)
def test_snap_of_a_dense_cell_is_exact_from_two_on_and_not_at_one(name):
    problem = Problem(name)
    full = problem.wanted(Truncation(9, 9))
    for order in (2, 5):
        np.testing.assert_allclose(
            problem.made(accumulate, SnAp(order), cut=4), full, rtol=1e-10, atol=1e-12
        )
    assert np.linalg.norm(problem.made(accumulate, SnAp(1)) - full) > 0.1 * np.linalg.norm(full)


def ring(units):
    """A cell whose unit i hears unit i - 1 alone."""
    cell = nn.RNNCell(2, units)
    with torch.no_grad():
        cell.weight_hh.mul_(torch.eye(units).roll(1, 0))
    cell.weight_hh.requires_grad_(False)
    return cell


def test_snap_of_a_ring_fills_one_unit_a_step():
    problem = Problem("rnn", steps=12, hidden=6)
    problem.cell = ring(6)
    problem.cell.weight_hh.requires_grad_(False)
    jacobians = StepJacobians(problem.cell, 2, problem.state)
    kept = [int(pattern(jacobians, problem.state, order).sum()) for order in range(1, 8)]
    each = 2 + 1 + 1  # input weights and two biases of a unit
    assert kept == [min(order, 6) * 6 * each for order in range(1, 8)]

    def learned(method):
        problem.cell.zero_grad()
        accumulate(problem.cell, lambda out: (problem.errors * out).sum(), problem.x, problem.state,
                method)  # fmt: skip
        return torch.cat([w.grad.flatten() for w in problem.cell.parameters() if w.requires_grad])

    exact = learned(RTRL())
    off = [float((learned(SnAp(order)) - exact).norm() / exact.norm()) for order in range(1, 7)]
    assert max(off[5:]) < 1e-12 < min(off[:5])


class OneSign(UORO):
    """Draws one sign for all units of a row: the cross terms stay, and with them a bias."""

    def signs(self, state):
        return super().signs(state[:, :1]).expand_as(state)


@pytest.mark.slow
def test_uoro_has_the_full_gradient_as_its_mean_and_dependent_signs_have_not():
    problem = Problem("gru", steps=6, batch=2, hidden=3)
    full = problem.wanted(Truncation(6, 6))
    generator = torch.Generator().manual_seed(0)
    draws = np.stack([problem.made(accumulate, UORO(generator), cut=4) for _ in range(400)])
    # 63 weights; one in 150 sets of true means would have one beyond 4.
    off = np.abs(standard_errors(draws, full))
    assert off.max() < 4.5
    assert 0.8 < (off**2).mean() ** 0.5 < 1.2
    draws = np.stack([problem.made(accumulate, OneSign(generator), cut=4) for _ in range(400)])
    assert np.abs(standard_errors(draws, full)).max() > 6


def test_what_the_loss_uses_gets_its_gradient_too():
    problem, readout = Problem("rnn"), nn.Linear(4, 1)

    def loss_fn(outputs):
        return readout(outputs).square().sum()

    accumulate(problem.cell, loss_fn, problem.x, problem.state, RTRL())
    ours = [w.grad.clone() for w in (*problem.cell.parameters(), *readout.parameters())]
    problem.cell.zero_grad(), readout.zero_grad()
    backward(problem.cell, loss_fn, problem.x, problem.state, Truncation(9, 9))
    for mine, weight in zip(ours, (*problem.cell.parameters(), *readout.parameters()), strict=True):
        torch.testing.assert_close(mine, weight.grad, rtol=1e-10, atol=1e-12)


def test_bad_input():
    problem = Problem("rnn")
    arguments = problem.cell, lambda out: out.sum(), problem.x, problem.state
    with pytest.raises(ValueError, match=r"factors must be \(steps,\) = \(9,\)"):
        reweighted(*arguments, np.ones(8))
    with pytest.raises(ValueError, match="inputs get no gradient"):
        accumulate(*arguments[:2], problem.x.clone().requires_grad_(), problem.state, RTRL())
    with pytest.raises(TypeError, match=r"cell must be an nn\.Module"):
        accumulate(lambda x, h: h, *arguments[1:], RTRL())
    with pytest.raises(ValueError, match="order must be at least 1"):
        SnAp(0)
    with pytest.raises(ValueError, match="slowest must be between 0 and 1"):
        DiagonalCell(2, 3, slowest=1.0)
    with pytest.raises(ValueError, match=r"state must be \(2, 3\), got shape \(3,\)"):
        scan(torch.ones(4, 2, 3), torch.ones(4, 2, 3), torch.ones(3))
    with pytest.raises(ValueError, match="memory must be a tuple of 2"):
        SegmentAttention(4, 2, 3)(torch.ones(5, 1, 4), ())
    frozen = nn.RNNCell(2, 4).requires_grad_(False)
    with pytest.raises(ValueError, match="no weights that require"):
        accumulate(frozen, *arguments[1:], RTRL())


# Carried memories.


@pytest.mark.parametrize("steps", [1, 2, 13, 32])
def test_the_scan_is_the_loop_and_chunks_are_the_whole(steps):
    torch.manual_seed(0)
    cell, x, first = DiagonalCell(2, 5), torch.randn(steps, 3, 2), torch.randn(3, 10)
    state, states = first, []
    for one in x:
        state = cell(one, state)
        states.append(state)
    whole = cell.at_once(x, first).outputs
    torch.testing.assert_close(whole, torch.stack(states), rtol=1e-12, atol=1e-12)
    state, chunks = first, []
    for part in x.split(5):
        chunks.append(cell.at_once(part, state).outputs)
        state = chunks[-1][-1]
    torch.testing.assert_close(torch.cat(chunks), whole, rtol=1e-12, atol=1e-12)


def test_the_scan_takes_rates_that_depend_on_the_step():
    torch.manual_seed(0)
    rates, driven, state = torch.rand(11, 2, 3), torch.randn(11, 2, 3), torch.randn(2, 3)
    states = []
    now = state
    for a, u in zip(rates, driven, strict=True):
        now = a * now + u
        states.append(now)
    torch.testing.assert_close(scan(rates, driven, state), torch.stack(states))


def test_in_a_diagonal_recurrence_two_entries_a_weight_are_the_whole_influence():
    torch.manual_seed(0)
    cell, x = DiagonalCell(2, 5), torch.randn(12, 3, 2)
    state, errors = torch.randn(3, 10), torch.randn(12, 3, 10)

    def made(way, *options):
        cell.zero_grad()
        way(cell, lambda out: (errors * out).sum(), x, state, *options)
        return torch.cat([weight.grad.flatten() for weight in cell.parameters()])

    full = made(backward, Truncation(12, 12))
    torch.testing.assert_close(made(accumulate, SnAp(2)), full, rtol=1e-10, atol=1e-12)
    jacobians = StepJacobians(cell, 2, torch.zeros(1, 10))
    assert int(pattern(jacobians, state, 2).sum()) == 2 * jacobians.size
    assert int(pattern(jacobians, state, 9).sum()) == 2 * jacobians.size
    # And its truncated gradient is biased as any other is.
    short = made(backward, Truncation.epochwise(3))
    assert (short - full).norm() > 0.05 * full.norm()


@pytest.mark.parametrize("segment", [1, 2, 3, 5, 20])
def test_segments_with_a_memory_are_one_long_run(segment):
    torch.manual_seed(0)
    model, x = SegmentAttention(8, 3, 3), torch.randn(20, 2, 8)
    whole, _ = model(x, model.begin(2))
    memory, parts = model.begin(2), []
    for part in x.split(segment):
        outputs, memory = model(part, memory)
        parts.append(outputs)
        assert not any(kept.requires_grad for kept in memory)
    torch.testing.assert_close(torch.cat(parts), whole, rtol=1e-10, atol=1e-12)


SETTINGS = [(1, 5, 1), (1, 4, 24), (2, 3, 1), (2, 3, 2), (2, 3, 3), (2, 3, 4), (3, 2, 1), (3, 2, 4)]


@pytest.mark.parametrize(("layers", "width", "segment"), SETTINGS)
def test_the_reach_of_a_memory_is_as_claimed(layers, width, segment):
    # The last output of the last segment, by inputs: what it sees, with the graph kept; what an
    # error can teach, with the memory of the words kept and the memory of the layers cut.
    torch.manual_seed(0)
    model = SegmentAttention(8, layers, width)
    steps = 2 * segment * -(-12 // segment)

    def furthest(cut_at):
        x = torch.randn(steps, 1, 8, requires_grad=True)
        memory = model.begin(1)
        for part in x.split(segment):
            outputs, memory = model(part, memory, cut=False)
            memory = tuple(m.detach() if n >= cut_at else m for n, m in enumerate(memory))
        (by_input,) = torch.autograd.grad(outputs[-1].sum(), x)
        return steps - 1 - int(by_input.abs().sum(dim=(1, 2)).nonzero()[0])

    seen, taught = memory_distances(layers, width, segment)
    assert furthest(cut_at=layers) == seen
    assert furthest(cut_at=1) == taught
    assert furthest(cut_at=0) == min(segment - 1, seen)
