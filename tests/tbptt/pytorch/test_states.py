"""A state comes back as the kind that went in, and the cell is handed that kind."""

from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tbptt import Truncation
from tbptt.pytorch import PassResult, backward, online
from tbptt.pytorch.forward_mode import RTRL, ForwardModeResult, SnAp, accumulate
from tbptt.pytorch.random_lengths import reweighted
from tbptt.pytorch.states import flatten, pack


class Pair(NamedTuple):
    hidden: Tensor
    cell: Tensor


class Named(tuple):
    """A tuple of a name, as a library may have it."""

    __slots__ = ()


KINDS = {"tuple": tuple, "list": list, "NamedTuple": Pair._make, "subclass": Named}


class Watched(nn.Module):
    """An LSTM's step that notes the kinds of state it is handed, and returns a plain tuple."""

    def __init__(self):
        super().__init__()
        self.inner = nn.LSTMCell(2, 3)
        self.handed = set()

    def forward(self, x, state):
        self.handed.add(type(state))
        return self.inner(x, tuple(state))


def run_backward(cell, x, state):
    return backward(cell, torch.sum, x, state, Truncation(1, 3))


def run_masked(cell, x, state):
    mask = torch.ones(x.shape[:2], dtype=torch.bool)
    return backward(cell, torch.sum, x, state, Truncation(2, 3), mask=mask)


def run_online(cell, x, state):
    blocks = ((block, None) for block in x.split(2))
    passes = online(cell, lambda out, _: out.sum(), blocks, state, Truncation(2, 3))
    return list(passes)[-1]


def run_reweighted(cell, x, state):
    return reweighted(cell, torch.sum, x, state, np.ones(len(x)))


def run_forward_mode(cell, x, state):
    return accumulate(cell, torch.sum, x, state, RTRL())


def run_sparse(cell, x, state):
    return accumulate(cell, torch.sum, x, state, SnAp(1))


ENGINES = [run_backward, run_masked, run_online, run_reweighted, run_forward_mode, run_sparse]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("make", [Watched, lambda: nn.LSTMCell(2, 3)], ids=["own", "PyTorch's"])
def test_a_state_of_two_parts(make, engine, kind):
    torch.manual_seed(0)
    cell, x = make(), torch.randn(6, 2, 2)
    parts = torch.randn(2, 3), torch.randn(2, 3)
    state = KINDS[kind](parts)
    result = engine(cell, x, state)
    assert type(result.state) is type(state)
    if isinstance(cell, Watched):
        assert cell.handed == {type(state)}
    # The same numbers, whatever the kind.
    wanted = engine(cell, x, parts)
    torch.testing.assert_close(result.outputs, wanted.outputs)
    torch.testing.assert_close(tuple(result.state), wanted.state)
    assert result.state[0].equal(result.outputs[-1])
    assert not any(part.requires_grad for part in result.state)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", [tuple, list])
def test_a_kind_of_one_part_stays_that_kind(engine, kind):
    cell, x = nn.GRUCell(2, 3), torch.zeros(4, 2, 2)

    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = cell

        def forward(self, x, state):
            assert type(state) is kind
            return kind([cell(x, state[0])])

    result = engine(Wrapped(), x, kind([torch.zeros(2, 3)]))
    assert type(result.state) is kind
    assert len(result.state) == 1
    assert isinstance(engine(cell, x, torch.zeros(2, 3)).state, Tensor)


@pytest.mark.parametrize("engine", ENGINES)
def test_results_have_names_and_unpack(engine):
    result = engine(nn.GRUCell(2, 3), torch.zeros(4, 2, 2), torch.zeros(2, 3))
    loss, outputs, state, *carried = result
    assert loss is result.loss
    assert outputs is result.outputs
    assert state is result.state
    if carried:
        assert isinstance(result, ForwardModeResult)
        assert carried == [result.carried]
    else:
        assert isinstance(result, PassResult)


def test_a_state_is_taken_apart_and_put_together():
    pair = Pair(torch.zeros(2), torch.ones(2))
    for state in (pair[0], tuple(pair), list(pair), pair, Named(pair)):
        again = pack(flatten(state), state)
        assert type(again) is type(state)
        assert all(a is b for a, b in zip(flatten(again), flatten(state), strict=True))
