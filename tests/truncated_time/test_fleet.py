"""Networks side by side: their gradients are those that the package's engines make."""

import pytest
import torch
from torch import nn

from tbptt import Truncation
from tbptt.pytorch import backward
from tbptt.pytorch.bootstrap import bootstrapped
from tbptt.pytorch.evolution import NRES, PES, evolve
from tbptt.pytorch.feedback import RandomFeedback
from tbptt.pytorch.forward_mode import RFLO, RTRL, UORO, EProp, SnAp, accumulate
from tbptt.pytorch.leaky import LeakyCell
from truncated_time.experiments import ahead, bootstrap, evolution
from truncated_time.experiments.shared.adam import Adam
from truncated_time.experiments.shared.echo import BATCH, HIDDEN, PERIOD, WORDS
from truncated_time.experiments.shared.fleet import Fleet
from truncated_time.tasks import echo_language

STEPS = 12
PARTS = (WORDS, HIDDEN, 1, 1)


@pytest.fixture
def gradients(monkeypatch):
    """What a run would update with, once for each update; the weights stay as they are."""
    made = []
    monkeypatch.setattr(Fleet, "update", lambda fleet, *parts: made.append(parts))
    return made


def network(fleet):
    """The first network of a fleet, as a cell and a readout of the package's."""
    cell, readout = LeakyCell(WORDS, HIDDEN, fleet.keep), nn.Linear(HIDDEN, WORDS)
    if fleet._back is not None:
        readout = RandomFeedback(HIDDEN, WORDS, torch.Generator())
        readout.feedback.copy_(fleet._back[0])
    with torch.no_grad():
        for weight, part in zip(cell.parameters(), fleet.units[0].split(PARTS, dim=1), strict=True):
            weight.copy_(part.reshape(weight.shape))
        readout.weight.copy_(fleet.readouts[0, :, :-1])
        readout.bias.copy_(fleet.readouts[0, :, -1])
    return cell, readout


def side_by_side(cell):
    grads = [weight.grad.reshape(HIDDEN, -1) for weight in cell.parameters()]
    return torch.cat(grads, dim=1)


def read(stream, readout, first, last, rows=None):
    x = nn.functional.one_hot(stream[first:last], WORDS).float()

    def loss_fn(outputs):
        scores = readout(outputs).flatten(0, 1)
        targets = stream[first + 1 : last + 1].flatten()
        losses = nn.functional.cross_entropy(scores, targets, reduction="none")
        return losses.mean() if rows is None else losses.view(-1, BATCH).sum(0) / losses.numel()

    return x, loss_fn


def stream_of(steps=STEPS):
    return torch.from_numpy(echo_language(steps, BATCH, period=PERIOD, seed=0))


METHODS = {
    "RTRL": lambda keep: RTRL(),
    "SnAp-1": lambda keep: SnAp(1),
    "UORO": lambda keep: UORO(torch.Generator().manual_seed(0)),
    "e-prop": lambda keep: EProp(),
    "RFLO": RFLO,
}


@pytest.mark.parametrize("network_kind", ahead.KEEP)
@pytest.mark.parametrize("way", METHODS)
def test_methods_of_a_fleet_are_those_of_the_package(gradients, way, network_kind):
    keep = ahead.KEEP[network_kind]
    ahead.learn(network_kind, way, 0, (0.01, 0.1), STEPS)
    cell, readout = network(Fleet((0.01,), 0, keep=keep, feedback=way == "RFLO"))
    method, state, carried = METHODS[way](keep), torch.zeros(BATCH, HIDDEN), None
    for place, first in enumerate(range(0, STEPS, ahead.OFTEN)):
        x, loss_fn = read(stream_of(), readout, first, first + ahead.OFTEN)
        cell.zero_grad(), readout.zero_grad()
        _, _, state, carried = accumulate(cell, loss_fn, x, state, method, carried)
        units, readouts = gradients[place]
        for one in units:  # the same at every rate
            torch.testing.assert_close(one, side_by_side(cell), rtol=1e-3, atol=1e-6)
        torch.testing.assert_close(readouts[1, :, :-1], readout.weight.grad)
        torch.testing.assert_close(readouts[1, :, -1], readout.bias.grad)


