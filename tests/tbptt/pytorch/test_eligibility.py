"""e-prop and RFLO: against a recomputation in NumPy, and against what they are said to be."""

import numpy as np
import pytest
import torch
from torch import nn

from tbptt import Truncation
from tbptt.pytorch import backward
from tbptt.pytorch.diagonal import DiagonalCell
from tbptt.pytorch.feedback import RandomFeedback
from tbptt.pytorch.forward_mode import RFLO, EProp, SnAp, accumulate
from tbptt.pytorch.leaky import LeakyCell

STEPS, BATCH, FEATURES, HIDDEN = 9, 3, 2, 4
KEEP = 0.7
KINDS = {
    "rnn": nn.RNNCell,
    "leaky": lambda features, hidden: LeakyCell(features, hidden, KEEP),
    "gru": nn.GRUCell,
    "lstm": nn.LSTMCell,
}


pytestmark = pytest.mark.usefixtures("double")


class Problem:
    """A cell, its inputs, its state and the errors of its outputs."""

    def __init__(self, name, seed=0):
        torch.manual_seed(seed)
        self.name, self.cell = name, KINDS[name](FEATURES, HIDDEN)
        self.x = torch.randn(STEPS, BATCH, FEATURES)
        self.errors = torch.randn(STEPS, BATCH, HIDDEN)
        parts = tuple(torch.randn(BATCH, HIDDEN) for _ in range(1 + (name == "lstm")))
        self.state = parts if name == "lstm" else parts[0]

    def made(self, way, *options, cut=STEPS, **flags):
        """Run a way over chunks that hand on all it returns; return the gradient, by weight."""
        self.cell.zero_grad()
        state, carried = self.state, ()
        for at in range(0, STEPS, cut):
            here = slice(at, at + cut)
            _, _, state, *carried = way(
                self.cell, lambda out, e=self.errors[here]: (e * out).sum(), self.x[here], state,
                *options, *carried, **{name: flag[here] for name, flag in flags.items()},
            )  # fmt: skip
        return {name: w.grad.clone().numpy() for name, w in self.cell.named_parameters()}

    def by_hand(self, decay=None):
        """Work out e-prop's gradient from its definition, or RFLO's, in plain NumPy."""
        weights = {name: w.detach().numpy() for name, w in self.cell.named_parameters()}
        x, errors = self.x.numpy(), self.errors.numpy()
        parts = self.state if self.name == "lstm" else (self.state,)
        total = {name: np.zeros_like(w) for name, w in weights.items()}
        for row in range(BATCH):
            state = [part[row].numpy() for part in parts]
            traces = {name: [np.zeros_like(w) for _ in state] for name, w in weights.items()}
            for t in range(STEPS):
                state, kept, slopes = STEP[self.name](weights, x[t, row], state)
                if decay is not None:
                    kept = np.full((1, 1, HIDDEN), decay)
                for name, (slope, sent) in slopes.items():
                    by_weight = slope[..., None] * sent if sent is not None else slope
                    old = traces[name]
                    rows = np.arange(len(weights[name])) % HIDDEN  # the unit of each row
                    traces[name] = [
                        sum(
                            (kept[p, q][rows].reshape(-1, *[1] * (old[q].ndim - 1)) * old[q])
                            for q in range(len(old))
                        ) + by_weight[p]
                        for p in range(len(old))
                    ]  # fmt: skip
                    error = errors[t, row][rows].reshape(-1, *[1] * (old[0].ndim - 1))
                    total[name] += error * traces[name][0]
        return total


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def preactivations(w, x, h):
    return w["weight_ih"] @ x + w["bias_ih"], w["weight_hh"] @ h + w["bias_hh"]


def from_slopes(by_input, by_state, x, h):
    """Slopes (numbers, rows) by what comes in and from states, and what is sent."""
    return {
        "weight_ih": (by_input, x), "bias_ih": (by_input, None),
        "weight_hh": (by_state, h), "bias_hh": (by_state, None),
    }  # fmt: skip


def leaky_step(keep):
    def step(w, x, state):
        (h,) = state
        new = np.tanh(sum(preactivations(w, x, h)))
        slope = ((1 - keep) * (1 - new**2))[None]
        kept = np.full((1, 1, HIDDEN), keep)
        return [keep * h + (1 - keep) * new], kept, from_slopes(slope, slope, x, h)

    return step


def gru_step(w, x, state):
    (h,) = state
    of_x, of_h = (np.split(part, 3) for part in preactivations(w, x, h))
    r, z = sigmoid(of_x[0] + of_h[0]), sigmoid(of_x[1] + of_h[1])
    n = np.tanh(of_x[2] + r * of_h[2])
    by_n = (1 - z) * (1 - n**2)
    by_r, by_z = by_n * of_h[2] * r * (1 - r), (h - n) * z * (1 - z)
    by_input = np.concatenate([by_r, by_z, by_n])[None]
    by_state = np.concatenate([by_r, by_z, by_n * r])[None]
    return [(1 - z) * n + z * h], z[None, None], from_slopes(by_input, by_state, x, h)


