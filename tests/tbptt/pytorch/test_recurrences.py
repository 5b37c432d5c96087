"""Recurrences of today: each against its formula, in one go and step by step."""

import numpy as np
import pytest
import torch

from recurrences import BATCH, CELLS, FEATURES, STEPS, Problem, close, parts
from tbptt import Truncation
from tbptt.pytorch import backward
from tbptt.pytorch.forward_mode import pattern
from tbptt.pytorch.jacobians import StepJacobians
from tbptt.pytorch.recurrences import GatedLinearAttention, MinGRU, MinLSTM, SelectiveCell

pytestmark = pytest.mark.usefixtures("double")


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


@pytest.mark.parametrize("name", ["minGRU", "minLSTM"])
def test_a_weight_of_a_minimal_cell_touches_its_own_unit_for_ever(name):
    problem = Problem(name)
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