@pytest.mark.slow
@pytest.mark.parametrize("network_kind", ahead.KEEP)
def test_going_back_with_old_weights_is_the_influence_carried_on(monkeypatch, network_kind):
    # Over more steps than it goes back, while the weights change.
    made, update = [], Fleet.update

    def updated(fleet, units, readouts):
        made.append((network(fleet), units[0]))
        update(fleet, units, readouts)

    monkeypatch.setattr(Fleet, "update", updated)
    steps, rate = ahead.BACK + 24, 0.01
    ahead.learn(network_kind, "RTRL", 0, (rate,), steps)
    state, carried, shorter = torch.zeros(BATCH, HIDDEN), None, []
    for place, ((cell, readout), units) in enumerate(made):
        first = place * ahead.OFTEN
        x, loss_fn = read(stream_of(steps), readout, first, first + ahead.OFTEN)
        _, _, after, carried = accumulate(cell, loss_fn, x, state, RTRL(), carried)
        ours = side_by_side(cell)
        assert (units - ours).norm() < 1e-3 * ours.norm(), place
        # What it takes from before these steps is much more than that.
        cell.zero_grad()
        accumulate(cell, loss_fn, x, state, RTRL())
        shorter.append(float((side_by_side(cell) - ours).norm() / ours.norm()))
        state = after
    assert len(made) == steps // ahead.OFTEN
    assert max(shorter[-6:]) > 0.1


