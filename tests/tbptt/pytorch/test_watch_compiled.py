"""A watched loop whose model is compiled: it is counted right, whenever it was compiled."""

import numpy as np
import pytest
import torch
from torch import nn

from tbptt import Truncation
from tbptt.pytorch import watch

ROWS, UNITS, STEPS = 2, 3, 12


@pytest.fixture(autouse=True)
def fresh():
    torch.manual_seed(0)
    torch._dynamo.reset()  # nothing is compiled yet
    yield
    torch._dynamo.reset()


class Unrolled(nn.Module):
    """Steps a cell through a chunk."""

    def __init__(self):
        super().__init__()
        self.cell, self.readout = nn.RNNCell(2, UNITS), nn.Linear(UNITS, 1)

    def forward(self, chunk, state):
        outputs = []
        for x in chunk:
            state = self.cell(x, state)
            outputs.append(self.readout(state))
        return torch.stack(outputs), state


class Layered(nn.Module):
    """Hands a chunk to a layer."""

    def __init__(self):
        super().__init__()
        self.cell, self.readout = nn.LSTM(2, UNITS), nn.Linear(UNITS, 1)

    def forward(self, chunk, state):
        outputs, state = self.cell(chunk, state)
        return self.readout(outputs), state


def cut(state):
    return tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()


def train(run, model, lengths=(4, 4, 4)):
    """Run chunks, detached in between; return the gradients."""
    model.zero_grad()
    series = torch.arange(2.0 * ROWS * STEPS).sin().view(STEPS, ROWS, 2)
    state = (torch.zeros(1, ROWS, UNITS),) * 2 if isinstance(model, Layered) else (
        torch.zeros(ROWS, UNITS)
    )  # fmt: skip
    for chunk in series.split(list(lengths)):
        outputs, state = run(chunk, state)
        outputs.square().sum().backward()
        state = cut(state)
    return [weight.grad.clone() for weight in model.parameters()]


@pytest.mark.slow
@pytest.mark.parametrize("ask", ["model", "compiled"])
@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
@pytest.mark.parametrize("kind", [Unrolled, Layered])
def test_a_compiled_model_is_counted_as_it_runs(kind, backend, before, ask):
    model = kind()
    compiled = torch.compile(model, backend=backend)
    if before:
        train(compiled, model)
    plain = train(model, model)
    with watch(model if ask == "model" else compiled) as seen:
        watched = train(compiled, model)
    np.testing.assert_array_equal(seen.counts(), Truncation.epochwise(4).reach(STEPS))
    assert seen.modules == ("cell",)
    assert seen.truncation == Truncation.epochwise(4)
    assert not seen.findings
    assert all(map(torch.equal, watched, plain))
    # Afterwards it is compiled again, and nobody looks.
    for gradient, one in zip(train(compiled, model), plain, strict=True):
        torch.testing.assert_close(gradient, one)
    assert seen.steps == STEPS


@pytest.mark.slow
def test_what_would_be_compiled_anew_is_counted_with_what_was_compiled_before():
    """Of chunks of another length the hooks would be compiled as well, and they alone would run."""
    model = Unrolled()
    compiled = torch.compile(model, backend="aot_eager", dynamic=False)
    train(compiled, model)
    with watch(model) as seen:
        train(compiled, model, lengths=(4, 3, 5))
    assert seen.steps == STEPS
    assert [stop - start for start, _, stop in seen.passes] == [4, 3, 5]
    assert seen.counts().sum() == 10 + 6 + 15


# PyTorch's own compiler asks a state for its gradient.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
@pytest.mark.slow
@pytest.mark.parametrize("way", ["cell", "in place", "function"])
def test_a_part_that_is_compiled(way):
    model = Unrolled()
    run = model
    if way == "cell":
        model.cell = torch.compile(model.cell, backend="aot_eager")
    elif way == "in place":
        model.cell.compile(backend="aot_eager")
    else:
        run = torch.compile(lambda *given: model(*given), backend="aot_eager")
    train(run, model)
    for cell in (None, model.cell):
        with watch(model, cell=cell) as seen:
            train(run, model)
        np.testing.assert_array_equal(seen.counts(), Truncation.epochwise(4).reach(STEPS))
        assert seen.modules == ("cell",)


def test_a_loop_that_fails_leaves_compiled_code_as_it_was():
    calls = []

    def backend(graph, _):
        calls.append(graph)
        return graph.forward

    run = torch.compile(torch.sin, backend=backend)

    def fail():
        with watch(nn.GRUCell(1, 1)):
            run(torch.ones(1))
            raise ValueError("of the loop")

    with pytest.raises(ValueError, match="of the loop"):
        fail()
    assert not calls
    run(torch.ones(1))
    assert len(calls) == 1
