"""Recurrences of today in every PyTorch engine: each gives the numbers that it is to give."""

import inspect

import numpy as np
import pytest
import torch
from torch.func import functional_call

from offers import ENGINES
from recurrences import BATCH, CELLS, FEATURES, STEPS, Problem, close, parts
from tbptt import Truncation
from tbptt.pytorch import Block, backward, online
from tbptt.pytorch.bootstrap import bootstrapped
from tbptt.pytorch.chunkwise import chunkwise
from tbptt.pytorch.evolution import NRES, PES, evolve
from tbptt.pytorch.forward_mode import RFLO, RTRL, UORO, EProp, SnAp, accumulate
from tbptt.pytorch.random_lengths import reweighted
from tbptt.pytorch.segments import SegmentAttention

WHOLE, CHUNK = Truncation(STEPS, STEPS), 4
# Rows whose sequence begins with an unroll.
BEGINS = torch.tensor([[True, True, True], [False, True, False], [False, True, False]])


pytestmark = pytest.mark.usefixtures("double")


def by_stream(problem, k1, k2):
    """Run `online` over blocks of `k1` steps."""

    def stream(cell, loss_fn, x, state, **flags):
        given = (each.split(k1) for each in (x, problem.errors, *flags.values()))
        blocks = [Block(*block) for block in zip(*given, strict=True)]
        error = lambda out, e: (e * (out + out**2 / 2)).sum()  # noqa: E731
        assert len(list(online(cell, error, blocks, state, Truncation(k1, k2)))) == len(blocks)

    return problem.gradient(stream)


def chunks_of(problem):
    """Yield the loss, the inputs and the flags of each chunk."""
    for t in range(0, STEPS, CHUNK):
        here = slice(t, t + CHUNK)
        loss_fn = lambda out, e=problem.errors[here]: (e * (out + out**2 / 2)).sum()  # noqa: E731
        yield loss_fn, problem.x[here], {name: flag[here] for name, flag in problem.flags.items()}


def chunked_loop(problem):
    """Cut at every chunk: the last one is shorter, and nothing comes from before it."""
    problem.cell.zero_grad()
    state = problem.state
    for loss_fn, x, flags in chunks_of(problem):
        state = backward(problem.cell, loss_fn, x, state, WHOLE, **flags).state
    return problem.weights_gradient()


def by_forecasts(problem, forecast_at):
    """Run `bootstrapped` over chunks; return the gradient, and the target of each chunk."""
    problem.cell.zero_grad()
    state, targets = problem.state, []
    for place, (loss_fn, x, flags) in enumerate(chunks_of(problem)):
        forecast = forecast_at((place + 1) * CHUNK)
        result = bootstrapped(problem.cell, loss_fn, x, state, forecast, **flags)
        state = result.state
        targets.append(result.target)
    return problem.weights_gradient(), targets


def nothing(state):
    return tuple(map(torch.zeros_like, state)) if isinstance(state, tuple) else 0 * state


@torch.enable_grad()  # a prediction is asked for without
def beyond(problem, t):
    """What the losses from step `t` on send to the state before it, by autograd."""
    if t >= STEPS:
        return nothing(problem.state)
    alone = isinstance(problem.state, torch.Tensor)
    flags = problem.flags
    before = problem.state
    if t:
        early = {name: flag[:t] for name, flag in flags.items()}
        before = problem.cell.at_once(problem.x[:t], before, **early).state
    leaves = tuple(part.detach().requires_grad_() for part in parts(before))
    late = {name: flag[t:] for name, flag in flags.items()}
    made = problem.cell.at_once(problem.x[t:], leaves[0] if alone else leaves, **late).outputs
    if "mask" in late:
        made = made.masked_fill(~late["mask"][..., None], 0)
    loss = (problem.errors[t:] * (made + made**2 / 2)).sum()
    sent = torch.autograd.grad(loss, leaves, allow_unused=True, materialize_grads=True)
    return sent[0] if alone else sent


def ask_backward(problem):
    for cut in ((1, 3), (2, 5), (4, 4), (STEPS, STEPS)):
        truncation = Truncation(*cut)
        close(problem.gradient(backward, truncation), problem.by_definition(truncation), 1e-11)


def ask_online(problem):
    for cut in ((1, 3), (2, 5), (4, 4)):
        close(by_stream(problem, *cut), problem.by_definition(Truncation(*cut)), 1e-11)