@pytest.mark.parametrize("every", [4, 24])
def test_chunks_of_a_fleet_are_a_chunked_loop(gradients, every):
    steps = max(STEPS, every)
    ahead.learn("leaky", f"chunks {every}", 0, (0.01,), steps)
    cell, readout = network(Fleet((0.01,), 0, keep=ahead.KEEP["leaky"]))
    state = torch.zeros(BATCH, HIDDEN)
    for place, first in enumerate(range(0, steps, every)):
        x, loss_fn = read(stream_of(steps=steps), readout, first, first + every)
        cell.zero_grad()
        _, _, state = backward(cell, loss_fn, x, state, Truncation.epochwise(every))
        torch.testing.assert_close(gradients[place][0][0], side_by_side(cell), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("network_kind", ahead.KEEP)
def test_predictions_of_a_fleet_are_those_of_the_package(gradients, monkeypatch, network_kind):
    made = []
    monkeypatch.setattr(
        bootstrap.Synthesisers, "learn", lambda self, state, target: made.append(target)
    )
    torch.manual_seed(5)
    last = 0.1 * torch.randn(HIDDEN, bootstrap.INNER + 1)
    begin = bootstrap.Synthesisers.__init__

    def random_last(self, rates, seed):
        begin(self, rates, seed)
        self.weights[1].detach().copy_(last.expand_as(self.weights[1]))

    monkeypatch.setattr(bootstrap.Synthesisers, "__init__", random_last)
    bootstrap.learn(network_kind, "bootstrapped", 0, (0.01, 0.1), STEPS)
    synthesisers = bootstrap.Synthesisers((0.01,), 0)
    cell, readout = network(Fleet((0.01,), 0, keep=ahead.KEEP[network_kind]))
    chunk = ahead.OFTEN
    size = BATCH * chunk  # the fleet's predictions are of losses that are summed

    def predict(state):
        return synthesisers(state[None])[0].detach() / size

    state = torch.zeros(BATCH, HIDDEN)
    for place, first in enumerate(range(0, STEPS, chunk)):
        x, loss_fn = read(stream_of(), readout, first, first + chunk)
        cell.zero_grad()
        result = bootstrapped(cell, loss_fn, x, state, predict)
        state = result.state
        torch.testing.assert_close(gradients[place][0][0], side_by_side(cell), rtol=1e-3, atol=1e-6)
        torch.testing.assert_close(made[place][0] / size, result.target, rtol=1e-3, atol=1e-7)


def reordered(kind):
    """A strategy whose moves are laid out as a fleet's are: unit by unit."""

    class Reordered(kind):
        def _noise(self, like):
            drawn = torch.randn(len(like), HIDDEN, sum(PARTS), generator=self.generator)
            parts = [part.flatten(1) for part in drawn.split(PARTS, dim=2)]
            return self.spread * torch.cat(parts, dim=1)

    return Reordered


@pytest.mark.parametrize(("way", "kind"), [("PES", PES), ("NRES", NRES)])
def test_moves_of_a_fleet_are_those_of_the_package(gradients, monkeypatch, way, kind):
    monkeypatch.setattr(evolution, "CHUNK", 8)  # a sequence ends, and the next one begins
    evolution.learn(way, 0.1, 0, (0.01, 0.1), STEPS)
    cell, readout = network(Fleet((0.01,), 0))
    strategy = reordered(kind)(0.1, torch.Generator().manual_seed(0))
    state, carried = torch.zeros(BATCH, HIDDEN), None
    for place, first in enumerate(range(0, STEPS, evolution.UNROLL)):
        x, loss_fn = read(stream_of(), readout, first, first + evolution.UNROLL, rows=True)
        cell.zero_grad(), readout.zero_grad()
        begins = torch.full((BATCH,), first % 8 == 0)
        _, carried = evolve(cell, loss_fn, x, state, strategy, carried, begins=begins)
        units, readouts = gradients[place]
        torch.testing.assert_close(units[1], side_by_side(cell), rtol=1e-2, atol=1e-4)
        torch.testing.assert_close(readouts[1, :, :-1], readout.weight.grad, rtol=1e-4, atol=1e-6)
        with torch.no_grad():
            for step in x:
                state = cell(step, state)


def test_the_optimizer_is_pytorchs_with_a_rate_and_a_clip_for_each_network():
    torch.manual_seed(0)
    rates, shapes = (0.01, 0.1), ((3, 4), (2,))
    start = [torch.randn(2, *shape) for shape in shapes]
    ours = [weight.clone() for weight in start]
    adam = Adam(rates, ours)
    theirs = [[nn.Parameter(weight[place].clone()) for weight in start] for place in range(2)]
    optimizers = [
        torch.optim.Adam(weights, rate) for weights, rate in zip(theirs, rates, strict=True)
    ]
    for update in range(20):
        gradients = [(5 if update % 2 else 0.1) * torch.randn(2, *shape) for shape in shapes]
        adam.step(gradients, clip=1.0)
        for place, (weights, optimizer) in enumerate(zip(theirs, optimizers, strict=True)):
            for weight, gradient in zip(weights, gradients, strict=True):
                weight.grad = gradient[place].clone()
            nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
    for weight, *apart in zip(ours, *theirs, strict=True):
        torch.testing.assert_close(weight, torch.stack(apart), rtol=1e-4, atol=1e-5)


def test_the_optimizer_can_be_kerass():
    # Tiny gradients, where the two differ.
    import keras

    torch.manual_seed(0)
    rates, start = (0.01, 0.1), torch.randn(2, 3)
    gradients = [1e-7 * torch.randn(2, 3) for _ in range(5)]
    ours = {}
    for kind in (True, False):
        ours[kind] = start.clone().requires_grad_()
        adam = Adam(rates, [ours[kind]], keras=kind)
        for gradient in gradients:
            ours[kind].grad = gradient.clone()
            adam.step_back()
            assert ours[kind].grad is None
    for place, rate in enumerate(rates):
        weight = keras.Variable(start[place].tolist())
        optimizer = keras.optimizers.Adam(rate)
        for gradient in gradients:
            optimizer.apply([keras.ops.convert_to_tensor(gradient[place].tolist())], [weight])
        theirs = torch.tensor(weight.numpy().tolist())
        torch.testing.assert_close(ours[True][place].detach(), theirs, rtol=1e-5, atol=1e-6)
        assert not torch.allclose(ours[False][place].detach(), theirs, rtol=1e-3)


@pytest.mark.parametrize("experiment", [ahead, evolution, bootstrap])
def test_a_run_is_decided_by_its_seed(experiment):
    arguments = list(experiment.grid(1)[0].values())
    left, right = (experiment.learn(*arguments, experiment.RATES, STEPS) for _ in range(2))
    left, right = (made[0] if isinstance(made, tuple) else made for made in (left, right))
    assert torch.equal(left, right)
    assert len(left) == STEPS