def lstm_step(w, x, state):
    h, c = state
    i, f, g, o = np.split(sum(preactivations(w, x, h)), 4)
    i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
    new = f * c + i * g
    out = np.tanh(new)
    through = o * (1 - out**2)  # of the memory cell to the output
    by_cell = [g * i * (1 - i), c * f * (1 - f), i * (1 - g**2), np.zeros(HIDDEN)]
    of_cell = np.concatenate(by_cell)
    of_output = np.concatenate([through * part for part in by_cell[:3]] + [out * o * (1 - o)])
    slope = np.stack([of_output, of_cell])
    nothing = np.zeros(HIDDEN)
    kept = np.stack([[nothing, through * f], [nothing, f]])
    return [o * out, new], kept, from_slopes(slope, slope, x, h)


STEP = {"rnn": leaky_step(0.0), "leaky": leaky_step(KEEP), "gru": gru_step, "lstm": lstm_step}


def assert_same(left, right, **tolerances):
    for name, gradient in right.items():
        np.testing.assert_allclose(
            left[name], gradient, **{"rtol": 1e-10, "atol": 1e-12} | tolerances
        )


def distance(left, right):
    off = sum(((left[name] - right[name]) ** 2).sum() for name in right)
    return (off / sum((gradient**2).sum() for gradient in right.values())) ** 0.5


@pytest.mark.parametrize("cut", [STEPS, 4, 1])
@pytest.mark.parametrize("name", KINDS)
def test_eprop_is_its_definition(name, cut):
    problem = Problem(name)
    assert_same(problem.made(accumulate, EProp(), cut=cut), problem.by_hand())


@pytest.mark.parametrize("name", ["rnn", "leaky", "gru"])
def test_rflo_is_its_definition(name):
    problem = Problem(name)
    assert_same(problem.made(accumulate, RFLO(0.4), cut=4), problem.by_hand(decay=0.4))


def test_a_plain_unit_keeps_nothing_and_eprop_is_a_reach_of_one_step():
    problem = Problem("rnn")
    assert_same(problem.made(accumulate, EProp()), problem.made(backward, Truncation.true(1)))


def test_of_leaky_units_rflo_is_eprop():
    problem = Problem("leaky")
    assert_same(problem.made(accumulate, RFLO(KEEP)), problem.made(accumulate, EProp()))


class Deaf(nn.Module):
    """An LSTM cell whose gates get no errors from the next step; its memory cells do."""

    def __init__(self, cell):
        super().__init__()
        self.inner = cell

    def forward(self, x, state):
        h, c = state
        return self.inner(x, (h.detach(), c))


def test_of_an_lstm_eprop_is_backpropagation_through_its_memory_cells_alone():
    problem = Problem("lstm")
    inner = problem.cell
    ahead = problem.made(accumulate, EProp())
    problem.cell = Deaf(inner)
    behind = problem.made(backward, Truncation(STEPS, STEPS))
    assert_same(ahead, {name.removeprefix("inner."): grad for name, grad in behind.items()})


@pytest.mark.parametrize("name", KINDS)
def test_what_snap_keeps_more_is_each_units_connection_to_itself(name):
    problem = Problem(name)
    assert distance(problem.made(accumulate, SnAp(1)), problem.made(accumulate, EProp())) > 1e-3
    with torch.no_grad():
        for block in problem.cell.weight_hh.split(HIDDEN):
            block.fill_diagonal_(0)
    assert_same(problem.made(accumulate, SnAp(1)), problem.made(accumulate, EProp()))


def test_in_a_diagonal_recurrence_the_traces_are_the_whole_influence():
    problem = Problem("rnn")
    problem.cell, problem.state = DiagonalCell(FEATURES, 2), torch.randn(BATCH, 4)
    whole = EProp(lambda x, heard, state: problem.cell(x, state), units=2)
    exact = problem.made(backward, Truncation(STEPS, STEPS))
    assert_same(problem.made(accumulate, whole, cut=4), exact)
    carried = accumulate(problem.cell, torch.sum, problem.x, problem.state, whole).carried
    weights = sum(weight.numel() for weight in problem.cell.parameters())
    assert carried[0].shape == (BATCH, 2, weights)
    # Without `units` real and imaginary parts are units of their own, which share their rate.
    with pytest.raises(ValueError, match="A weight of the cell touches several units"):
        problem.made(accumulate, EProp(lambda x, heard, state: problem.cell(x, state)))