def ask_reweighted(problem):
    full = problem.gradient(backward, WHOLE)
    close(problem.gradient(reweighted, np.ones(STEPS)), full, 1e-11)
    borders = np.arange(STEPS) % CHUNK > 0
    close(problem.gradient(reweighted, borders.astype(float)), chunked_loop(problem), 1e-11)


def ask_accumulate(problem):
    full = problem.gradient(backward, WHOLE)
    close(problem.gradient(accumulate, RTRL()), full, 1e-10)


def ask_chunkwise(problem):
    full = problem.gradient(backward, WHOLE)
    for size in (1, CHUNK, STEPS, 99):
        close(problem.gradient(chunkwise, size), full, 1e-11)
        close(problem.gradient(chunkwise, size, at_once=False), full, 1e-11)


def ask_bootstrapped(problem):
    full = problem.gradient(backward, WHOLE)
    made, targets = by_forecasts(problem, lambda t: lambda state: beyond(problem, t))
    close(made, full, 1e-10)
    for place, target in enumerate(targets):
        sent = beyond(problem, place * CHUNK)
        for ours, wanted in zip(parts(target), parts(sent), strict=True):
            close(ours, wanted, 1e-10)
    close(by_forecasts(problem, lambda t: nothing)[0], chunked_loop(problem), 1e-11)


