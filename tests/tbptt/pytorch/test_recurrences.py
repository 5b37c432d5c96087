"""Recurrences of today: each against its formula, in one go and step by step, in every engine."""

import numpy as np
import pytest
import torch

from tbptt import Truncation
from tbptt.pytorch import Block, backward, online
from tbptt.pytorch.chunkwise import chunkwise
from tbptt.pytorch.diagonal import DiagonalCell
from tbptt.pytorch.forward_mode import RTRL, UORO, SnAp, accumulate, pattern
from tbptt.pytorch.jacobians import StepJacobians
from tbptt.pytorch.random_lengths import reweighted
from tbptt.pytorch.recurrences import GatedLinearAttention, MinGRU, MinLSTM, SelectiveCell

STEPS, BATCH, FEATURES = 11, 3, 4
CELLS = {
    "minGRU": lambda: MinGRU(FEATURES, 5),
    "minLSTM": lambda: MinLSTM(FEATURES, 5),
    "diagonal": lambda: DiagonalCell(FEATURES, 3),
    "attention": lambda: GatedLinearAttention(FEATURES, heads=2, keys=3, values=2, chunk=4),
    "selective": lambda: SelectiveCell(FEATURES, states=3, taps=3),
}


pytestmark = pytest.mark.usefixtures("double")


def parts(state):
    return state if isinstance(state, tuple) else (state,)


class Problem:
    """A cell with weights of some size, a sequence, and a loss of its outputs."""

    def __init__(self, name, seed=0, flags=True):
        torch.manual_seed(seed)
        self.cell = CELLS[name]()
        with torch.no_grad():
            for weight in self.cell.parameters():
                weight.add_(0.3 * torch.randn_like(weight))
        self.x = torch.randn(STEPS, BATCH, FEATURES)
        zero = self.cell.begin(BATCH)
        drawn = tuple(torch.randn_like(part) for part in parts(zero))
        self.state = drawn if isinstance(zero, tuple) else drawn[0]
        self.errors = torch.randn(STEPS, BATCH, self.cell.widths[0])
        self.resets = torch.rand(STEPS, BATCH) < 0.25
        self.mask = torch.rand(STEPS, BATCH) < 0.7
        self.mask[:, 1] = torch.arange(STEPS) < 6  # a row that is padded at the end
        self.flags = {"resets": self.resets, "mask": self.mask} if flags else {}

    def loss(self, outputs):
        return (self.errors * (outputs + outputs**2 / 2)).sum()

    def gradient(self, way, *options, **flags):
        self.cell.zero_grad()
        way(self.cell, self.loss, self.x, self.state, *options, **self.flags, **flags)
        return torch.cat([weight.grad.flatten() for weight in self.cell.parameters()])

    def looped(self, *, resets, mask, truncate=None):
        """Run step by step, rows apart; `truncate` the graph before a step."""
        now, states = parts(self.state), []
        for t in range(STEPS):
            used = []
            for row in range(BATCH):
                mine = tuple(part[row : row + 1] for part in now)
                if resets[t, row]:
                    mine = tuple(torch.zeros_like(part) for part in mine)
                if t == truncate:
                    mine = tuple(part.detach() for part in mine)
                if mask[t, row]:
                    given = mine if isinstance(self.state, tuple) else mine[0]
                    mine = parts(self.cell(self.x[t, row : row + 1], given))
                used.append(mine)
            now = tuple(torch.cat(part) for part in zip(*used, strict=True))
            states.append(now)
        return states

    def by_definition(self, truncation):
        """Sum what each loss has to say to the steps that it reaches, by autograd, one by one."""
        total = 0
        for t, reached in enumerate(truncation.reach(STEPS)):
            self.cell.zero_grad()
            first = int(reached.argmax())
            states = self.looped(resets=self.resets, mask=self.mask, truncate=first)
            out, error = states[t][0], self.errors[t] * self.mask[t][:, None]
            # Steps before `first` are cut off: the state there is a constant.
            (error * (out + out**2 / 2)).sum().backward()
            total = total + torch.cat([
                torch.zeros(w.numel()) if w.grad is None else w.grad.flatten()
                for w in self.cell.parameters()
            ])  # fmt: skip
        return total


def close(ours, wanted, places=1e-12):
    scale = max(float(wanted.detach().abs().max()), 1)
    assert ours.shape == wanted.shape
    assert float((ours - wanted).detach().abs().max()) <= places * scale


ALL = torch.ones(STEPS, BATCH, dtype=torch.bool)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("flags", ["none", "resets", "mask", "both"])
@pytest.mark.parametrize("size", [1, 3, 5, STEPS])
def test_at_once_is_step_by_step_and_chunks_are_the_whole(name, flags, size):
    problem = Problem(name, seed=size)
    resets = problem.resets if flags in ("resets", "both") else None
    mask = problem.mask if flags in ("mask", "both") else None
    wanted = problem.looped(
        resets=~ALL if resets is None else resets, mask=ALL if mask is None else mask
    )
    state, outputs = problem.state, []
    for at in range(0, STEPS, size):
        here = slice(at, at + size)
        made, state = problem.cell.at_once(
            problem.x[here], state,
            resets=None if resets is None else resets[here],
            mask=None if mask is None else mask[here],
        )  # fmt: skip
        outputs.append(made)
    close(torch.cat(outputs), torch.stack([states[0] for states in wanted]))
    for ours, other in zip(parts(state), wanted[-1], strict=True):
        close(ours, other)


