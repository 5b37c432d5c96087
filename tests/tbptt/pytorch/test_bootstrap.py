"""Bootstrapping across the cut: exact if the prediction is, a chunked loop if there is none."""

import pytest
import torch
from torch import nn

from tbptt import Truncation
from tbptt.pytorch import backward
from tbptt.pytorch.bootstrap import bootstrapped

STEPS, BATCH, HIDDEN = 9, 3, 4
CELLS = {"rnn": nn.RNNCell, "gru": nn.GRUCell, "lstm": nn.LSTMCell}


pytestmark = pytest.mark.usefixtures("double")


class Problem:
    """A cell, a readout, a sequence, and what later losses send to the state at each step."""

    def __init__(self, name):
        torch.manual_seed(0)
        self.cell, self.readout = CELLS[name](2, HIDDEN), nn.Linear(HIDDEN, 1)
        self.x, self.targets = torch.randn(STEPS, BATCH, 2), torch.randn(STEPS, BATCH, 1)
        zero = torch.randn(BATCH, HIDDEN)
        self.state = (zero, zero / 2) if name == "lstm" else zero

    def loss(self, here):
        return lambda out: (self.readout(out) - self.targets[here]).square().sum()

    def gradient(self):
        weights = (*self.cell.parameters(), *self.readout.parameters())
        return torch.cat([weight.grad.flatten().clone() for weight in weights])

    def begin(self):
        self.cell.zero_grad(), self.readout.zero_grad()

    def full(self, truncation):
        self.begin()
        whole = slice(0, STEPS)
        backward(self.cell, self.loss(whole), self.x, self.state, truncation)
        return self.gradient()

    @torch.enable_grad()  # a prediction is asked for without
    def beyond(self, t):
        """What the losses from step `t` on send to the state before it."""
        now, outputs = self.state, []
        for step, x in enumerate(self.x):
            if step == t:
                alone = isinstance(now, torch.Tensor)
                parts = [part.detach().requires_grad_() for part in ([now] if alone else now)]
                now, outputs = parts[0] if alone else tuple(parts), []
            now = self.cell(x, now)
            outputs.append(now if isinstance(now, torch.Tensor) else now[0])
        sent = torch.autograd.grad(self.loss(slice(t, STEPS))(torch.stack(outputs)), parts)
        return sent[0] if alone else sent

    def in_chunks(self, chunk, synthesiser_at):
        self.begin()
        state, targets = self.state, []
        for t in range(0, STEPS, chunk):
            here = slice(t, t + chunk)
            _, _, state, target, _ = bootstrapped(
                self.cell, self.loss(here), self.x[here], state, synthesiser_at(t + chunk)
            )
            targets.append((t, target))
        return self.gradient(), targets


def known(problem, t):
    """Know what comes back at this border, and nothing at the end."""
    return lambda state: problem.beyond(t) if t < STEPS else nothing(state)


def nothing(state):
    return tuple(map(torch.zeros_like, state)) if isinstance(state, tuple) else state * 0