@pytest.mark.parametrize("name", KINDS)
def test_a_reset_is_another_run_and_a_step_that_is_masked_is_none(name):
    problem = Problem(name)
    resets, mask = torch.zeros(STEPS, BATCH, dtype=torch.bool), torch.ones(STEPS, BATCH).bool()
    resets[4], mask[6] = True, False
    together = problem.made(accumulate, EProp(), cut=3, resets=resets, mask=mask)
    x, errors, zero = problem.x, problem.errors, torch.zeros(BATCH, HIDDEN)
    apart = []
    for state, at in [(problem.state, [0, 1, 2, 3]), (zero, [4, 5, 7, 8])]:
        state = (zero, zero) if name == "lstm" and state is zero else state
        problem.cell.zero_grad()
        accumulate(problem.cell, lambda out, at=at: (errors[at] * out).sum(), x[at], state, EProp())
        apart.append({key: w.grad.clone().numpy() for key, w in problem.cell.named_parameters()})
    assert_same(together, {key: apart[0][key] + apart[1][key] for key in together})


def test_random_feedback_takes_the_place_of_the_readouts_weights_on_the_way_back():
    problem = Problem("leaky")
    readout, plain = RandomFeedback(HIDDEN, 2, torch.Generator().manual_seed(1)), nn.Linear(4, 2)
    plain.load_state_dict(
        {name: w for name, w in readout.state_dict().items() if "back" not in name}
    )
    targets = torch.randn(STEPS, BATCH, 2)

    def learn(layer, way, *options):
        layer.zero_grad(), problem.cell.zero_grad()
        loss_fn = lambda out: (layer(out) - targets).square().sum()  # noqa: E731
        outputs = way(problem.cell, loss_fn, problem.x, problem.state, *options).outputs
        return outputs, layer.weight.grad.clone()

    outputs, of_readout = learn(readout, accumulate, EProp())
    ahead = {name: w.grad.clone().numpy() for name, w in problem.cell.named_parameters()}
    _, of_plain = learn(plain, accumulate, EProp())
    torch.testing.assert_close(of_readout, of_plain)
    torch.testing.assert_close(readout(outputs), plain(outputs), rtol=0, atol=0)
    problem.errors = (2 * (plain(outputs) - targets) @ readout.feedback).detach()
    assert_same(ahead, problem.by_hand())


class OwnWay(nn.Module):
    """A cell without PyTorch's names; each unit keeps half, and hears its neighbour."""

    def __init__(self):
        super().__init__()
        self.drive = nn.Parameter(torch.randn(HIDDEN, FEATURES))
        self.heard = nn.Parameter(torch.randn(HIDDEN))

    def apart(self, x, heard, state):
        return state / 2 + torch.tanh(x @ self.drive.T + self.heard * heard.roll(1, 1))

    def forward(self, x, state):
        return self.apart(x, state, state)


def test_a_cell_of_ones_own_says_what_it_keeps():
    problem = Problem("rnn")
    problem.cell = cell = OwnWay()
    assert_same(
        problem.made(accumulate, EProp(cell.apart)), problem.made(accumulate, RFLO(0.5), cut=2)
    )
    with pytest.raises(ValueError, match="EProp cannot tell what a unit of OwnWay keeps"):
        problem.made(accumulate, EProp())


class Shared(nn.Module):
    """A weight that moves all units at once."""

    def __init__(self):
        super().__init__()
        self.drive = nn.Parameter(torch.randn(1))

    def forward(self, x, state):
        return state / 2 + self.drive * x[:, :1]


def test_what_cannot_be_is_refused():
    problem = Problem("rnn")

    def refused(method, words, kind=ValueError):
        before = [w.grad for w in problem.cell.parameters()]
        with pytest.raises(kind, match=words):
            accumulate(problem.cell, torch.sum, problem.x, problem.state, method)
        assert [w.grad for w in problem.cell.parameters()] == before

    refused(EProp(lambda x, heard, state: state), "another state than the cell")
    refused(EProp(lambda x, heard, state: problem.cell(x, state)), "depends on other units")
    refused(EProp(lambda x, heard: x), r"own must take \(x, heard, state\)", TypeError)
    refused(EProp(lambda x, heard, state: x), "What own returns")
    refused(EProp(units=3), "units must divide the width of the state, 4, got 3")
    problem.cell = nn.RNNCell(FEATURES, HIDDEN, bias=False)
    refused(EProp(), "takes weight_hh and bias_hh")
    problem.cell = Shared()
    refused(RFLO(0.5), "touches several units")
    lstm = Problem("lstm")
    with pytest.raises(ValueError, match="RFLO is for units with one number each"):
        lstm.made(accumulate, RFLO(0.5))
    for bad in (-0.1, 1, float("nan")):
        with pytest.raises(ValueError, match="decay must be"):
            RFLO(bad)
        with pytest.raises(ValueError, match="keep must be"):
            LeakyCell(2, 3, bad)
    with pytest.raises(TypeError, match="own must be a function"):
        EProp(0.5)
    with pytest.raises(TypeError, match=r"generator must be a torch\.Generator"):
        RandomFeedback(2, 3, 0)
    of, carried = Problem("rnn"), torch.zeros(BATCH, 1, 32)
    with pytest.raises(ValueError, match="carried must be what the call before returned"):
        accumulate(of.cell, torch.sum, of.x, of.state, EProp(), (carried,))