@pytest.mark.parametrize("name", CELLS)
def test_what_padding_holds_gets_nowhere(name):
    problem = Problem(name)
    wanted = problem.cell.at_once(problem.x, problem.state, **problem.flags)
    problem.x[~problem.mask] = torch.nan
    ours = problem.cell.at_once(problem.x, problem.state, **problem.flags)
    close(ours.outputs, wanted.outputs)
    ours.outputs.sum().backward()
    assert all(weight.grad.isfinite().all() for weight in problem.cell.parameters())


@pytest.mark.parametrize("name", CELLS)
def test_a_reset_leaves_nothing_of_what_was_before(name):
    problem = Problem(name, flags=False)
    resets = ~ALL
    resets = resets.clone()
    resets[4] = True
    ours = problem.cell.at_once(problem.x, problem.state, resets=resets)
    fresh = problem.cell.at_once(problem.x[4:], problem.cell.begin(BATCH))
    close(ours.outputs[4:], fresh.outputs)
    for part, other in zip(parts(ours.state), parts(fresh.state), strict=True):
        close(part, other)
    # Without it, something is left, in every part but the convolution's short tail.
    kept = problem.cell.at_once(problem.x, problem.state)
    assert (kept.outputs[4:] - fresh.outputs).abs().max() > 1e-3


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def arrays(problem):
    weights = {name: w.detach().numpy() for name, w in problem.cell.named_parameters()}
    state = [part.numpy() for part in parts(problem.state)]
    return weights, problem.x.numpy(), state


def min_gru(problem):
    w, x, (h,) = arrays(problem)
    for u in x:
        z, candidate = np.split(u @ w["weight"].T + w["bias"], 2, axis=1)
        h = (1 - sigmoid(z)) * h + sigmoid(z) * candidate
    return h


def min_lstm(problem):
    w, x, (h,) = arrays(problem)
    for u in x:
        f, i, candidate = np.split(u @ w["weight"].T + w["bias"], 3, axis=1)
        f, i = sigmoid(f), sigmoid(i)
        h = f / (f + i) * h + i / (f + i) * candidate
    return h


def diagonal(problem):
    w, x, (h,) = arrays(problem)
    a = np.exp(-np.exp(w["decay"]) + 1j * w["angle"])
    b = w["drive"][:3] + 1j * w["drive"][3:]
    h = h[:, :3] + 1j * h[:, 3:]
    for u in x:
        h = a * h + u @ b.T
    return np.concatenate([h.real, h.imag], axis=1)


def attention(problem):
    w, x, (_, flat) = arrays(problem)
    outputs = np.zeros((BATCH, 4))
    for row in range(BATCH):
        for head in range(2):
            of_key, of_value = slice(3 * head, 3 * head + 3), slice(2 * head, 2 * head + 2)
            matrix = flat[row].reshape(2, 3, 2)[head]
            for u in x[:, row]:
                q, k = w["query"][of_key] @ u / 3**0.5, w["key"][of_key] @ u
                fade = sigmoid(w["forget"][of_key] @ u + w["bias"][of_key]) ** (1 / 16)
                matrix = np.diag(fade) @ matrix + np.outer(k, w["value"][of_value] @ u)
                outputs[row, of_value] = q @ matrix
    return outputs


def selective(problem):
    w, x, (_, tail, flat) = arrays(problem)
    line = np.concatenate([tail.reshape(BATCH, 2, FEATURES).transpose(1, 0, 2), x])
    h = flat.reshape(BATCH, FEATURES, 3)
    for t in range(STEPS):
        u = sum(w["kernel"][tap] * line[t + tap] for tap in range(3)) + w["kernel_bias"]
        u = u * sigmoid(u)
        size = np.log1p(np.exp(u @ w["pace"].T + w["pace_bias"]))[..., None]
        h = np.exp(-size * np.exp(w["decay"])) * h
        h = h + size * (u @ w["enter"].T)[:, None] * u[..., None]
        y = (h * (u @ w["leave"].T)[:, None]).sum(-1) + w["skip"] * u
    return y


FORMULAS = dict(zip(CELLS, (min_gru, min_lstm, diagonal, attention, selective), strict=True))


@pytest.mark.parametrize("name", CELLS)
def test_each_is_its_formula(name):
    problem = Problem(name, flags=False)
    outputs, _ = problem.cell.at_once(problem.x, problem.state)
    close(outputs[-1], torch.tensor(FORMULAS[name](problem)))


def test_gates_that_round_to_zero_add_up_to_one_all_the_same():
    cell = MinLSTM(1, 1)
    with torch.no_grad():
        cell.weight.zero_(), cell.bias.copy_(torch.tensor([-800.0, -801.0, 5.0]))
    state = cell(torch.zeros(1, 1), torch.ones(1, 1))  # two sigmoids of 0 in float64
    share = 1 / (1 + np.exp(-1.0))
    assert state.item() == pytest.approx(share + 5 * (1 - share), rel=1e-12)


