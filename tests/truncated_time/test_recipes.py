"""Recipes against the oracle: what is right agrees to rounding, what is wrong is far off."""

import numpy as np
import pytest
import torch
from torch import nn

from tbptt import Truncation
from tbptt.reference import GRU, gradients
from truncated_time.recipes import chunked_loop, forget, forum_recipe, loop_over_errors

STEPS = 24


@pytest.fixture
def problem():
    torch.manual_seed(0)
    cell = nn.GRUCell(2, 4).double()
    x, errors = torch.randn(STEPS, 3, 2).double(), torch.randn(STEPS, 3, 4).double()
    return cell, x, torch.zeros(3, 4).double(), errors


def relative_error(problem, truncation, recipe, *options, **more):
    """Return how far a recipe's gradient is from the oracle's, relative to its norm."""
    cell, x, state, errors = problem
    cell.zero_grad()
    recipe(cell, lambda t, out: (errors[t] * out).sum(), x, state, *options, **more)
    weights = {name: weight.detach().numpy() for name, weight in cell.named_parameters()}
    wanted = gradients(
        GRU(), weights, x.numpy(), (state.numpy(),), errors.numpy(), truncation
    ).weights
    off = sum(((w.grad.numpy() - wanted[n]) ** 2).sum() for n, w in cell.named_parameters())
    return float(np.sqrt(off / sum((share**2).sum() for share in wanted.values())))


@pytest.mark.parametrize("truncation", [Truncation(1, 8), Truncation(3, 8), Truncation(5, 5)])
def test_a_loop_over_errors_is_right(problem, truncation):
    assert relative_error(problem, truncation, loop_over_errors, truncation) < 1e-12


def test_the_chunked_loop_is_epochwise_and_not_true(problem):
    assert relative_error(problem, Truncation.epochwise(8), chunked_loop, 8) < 1e-12
    assert relative_error(problem, Truncation.true(8), chunked_loop, 8) > 0.05


def test_the_copied_recipe_counts_errors_again_and_again(problem):
    true = Truncation.true(8)
    assert relative_error(problem, true, forum_recipe, true) > 1
    assert relative_error(problem, true, forum_recipe, true, before_walk=forget) < 1e-12
    # Where passes do not overlap nothing is counted twice, but losses in between are left out.
    apart = Truncation.epochwise(8)
    assert relative_error(problem, apart, forum_recipe, apart, before_walk=forget) > 0.3


def test_the_copied_recipe_fails_when_weights_move_inside_the_window(problem):
    cell, x, state, errors = problem
    optimizer = torch.optim.SGD(cell.parameters(), 0.1)

    def loss_at(t, out):
        if t:
            optimizer.step()
        return (errors[t] * out).sum()

    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        forum_recipe(cell, loss_at, x, state, Truncation.true(8))


def test_split_into_k_chunks_is_not_chunks_of_k(problem):
    # A documented recipe calls x.tensor_split(k): k chunks, of whatever length comes out.
    _, x, _, _ = problem
    chunks = [len(chunk) for chunk in x.tensor_split(8)]
    assert chunks == [3] * 8
    assert relative_error(problem, Truncation.epochwise(8), chunked_loop, chunks[0]) > 0.05
    assert [len(chunk) for chunk in x.split(8)] == [8] * 3
