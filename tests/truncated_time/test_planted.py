"""Planted loops do what their names say, by the gradients that they leave."""

import numpy as np
import pytest
import torch
from torch import nn

from tbptt import Truncation
from tbptt.pytorch import backward, watch
from truncated_time.planted import LOOPS, UNKNOWN, planted, planted_batches


def gradient(cell):
    return torch.cat([weight.grad.flatten() for weight in cell.parameters()])


def by_engine(cell, inputs, truncation):
    cell.zero_grad()
    backward(cell, lambda h: h.square().sum(), inputs, torch.zeros(3, 4), truncation)
    return gradient(cell)


@pytest.mark.parametrize(
    ("name", "truncation"),
    [
        ("sound", Truncation(4, 4)),
        ("each step", Truncation(1, 1)),
        ("never", Truncation(4, 12)),
        ("chunks", Truncation(4, 4)),
        ("north", Truncation(3, 6)),
    ],
)
def test_a_loop_leaves_the_gradient_of_its_truncation(name, truncation):
    loop = planted(name)
    inputs = torch.randn(18 if name == "north" else 12, 3, 1)
    with watch(loop.model) as seen:
        loop.train(inputs)
    left = gradient(loop.model)
    torch.testing.assert_close(left, by_engine(loop.model, inputs, truncation))
    assert seen.truncation == truncation
    assert (truncation == loop.intended) == (name == "sound")


def states(name):
    loop = planted(name)
    with watch(loop.model) as seen:
        loop.train()
    return seen, [border.rows for border in seen.borders if not border.linked]


def test_states_that_do_not_cross():
    assert states("zeros")[1] == [("zero",) * 3] * 3
    assert states("random")[1] == [("other",) * 3] * 3
    assert states("east")[1][2] == ("carried", "zero", "carried")


def test_errors_that_go_on_and_losses_that_count_again():
    seen, _ = states("only h")
    assert isinstance(planted("only h").model, nn.LSTMCell)
    assert "through c, and no longer through h" in seen.findings[0]
    np.testing.assert_array_equal(seen.counts(), np.tril(np.ones((12, 12))))
    assert np.diag(states("summed")[0].counts()).tolist() == [3] * 4 + [2] * 4 + [1] * 4
    seen, _ = states("last loss")
    assert (seen.counts().sum(1) > 0).tolist() == [False, False, False, True] * 3


@pytest.mark.parametrize("name", [*LOOPS, *UNKNOWN])
def test_a_loop_is_the_same_each_time(name):
    first, second = planted(name), planted(name)
    torch.testing.assert_close(first.train(), second.train(), rtol=0, atol=0)
    torch.testing.assert_close(gradient(first.model), gradient(second.model), rtol=0, atol=0)


def test_batches_of_recordings():
    whole = np.concatenate(planted_batches(), axis=1)
    assert whole.shape == (3, 30)
    assert [(n, row) for n in range(1, 30) for row in range(3)
            if whole[row, n] != whole[row, n - 1] + 1] == [(12, 1), (18, 0), (18, 2)]  # fmt: skip
    with pytest.raises(ValueError, match="steps must be at least 1"):
        planted_batches(steps=0)


def test_a_loop_that_is_not_there():
    with pytest.raises(ValueError, match="No loop is called 'south'; there are sound"):
        planted("south")