@pytest.mark.parametrize("name", CELLS)
def test_the_gradient_is_the_one_of_small_differences(name):
    problem = Problem(name)
    ours = problem.gradient(backward, Truncation(STEPS, STEPS))
    step, slopes = 1e-6, []

    def loss():
        made, _ = problem.cell.at_once(problem.x, problem.state, **problem.flags)
        return float(problem.loss(made.masked_fill(~problem.mask[..., None], 0)))

    with torch.no_grad():
        for weight in problem.cell.parameters():
            for place in range(weight.numel()):
                values = weight.view(-1)
                values[place] += step
                up = loss()
                values[place] -= 2 * step
                slopes.append((up - loss()) / (2 * step))
                values[place] += step
    close(ours, torch.tensor(slopes), 1e-7)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("cut", [(1, 3), (2, 5), (4, 4), (STEPS, STEPS)])
def test_every_truncation_is_the_sum_of_what_each_loss_may_say(name, cut):
    problem, truncation = Problem(name), Truncation(*cut)
    wanted = problem.by_definition(truncation)
    close(problem.gradient(backward, truncation), wanted, 1e-11)

    def stream(cell, loss_fn, x, state, **flags):
        blocks = [
            Block(*block)
            for block in zip(
                *(each.split(cut[0]) for each in (x, problem.errors, *flags.values())), strict=True
            )
        ]
        error = lambda out, e: (e * (out + out**2 / 2)).sum()  # noqa: E731
        assert len(list(online(cell, error, blocks, state, truncation))) == len(blocks)

    close(problem.gradient(stream), wanted, 1e-11)


@pytest.mark.parametrize("name", CELLS)
def test_all_ways_to_the_full_gradient_agree(name):
    problem = Problem(name)
    full = problem.gradient(backward, Truncation(STEPS, STEPS))
    close(problem.gradient(accumulate, RTRL()), full, 1e-10)
    close(problem.gradient(reweighted, np.ones(STEPS)), full, 1e-11)
    for size in (1, 4, STEPS, 99):
        close(problem.gradient(chunkwise, size), full, 1e-11)
        close(problem.gradient(chunkwise, size, at_once=False), full, 1e-11)
    # Any method takes them; of a sketch only the mean is known.
    assert problem.gradient(accumulate, UORO(torch.Generator().manual_seed(0))).isfinite().all()


@pytest.mark.parametrize("name", ["minGRU", "minLSTM"])
def test_a_weight_of_a_minimal_cell_touches_its_own_unit_for_ever(name):
    problem = Problem(name)
    full = problem.gradient(backward, Truncation(STEPS, STEPS))
    close(problem.gradient(accumulate, SnAp(1)), full, 1e-10)
    jacobians = StepJacobians(problem.cell, FEATURES, problem.state)
    assert int(pattern(jacobians, problem.state, 9).sum()) == jacobians.size


@pytest.mark.parametrize("name", CELLS)
def test_no_gate_depends_on_the_state(name):
    problem = Problem(name)
    jacobians = StepJacobians(problem.cell, FEATURES, problem.state)
    flat = torch.cat(parts(problem.state), dim=1)
    by_state = jacobians.by_state(problem.x[0], flat)
    # The derivative by the state is the same at any state: the step is linear in it, or affine. The
    # convolution's tail alone goes through a nonlinearity.
    linear = slice(None) if name != "selective" else slice(FEATURES + 2 * FEATURES, None)
    elsewhere = torch.cat([flat[:, : linear.start or 0], 3 - flat[:, linear.start or 0 :]], dim=1)
    close(jacobians.by_state(problem.x[0], elsewhere)[..., linear], by_state[..., linear])
    assert by_state.abs().max() > 0.1


def test_bad_input():
    cell, x = MinGRU(2, 3), torch.zeros(4, 1, 2)
    zero = cell.begin(1)
    with pytest.raises(ValueError, match="state must have 1 parts, got 2"):
        cell.at_once(x, (zero, zero))
    with pytest.raises(ValueError, match=r"inputs must be \(steps, batch, 2\), got shape"):
        cell.at_once(torch.zeros(4, 1, 3), zero)
    with pytest.raises(ValueError, match=r"state must be \(1, 3\), got shape"):
        cell.at_once(x, torch.zeros(1, 4))
    with pytest.raises(TypeError, match="resets must be a Tensor of bool"):
        cell.at_once(x, zero, resets=torch.zeros(4, 1))
    with pytest.raises(ValueError, match="batch must be at least 0"):
        cell.begin(-1)
    with pytest.raises(ValueError, match="taps must be at least 2"):
        SelectiveCell(2, taps=1)
    attention_cell = GatedLinearAttention(2, heads=1, keys=2, values=2)
    with pytest.raises(ValueError, match=r"state\[1\] must be \(1, 4\), got shape"):
        attention_cell.at_once(x, (torch.zeros(1, 2), torch.zeros(1, 5)))