def unrolls(problem, kind, spread):
    """Run `evolve` over unrolls; return its gradient, and the moves of each unroll."""
    strategy, carried, moves = kind(spread, torch.Generator().manual_seed(0)), None, []
    problem.cell.zero_grad()
    for t in range(0, STEPS, CHUNK):
        error = problem.errors[t : t + CHUNK]
        loss_fn = lambda out, e=error: (e * (out + out**2 / 2)).sum(dim=(0, 2))  # noqa: E731
        begins = BEGINS[t // CHUNK] if t else None
        x = problem.x[t : t + CHUNK]
        _, carried = evolve(
            problem.cell, loss_fn, x, problem.state, strategy, carried, begins=begins
        )
        moves.append(carried[2])
    return problem.weights_gradient(), moves


def ask_evolve(problem):
    """As its spread goes to 0: slopes along the moves made, times the moves that count."""
    for kind in (PES, NRES):
        spread = 1e-4
        made, counted = unrolls(problem, kind, spread)
        wanted = torch.zeros_like(made)
        sizes = [weight.numel() for weight in problem.cell.parameters()]
        shapes = [(name, weight.shape) for name, weight in problem.cell.named_parameters()]
        flat = torch.cat([weight.detach().flatten() for weight in problem.cell.parameters()])
        for row in range(BATCH):
            leaves, drawn, begun, now = [], [], 0, None
            for unroll, summed in enumerate(counted):
                at = slice(unroll * CHUNK, unroll * CHUNK + CHUNK)
                if BEGINS[unroll, row]:
                    begun, now = unroll, tuple(part[row : row + 1] for part in parts(problem.state))
                # What was drawn for an unroll is what has been added since the one before.
                earlier = 0 if unroll == begun or kind is NRES else counted[unroll - 1][row]
                drawn.append(summed[row] - earlier)
                leaves.append(flat.clone().requires_grad_())
                moved = {
                    name: share.view(shape)
                    for share, (name, shape) in zip(leaves[-1].split(sizes), shapes, strict=True)
                }
                loss = 0
                for x, e in zip(problem.x[at, row : row + 1], problem.errors[at, row], strict=True):
                    given = now if isinstance(problem.state, tuple) else now[0]
                    now = parts(functional_call(problem.cell, moved, (x, given)))
                    loss = loss + (e * (now[0] + now[0] ** 2 / 2)).sum()
                since = leaves[begun:]
                slopes = torch.autograd.grad(loss, since, retain_graph=True)
                along = sum(
                    (slope * move).sum() for slope, move in zip(slopes, drawn[begun:], strict=True)
                )
                wanted += along * summed[row] / spread**2
        close(made, wanted, 1e-5)


ASKED = {
    "backward": ask_backward, "online": ask_online, "reweighted": ask_reweighted,
    "accumulate": ask_accumulate, "chunkwise": ask_chunkwise, "bootstrapped": ask_bootstrapped,
    "evolve": ask_evolve,
}  # fmt: skip


def test_every_pytorch_engine_is_asked():
    engines = [backward, online, reweighted, accumulate, chunkwise, bootstrapped, evolve]
    assert tuple(ASKED) == tuple(engine.__name__ for engine in engines) == ENGINES[:7]
    # All but evolve take resets and masks, online in its blocks; of evolve BEGINS are.
    for engine in engines:
        names = {*inspect.signature(engine).parameters}
        assert {"resets", "mask"} <= names or engine in (online, evolve)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("engine", ASKED)
def test_every_pytorch_engine_gives_what_it_is_to_give(engine, name):
    problem = Problem(name)
    assert {*problem.flags} == {"resets", "mask"}
    assert problem.resets.any()
    assert not problem.mask.all()
    ASKED[engine](problem)


@pytest.mark.parametrize("name", CELLS)
def test_nothing_comes_back_from_beyond_an_end(name):
    problem = Problem(name, flags=False)
    ends = torch.tensor([True, False, False])

    def targets(forecast, **given):
        loss_fn = lambda out: (problem.errors * out).sum()  # noqa: E731
        result = bootstrapped(problem.cell, loss_fn, problem.x, problem.state, forecast, **given)
        return torch.cat(parts(result.target), dim=1)

    ones = lambda state: tuple(part + 1 for part in parts(nothing(state)))  # noqa: E731
    if not isinstance(problem.state, tuple):
        ones = lambda state: torch.ones_like(state)  # noqa: E731
    plain, ended = targets(nothing), targets(ones, ends=ends)
    close(ended[0], plain[0])
    assert ((ended - plain).abs().amax(dim=1) > 1e-3).tolist() == [False, True, True]


# Orders from which SnAp leaves nothing out: of the diagonal cell what enters a channel's real part
# comes to its imaginary part a step later.
ORDERS = {"minGRU": 1, "minLSTM": 1, "diagonal": 2, "attention": 1, "selective": 1}


@pytest.mark.parametrize("name", CELLS)
def test_snap_leaves_nothing_out_of_what_stays_in_a_unit(name):
    problem = Problem(name)
    full = problem.gradient(backward, WHOLE)
    close(problem.gradient(accumulate, SnAp(ORDERS[name])), full, 1e-10)
    if ORDERS[name] > 1:
        assert (problem.gradient(accumulate, SnAp(1)) - full).norm() > 0.1 * full.norm()


@pytest.mark.parametrize("name", CELLS)
def test_the_mean_of_a_sketch_is_the_whole_influence(name):
    problem, groups, each = Problem(name), 16, 150
    some = slice(2, 6)  # sketches get louder with every step
    flags = {key: flag[some] for key, flag in problem.flags.items()}
    x, errors = problem.x[some], problem.errors[some]

    def mean(way, option, rows):
        wide = {key: flag.repeat(1, rows) for key, flag in flags.items()}
        state = tuple(part.repeat(rows, 1) for part in parts(problem.state))
        state = state if isinstance(problem.state, tuple) else state[0]
        all_errors = errors.repeat(1, rows, 1)
        loss_fn = lambda out: (all_errors * (out + out**2 / 2)).sum()  # noqa: E731
        problem.cell.zero_grad()
        way(problem.cell, loss_fn, x.repeat(1, rows, 1), state, option, **wide)
        return problem.weights_gradient() / rows

    exact, method = mean(backward, WHOLE, 1), UORO(torch.Generator().manual_seed(0))
    drawn = torch.stack([mean(accumulate, method, each) for _ in range(groups)])
    noise = drawn.std(dim=0) / groups**0.5
    assert noise.norm() < 0.25 * exact.norm()  # or it would not tell
    # Of a weight that no step uses both are zero.
    off = (drawn.mean(dim=0) - exact).abs()
    assert (off < 5 * noise + 1e-9).all()


def whole(cell):
    """Return e-prop's step of a cell no unit of which hears another one."""
    return lambda x, heard, state: cell(x, state)


@pytest.mark.parametrize(("name", "units"), [("minGRU", None), ("minLSTM", None), ("diagonal", 3)])
def test_of_units_apart_eprop_is_the_whole_influence(name, units):
    problem = Problem(name)
    method = EProp(whole(problem.cell), units=units)
    close(problem.gradient(accumulate, method), problem.gradient(backward, WHOLE), 1e-10)


@pytest.mark.parametrize("name", ["minGRU", "minLSTM"])
def test_rflo_of_a_minimal_cell_is_its_definition(name):
    problem, decay, hidden = Problem(name), 0.6, 5
    weights = list(problem.cell.parameters())
    total = [torch.zeros_like(weight) for weight in weights]
    states = problem.looped(**problem.flags)
    for row in range(BATCH):
        traces = [torch.zeros_like(weight) for weight in weights]
        now = problem.state[row]
        for t in range(STEPS):
            if problem.resets[t, row]:
                traces, now = [torch.zeros_like(weight) for weight in weights], torch.zeros(hidden)
            if problem.mask[t, row]:
                # A weight moves its own unit alone, so that the sum's derivative is the unit's.
                after = problem.cell(problem.x[t, row][None], now[None].detach())[0]
                fresh = torch.autograd.grad(after.sum(), weights)
                traces = [decay * old + new for old, new in zip(traces, fresh, strict=True)]
                now = after.detach()
                error = problem.errors[t, row] * (1 + now)
                for add, trace in zip(total, traces, strict=True):
                    unit = torch.arange(len(trace)) % hidden
                    add += error[unit].view(-1, *[1] * (trace.ndim - 1)) * trace
            close(now, states[t][0][row])
    wanted = torch.cat([part.flatten() for part in total])
    close(problem.gradient(accumulate, RFLO(decay)), wanted, 1e-11)


UNKNOWN = "EProp cannot tell what a unit of {} keeps from what it hears"
TOUCHES = "A weight of the cell touches several units in its own step"
WIDTHS = r"The parts of the state are \[{}\] wide, so that units cannot be told apart"
REFUSED = [
    ("minGRU", lambda cell: EProp(), UNKNOWN.format("MinGRU")),
    ("minLSTM", lambda cell: EProp(), UNKNOWN.format("MinLSTM")),
    ("diagonal", lambda cell: EProp(), TOUCHES),
    ("diagonal", lambda cell: EProp(whole(cell)), TOUCHES),
    ("diagonal", lambda cell: EProp(units=3), UNKNOWN.format("DiagonalCell")),
    ("diagonal", lambda cell: RFLO(0.5), TOUCHES),
    ("attention", lambda cell: EProp(), WIDTHS.format("4, 12")),
    ("attention", lambda cell: EProp(whole(cell), units=4), TOUCHES),
    ("attention", lambda cell: RFLO(0.5), WIDTHS.format("4, 12")),
    ("selective", lambda cell: EProp(), WIDTHS.format("4, 8, 12")),
    ("selective", lambda cell: EProp(whole(cell), units=FEATURES), TOUCHES),
    ("selective", lambda cell: RFLO(0.5), WIDTHS.format("4, 8, 12")),
]


@pytest.mark.parametrize(("name", "method", "words"), REFUSED)
def test_a_method_that_takes_some_cells_only_says_so(name, method, words):
    problem = Problem(name)
    with pytest.raises(ValueError, match=words):
        problem.gradient(accumulate, method(problem.cell))
    assert all(weight.grad is None for weight in problem.cell.parameters())


def test_what_reads_whole_segments_is_no_cell_and_refused():
    model, x = SegmentAttention(FEATURES, 2, 3), torch.zeros(STEPS, BATCH, FEATURES)
    memory = tuple(torch.zeros(3, BATCH, FEATURES) for _ in range(2))
    calls = {
        "backward": lambda: backward(model, torch.sum, x, memory, WHOLE),
        "online": lambda: next(
            online(model, lambda out, _: out.sum(), [Block(x, None)], memory, WHOLE)
        ),
        "reweighted": lambda: reweighted(model, torch.sum, x, memory, np.ones(STEPS)),
        "accumulate": lambda: accumulate(model, torch.sum, x, memory, RTRL()),
        "chunkwise": lambda: chunkwise(model, torch.sum, x, memory, CHUNK),
        "bootstrapped": lambda: bootstrapped(model, torch.sum, x, memory, nothing),
        "evolve": lambda: evolve(
            model, lambda out: out.sum(dim=(0, 2)), x, memory, NRES(0.1, torch.Generator())
        ),
    }
    assert tuple(calls) == ENGINES[:7]
    for call in calls.values():
        with pytest.raises(ValueError, match=r"state must be \(batch, hidden\), got shape"):
            call()