@pytest.mark.parametrize("chunk", [1, 3, 4, 9])
@pytest.mark.parametrize("name", CELLS)
def test_with_a_prediction_that_is_exact_it_is_full_backpropagation(name, chunk):
    problem = Problem(name)
    full = problem.full(Truncation(STEPS, STEPS))
    made, targets = problem.in_chunks(chunk, lambda t: known(problem, t))
    torch.testing.assert_close(made, full, rtol=1e-10, atol=1e-12)
    for t, target in targets:  # and so are the targets
        torch.testing.assert_close(target, problem.beyond(t), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("chunk", [1, 3, 9])
@pytest.mark.parametrize("name", CELLS)
def test_with_no_prediction_it_is_a_chunked_loop(name, chunk):
    problem = Problem(name)
    wanted = problem.full(Truncation.epochwise(chunk))
    made, _ = problem.in_chunks(chunk, lambda t: nothing)
    torch.testing.assert_close(made, wanted, rtol=1e-10, atol=1e-12)


def test_the_prediction_is_pulled_towards_its_target():
    problem, synthesiser = Problem("gru"), nn.Linear(HIDDEN, HIDDEN)
    result = bootstrapped(
        problem.cell, problem.loss(slice(0, 3)), problem.x[:3], problem.state, synthesiser
    )
    ours = synthesiser.weight.grad.clone()
    synthesiser.zero_grad()
    missed = (synthesiser(problem.state) - result.target).square().sum()
    (missed / 2).backward()
    torch.testing.assert_close(ours, synthesiser.weight.grad)
    torch.testing.assert_close(result.missed, missed.detach())


class Constant(nn.Module):
    """Predicts one number, whatever the state."""

    def __init__(self):
        super().__init__()
        self.value = nn.Parameter(torch.zeros(1))

    def forward(self, state):
        return self.value.expand_as(state)


class Fading(nn.Module):
    """A number that fades, and is fed: what comes back from all later losses is known."""

    def __init__(self):
        super().__init__()
        self.rate, self.feed = nn.Parameter(torch.tensor(0.8)), nn.Parameter(torch.ones(1))

    def forward(self, x, state):
        return self.rate * state + self.feed * x


def test_errors_come_to_cross_any_number_of_chunks():
    # The loss is the sum of all states, so each later one sends back rate^j: 0.8 / 0.2 = 4 in all,
    # of which a chunk of 2 steps has 0.8 + 0.64 itself.
    cell, constant = Fading(), Constant()
    learn = torch.optim.SGD(constant.parameters(), 1.0)  # all that a squared distance asks for
    state, sent = torch.zeros(1, 1), []
    for _ in range(40):
        cell.zero_grad(), constant.zero_grad()
        result = bootstrapped(cell, torch.sum, torch.ones(2, 1, 1), state, constant)
        state = result.state
        sent.append(float(result.target.detach()))
        learn.step()
    wanted = [4 * (1 - 0.64 ** (chunks + 1)) for chunks in range(40)]
    torch.testing.assert_close(torch.tensor(sent), torch.tensor(wanted))
    assert abs(sent[0] - 1.44) < 1e-12
    assert abs(sent[-1] - 4) < 1e-5
    # And the weights get what all later losses would have sent: (1 + 4) + 0.8 (1 + 4), and so on.
    assert abs(float(cell.feed.grad) - (5 + 5)) < 1e-4


def by_traces(problem, forecast, keep):
    """BP(lambda), as its authors write it: one step's surprise, and a trace of all forecasts made.

    Returns what all steps of a sequence together ask of the forecast's weights.
    """
    now, asked = problem.state, torch.zeros(HIDDEN, HIDDEN)
    trace = torch.zeros(BATCH, HIDDEN, HIDDEN, HIDDEN)  # row, part of the state, weight
    for t, x in enumerate(problem.x):
        own = torch.einsum("pi,bj->bpij", torch.eye(HIDDEN), now)
        trace = trace + own
        leaf = now.detach().requires_grad_()
        after = problem.cell(x, leaf)
        (error,) = torch.autograd.grad(
            problem.loss(slice(t, t + 1))(after[None]), after, retain_graph=True
        )
        beyond = forecast(after.detach()) if t + 1 < STEPS else torch.zeros_like(after)
        (arrived,) = torch.autograd.grad(after, leaf, error + beyond, retain_graph=True)
        asked += torch.einsum("bp,bpij->ij", (arrived - forecast(now)).detach(), trace)
        moved = [torch.autograd.grad(after[:, part].sum(), leaf, retain_graph=True)[0]
                 for part in range(HIDDEN)]  # fmt: skip
        trace = keep * torch.einsum("bpq,bqij->bpij", torch.stack(moved, dim=1), trace)
        now = after.detach()
    return asked


def test_traces_without_a_past_are_chunks_of_a_step_and_whole_ones_learn_what_really_came():
    problem, forecast = Problem("rnn"), nn.Linear(HIDDEN, HIDDEN, bias=False)
    state = problem.state
    for t in range(STEPS):
        here, last = slice(t, t + 1), torch.full((BATCH,), t + 1 == STEPS)
        state = bootstrapped(
            problem.cell, problem.loss(here), problem.x[here], state, forecast, ends=last
        ).state
    torch.testing.assert_close(by_traces(problem, forecast, 0.0), -forecast.weight.grad)
    forecast.zero_grad()
    state = problem.state
    for t in range(STEPS):
        missed = (forecast(state) - problem.beyond(t)).square().sum()
        (missed / 2).backward()
        state = problem.cell(problem.x[t], state).detach()
    torch.testing.assert_close(by_traces(problem, forecast, 1.0), -forecast.weight.grad)
    between = by_traces(problem, forecast, 0.5)
    assert (between + forecast.weight.grad).norm() > 0.01 * between.norm()


def test_nothing_comes_back_from_beyond_an_end_nor_through_a_reset():
    problem, ends = Problem("rnn"), torch.tensor([True, False, False])
    ones = lambda state: torch.ones_like(state)  # noqa: E731
    arguments = problem.cell, problem.loss(slice(0, 3)), problem.x[:3], problem.state
    plain = bootstrapped(*arguments, nothing).target
    ended = bootstrapped(*arguments, ones, ends=ends).target
    torch.testing.assert_close(ended[0], plain[0])
    assert (ended[1:] - plain[1:]).abs().min() > 1e-3
    resets = torch.zeros(3, BATCH, dtype=torch.bool)
    resets[1, 1] = True
    first = bootstrapped(*arguments, ones, resets=resets).target
    alone = bootstrapped(
        problem.cell, problem.loss(slice(0, 1)), problem.x[:1], problem.state, nothing
    ).target
    torch.testing.assert_close(first[1], alone[1])
    waits = torch.ones(3, BATCH, dtype=torch.bool)
    waits[:, 2] = False
    torch.testing.assert_close(bootstrapped(*arguments, ones, mask=waits).target[2], torch.ones(4))


def test_what_cannot_be_is_refused():
    problem, synthesiser = Problem("rnn"), nn.Linear(HIDDEN, HIDDEN)

    def refused(words, kind=ValueError, **changed):
        given = {"cell": problem.cell, "loss_fn": problem.loss(slice(0, STEPS)),
                 "inputs": problem.x, "state": problem.state,
                 "synthesiser": synthesiser} | changed  # fmt: skip
        with pytest.raises(kind, match=words):
            bootstrapped(**given)
        assert all(w.grad is None for w in (*problem.cell.parameters(), *synthesiser.parameters()))

    refused("synthesiser must be a module or a function", TypeError, synthesiser=0.0)
    refused("synthesiser must be a module or a function", TypeError, synthesiser=nn.Linear)
    refused(r"What synthesiser returns\[0\] must be \(3, 4\)", synthesiser=lambda h: h[:, :2])
    refused("What synthesiser returns must be finite", synthesiser=lambda h: h / 0)
    refused(
        "What synthesiser returns must be a tuple of 1", TypeError, synthesiser=lambda h: (h, h)
    )
    refused("does not depend on the outputs", loss_fn=lambda out: out.detach().sum())
    refused("must return a scalar", loss_fn=lambda out: out)
    refused("ends must be a bool Tensor", TypeError, ends=torch.ones(3))
