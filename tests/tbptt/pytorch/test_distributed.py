"""Two processes, as one: gradients, resets, rows that end early, states that go on elsewhere."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from tbptt import Truncation
from tbptt.pytorch import as_cell, backward, online
from tbptt.windows import ragged_batches, stateful_batches

PROCESSES, ROWS, STEPS = 2, 4, 5
LENGTHS = [9, 3, 5, 2, 11, 4, 1, 7]  # of episodes: the rows of one process end before the other's


class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(2 + 3, 3)

    def forward(self, x, state):
        return torch.tanh(self.inner(torch.cat([x, state], dim=1)))


class Network(nn.Module):
    """A step of a cell is its forward: what DistributedDataParallel has to see."""

    def __init__(self, cell):
        super().__init__()
        self.cell, self.readout = cell, nn.Linear(3, 1)

    def forward(self, x, state):
        return self.cell(x, state)


CELLS = {
    "rnn": lambda: nn.RNNCell(2, 3),
    "lstm": lambda: nn.LSTMCell(2, 3),
    "stack": lambda: as_cell(nn.GRU(2, 3, 2)),
    "own": Own,
}


def network(name):
    torch.manual_seed(0)
    return Network(CELLS[name]()).double()


def zeros(name, rows):
    parts = tuple(torch.zeros(rows, 3, dtype=torch.float64) for _ in range(2))
    return parts if name in ("lstm", "stack") else parts[0]


def rows_of(state, rank, processes):
    """Return the rows of one process: states laid end to end are the state of one process."""
    if isinstance(state, tuple):
        return tuple(part.chunk(processes)[rank] for part in state)
    return state.chunk(processes)[rank]


def series(steps):
    return torch.from_numpy(np.random.default_rng(0).normal(size=(steps, 2)))


def windows(processes, rank):
    """Eight sequences of three windows, two after one another in a row; time-major batches."""
    cut = series(8 * 3 * STEPS).view(-1, STEPS, 2)
    indices, resets = stateful_batches(8, 3, ROWS, processes=processes, rank=rank)
    return [(cut[rows].transpose(0, 1), bool(r)) for rows, r in zip(indices, resets, strict=True)]


def gradients(name, truncation, processes=1, rank=0):
    """Return the gradients of each batch; the state is carried, and reset where rows begin."""
    model = network(name)
    cell = DistributedDataParallel(model) if processes > 1 else model
    state, result = zeros(name, ROWS // processes), []
    for x, begins in windows(processes, rank):
        resets = torch.zeros(x.shape[:2], dtype=torch.bool)
        resets[0] = begins
        model.zero_grad()

        def loss(outputs):
            return model.readout(outputs).square().mean()

        state = backward(cell, loss, x, state, truncation, resets=resets).state
        result.append([weight.grad.clone() for weight in model.parameters()])
    return result


def episodes(processes=1, rank=0):
    """Train on episodes of unequal length, to the end of the longest row; return the weights."""
    x = series(sum(LENGTHS))
    dealt = ragged_batches(LENGTHS, ROWS, processes=processes, rank=rank)
    resets, mask = torch.from_numpy(dealt.resets), torch.from_numpy(dealt.mask)
    # A mean over all steps there are, in whichever process: their number is known to each.
    counts = torch.from_numpy(ragged_batches(LENGTHS, ROWS).mask.sum(axis=1)).split(STEPS)
    model = network("lstm")
    cell = DistributedDataParallel(model) if processes > 1 else model
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    state, idle = zeros("lstm", ROWS // processes), 0
    parts = zip(
        x[dealt.indices].split(STEPS), resets.split(STEPS), mask.split(STEPS), counts, strict=True
    )
    for inputs, begins, here, count in parts:

        def loss(outputs):
            errors = model.readout(outputs)[..., 0].square() * here  # noqa: B023
            return processes * errors.sum() / count.sum()  # noqa: B023

        result = backward(cell, loss, inputs, state, Truncation(2, 4), resets=begins, mask=here)
        state, idle = result.state, idle + int(not here.any())
        optimizer.step()
        optimizer.zero_grad()
    return list(model.parameters()), idle


def stream(state, halves, processes=1, rank=0, model=None):
    """Train on halves of a stream, an update every three steps; return the model and the state."""
    model = model or network("own")
    cell = DistributedDataParallel(model) if processes > 1 else model
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    x = series(24 * ROWS).view(24, ROWS, 2).chunk(processes, 1)[rank]
    for half in halves:
        blocks = x.chunk(2)[half].split(3)

        def loss(outputs, targets):
            return (model.readout(outputs)[..., 0] - targets[..., 0]).square().mean()

        passes = online(
            cell, loss, zip(blocks, blocks, strict=True), state, Truncation.epochwise(3)
        )
        for result in passes:
            optimizer.step()
            optimizer.zero_grad()
            state = result.state
    return model, state


def gathered(state):
    """Lay the states of all processes end to end."""
    parts = [torch.empty_like(state) for _ in range(distributed.get_world_size())]
    distributed.all_gather(parts, state.contiguous())
    return torch.cat(parts)


class InsideForward(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.RNNCell(2, 3)

    def forward(self, x):
        return backward(self.cell, torch.sum, x, torch.zeros(2, 3), Truncation.true(2)).loss


def refusals():
    x, zero = torch.zeros(4, 2, 2), torch.zeros(2, 3)
    with pytest.raises(RuntimeError, match="inside the forward of a DistributedDataParallel"):
        DistributedDataParallel(InsideForward())(x)
    static = DistributedDataParallel(nn.RNNCell(2, 3), static_graph=True)
    with pytest.raises(ValueError, match="with static_graph=True"):
        backward(static, torch.sum, x, zero, Truncation.true(2))


def work(folder, rank):
    """What each process does; the first one writes down what came out."""
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/store", rank=rank, world_size=PROCESSES
    )
    here = PROCESSES, rank
    result = {
        "gradients": {
            (name, cut): gradients(name, Truncation(*cut), *here) for name, cut in GRADIENTS
        },
        "episodes": episodes(*here),
    }
    # The first half here, and both in what is restored from one process.
    model, state = stream(rows_of(zeros("own", ROWS), rank, PROCESSES), [0], *here)
    result["saved"] = model.state_dict(), gathered(state)
    kept = torch.load(Path(folder) / "one.pt")
    model = network("own")
    model.load_state_dict(kept["weights"])
    model, state = stream(rows_of(kept["state"], rank, PROCESSES), [1], *here, model=model)
    result["restored"] = model.state_dict(), gathered(state)
    refusals()
    torch.save(result, Path(folder) / f"result{rank}.pt")
    distributed.barrier()
    distributed.destroy_process_group()


GRADIENTS = [(name, cut) for name in CELLS for cut in [(1, 4), (2, 3), (5, 5)]]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    model, state = stream(zeros("own", ROWS), [0])
    torch.save({"weights": model.state_dict(), "state": state}, folder / "one.pt")
    # A hang ends here, and not with the patience of whoever waits for the tests.
    command = [sys.executable, __file__, str(folder)]
    running = [
        subprocess.Popen([*command, str(rank)], env=os.environ, stderr=subprocess.PIPE, text=True)
        for rank in range(PROCESSES)
    ]
    try:
        errors = [process.communicate(timeout=120)[1] for process in running]
    finally:
        for process in running:
            process.kill()
    assert [process.returncode for process in running] == [0] * PROCESSES, "\n".join(errors)
    return [torch.load(folder / f"result{rank}.pt") for rank in range(PROCESSES)]


def assert_same(these, those):
    for one, other in zip(these, those, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("name", "cut"), GRADIENTS)
def test_the_gradients_of_two_processes_are_those_of_one(results, name, cut):
    wanted = gradients(name, Truncation(*cut))
    for result in results:
        for batch, alone in zip(result["gradients"][name, cut], wanted, strict=True):
            assert_same(batch, alone)


def test_episodes_that_end_early_keep_nobody_waiting(results):
    wanted, _ = episodes()
    for result in results:
        assert_same(result["episodes"][0], wanted)
    # One of them had nothing left, for a batch at least, while the other went on.
    assert max(idle for _, idle in (result["episodes"] for result in results)) > 0


def test_a_state_saved_by_two_processes_goes_on_in_one(results):
    wanted, after = stream(zeros("own", ROWS), [0, 1])
    weights, state = results[0]["saved"]
    model = network("own")
    model.load_state_dict(weights)
    model, state = stream(state, [1], model=model)
    assert_same([*model.parameters(), state], [*wanted.parameters(), after])


def test_a_state_saved_by_one_process_goes_on_in_two(results):
    wanted, after = stream(zeros("own", ROWS), [0, 1])
    for result in results:
        weights, state = result["restored"]
        assert_same([*weights.values(), state], [*wanted.state_dict().values(), after])


if __name__ == "__main__":
    work(sys.argv[1], int(sys.argv[2]))
