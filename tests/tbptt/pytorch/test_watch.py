"""A watched loop: what is planted is found, what is sound raises no alarm, and no bit changes."""

from collections import deque

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence
from torch.utils.data import DataLoader, TensorDataset

from tbptt import Truncation
from tbptt.pytorch import as_cell, backward, online, watch
from tbptt.pytorch.watching.findings import _same_direction
from tbptt.schedule import BackwardPass

ROWS, STEPS, UNITS = 3, 48, 6


def series(rows=ROWS, steps=STEPS, features=2):
    """Smooth rows, as most measured series are: a step is small beside the whole."""
    time = torch.arange(steps)[:, None, None] / 15
    phases = torch.rand(1, rows, features) * 6
    return torch.sin(time + phases)


def fresh(module, rows=ROWS, like="zeros"):
    state = getattr(torch, like)(rows, UNITS)
    return (state, getattr(torch, like)(rows, UNITS)) if "LSTM" in type(module).__name__ else state


def cut(state):
    return tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()


def output(state):
    return state[0] if isinstance(state, tuple) else state


def said(seen):
    """Return what is printed, lines joined, and ask that they fit a page."""
    assert max(map(len, str(seen).splitlines())) <= 76
    return " ".join(str(seen).split())


def learn(module, loss, rate=0.01):
    """Update as a plain loop does."""
    loss.backward()
    with torch.no_grad():
        for weight in module.parameters():
            if weight.grad is not None:
                weight -= rate * weight.grad
                weight.grad = None


def chunks_of_a_cell(cell, x, k, detach=cut, state=None):
    state = fresh(cell, x.shape[1]) if state is None else state
    for chunk in x.split(k):
        loss = 0.0
        for step in chunk:
            state = cell(step, state)
            loss = loss + output(state).square().mean()
        learn(cell, loss)
        state = detach(state)
    return state


def chunks_of_a_layer(layer, x, k, detach=cut):
    state, time = None, 1 if layer.batch_first else 0
    for chunk in (x.transpose(0, 1) if layer.batch_first else x).split(k, time):
        outputs, state = layer(chunk, state)
        learn(layer, outputs.square().mean())
        state = detach(state)


CELLS = [nn.RNNCell, nn.GRUCell, nn.LSTMCell]
LAYERS = [nn.RNN, nn.GRU, nn.LSTM]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("k", [1, 4, 48])
def test_the_chunks_of_a_cell_are_epochwise(kind, k):
    cell = kind(2, UNITS)
    with watch(cell) as seen:
        chunks_of_a_cell(cell, series(), k)
    np.testing.assert_array_equal(seen.counts(), Truncation.epochwise(k).reach(STEPS))
    assert seen.passes == Truncation.epochwise(k).passes(STEPS)
    assert seen.truncation == Truncation.epochwise(k)
    assert seen.steps == STEPS


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("kind", LAYERS)
def test_the_chunks_of_a_layer_are_epochwise(kind, batch_first, layers):
    layer = kind(2, UNITS, layers, batch_first=batch_first)
    with watch(layer) as seen:
        chunks_of_a_layer(layer, series(), 8)
    np.testing.assert_array_equal(seen.counts(), Truncation.epochwise(8).reach(STEPS))
    assert [border.rows for border in seen.borders] == [("zero",) * ROWS] + [
        ("carried",) * ROWS
    ] * 5
    assert not seen.findings


def relay(cell, x, k1, k2):
    """True and semi-epochwise truncation by one graph: only the oldest border is cut.

    A step is run once; its error goes back to `k2` steps before the pass's end, where a hook stops
    it.
    """
    states, kept = [fresh(cell, x.shape[1])], deque(maxlen=k2)
    for t, step in enumerate(x):
        states.append(cell(step, states[-1]))
        kept.append(states[-1])
        if (t + 1) % k1 == 0 or t + 1 == len(x):
            first = max(t + 1 - k2, 0)
            owned = states[t + 2 - k1 if (t + 1) % k1 == 0 else len(x) // k1 * k1 + 1 : t + 2]
            stop = states[first]
            handle = stop.register_hook(torch.zeros_like) if stop.requires_grad else None
            sum(state.sum() for state in owned).backward(retain_graph=True)
            if handle:
                handle.remove()


@pytest.mark.parametrize(("k1", "k2"), [(1, 3), (2, 5), (4, 4), (3, 7), (1, 48), (5, 12)])
def test_errors_that_are_stopped_by_a_hook_reach_as_far_as_they_do(k1, k2):
    cell = nn.RNNCell(2, UNITS)
    with watch(cell) as seen:
        relay(cell, series(), k1, k2)
    np.testing.assert_array_equal(seen.counts(), Truncation(k1, k2).reach(STEPS))
    assert seen.truncation == Truncation(k1, min(k2, STEPS))


def test_a_loss_of_the_last_step_alone():
    cell = nn.GRUCell(2, UNITS)
    with watch(cell) as seen:
        state = fresh(cell)
        for step in series(steps=5):
            state = cell(step, state)
        state.sum().backward()
    assert seen.passes == [BackwardPass(0, 4, 5)]
    assert seen.counts().tolist() == [[0] * 5] * 4 + [[1] * 5]


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("at", [2, 5])
def test_the_error_of_one_step_in_stacks_however_they_are_run(kind, layers, at):
    layer, x = kind(2, UNITS, layers), series(steps=6)
    cell = as_cell(layer)
    parts = layers * (2 if kind is nn.LSTM else 1)

    def step_by_step():
        state = tuple(torch.zeros(ROWS, UNITS) for _ in range(parts))
        state = state if parts > 1 else state[0]
        for step in x:
            state = cell(step, state)
            yield output(state)

    def in_pieces(length):
        state = None
        for piece in x.split(length):
            outputs, state = layer(piece, state)
            yield from outputs

    for module, outputs in ((cell, step_by_step()), (layer, in_pieces(1)), (layer, in_pieces(3))):
        with watch(module, cell=cell if module is cell else None) as seen:
            list(outputs)[at].square().sum().backward()
        wanted = np.zeros((6, 6))
        wanted[at, : at + 1] = 1
        np.testing.assert_array_equal(seen.counts(), wanted)


@pytest.mark.parametrize("keep", ["h", "c", "both"])
def test_losses_of_an_lstm_count_once_where_its_graph_is_retained(keep):
    cell = nn.LSTMCell(2, UNITS)
    with watch(cell) as seen:
        h, c = fresh(cell)
        for chunk in series(steps=12).split(4):
            loss = 0.0
            for step in chunk:
                h, c = cell(step, (h, c))
                loss = loss + h.square().sum()
            loss.backward(retain_graph=True)
            h, c = h if keep != "c" else h.detach(), c if keep != "h" else c.detach()
    np.testing.assert_array_equal(seen.counts(), np.tril(np.ones((12, 12))))


def test_packed_rows_end_where_they_end():
    layer = nn.GRU(2, UNITS)
    with watch(layer) as seen:
        _, last = layer(pack_sequence([torch.randn(2, 2), torch.randn(4, 2)], enforce_sorted=False))
        last.sum().backward()
    assert seen.counts().sum(1).tolist() == [0, 2, 0, 4]


def test_a_state_that_goes_through_the_readers_own_code():
    """A loss on what stands between two calls belongs to the step before."""
    cell, norm = nn.GRUCell(2, UNITS), nn.LayerNorm(UNITS)
    with watch(cell) as seen:
        state = fresh(cell)
        for chunk in series(steps=12).split(4):
            loss = 0.0
            for step in chunk:
                state = norm(cell(step, state))
                loss = loss + state.square().sum()
            loss.backward()
            state = state.detach()
    np.testing.assert_array_equal(seen.counts(), Truncation.epochwise(4).reach(12))


def test_rows_that_begin_anew_inside_a_chunk():
    cell, x = nn.GRUCell(2, UNITS), series(rows=2, steps=8)
    goes_on = torch.ones(8, 2, 1)
    goes_on[3, 0] = goes_on[5] = 0
    with watch(cell) as seen:
        state = fresh(cell, 2)
        loss = 0.0
        for step, keep in zip(x, goes_on, strict=True):
            state = cell(step, state * keep)
            loss = loss + state.sum()
        loss.backward()
    assert seen.borders[3].rows == ("zero", "carried")
    # Step 5 begins anew in all rows: no error of a later step goes further back.
    assert seen.counts()[7].tolist() == [0, 0, 0, 0, 0, 1, 1, 1]
    assert seen.counts()[4].tolist() == [1, 1, 1, 1, 1, 0, 0, 0]
    assert not seen.findings


class Own(nn.Module):
    """A cell of a reader's own, with a NamedTuple of neither kind of PyTorch's."""

    def __init__(self):
        super().__init__()
        self.mix = nn.Linear(2 + UNITS, UNITS)

    def forward(self, x, state):
        h, total = state
        h = torch.tanh(self.mix(torch.cat([x, h], 1)))
        return h, 0.9 * total + h


def test_a_readers_own_cell_inside_a_model():
    model = nn.ModuleDict({"encoder": nn.Linear(2, 2), "cell": Own()})
    with watch(model, cell=model["cell"]) as seen:
        state = torch.zeros(ROWS, UNITS), torch.zeros(ROWS, UNITS)
        for chunk in series(steps=12).split(6):
            loss = 0.0
            for step in chunk:
                state = model["cell"](model["encoder"](step), state)
                loss = loss + state[1].sum()
            loss.backward()
            state = cut(state)
    assert seen.truncation == Truncation.epochwise(6)
    assert seen.modules == ("cell",)


def test_several_modules_are_told_apart():
    model = nn.ModuleDict({"slow": nn.GRU(2, UNITS), "fast": nn.GRUCell(UNITS, UNITS)})
    with watch(model) as seen:
        outputs, _ = model["slow"](series(steps=6))
        state = fresh(model["fast"])
        for step in outputs:
            state = model["fast"](step, state)
        state.sum().backward()
    assert seen["slow"].counts()[5].tolist() == [1] * 6
    assert seen["fast"].passes == [BackwardPass(0, 5, 6)]
    assert not seen.findings
    with pytest.raises(
        ValueError, match=r"Several .* slow, fast: ask for one, as in seen\['slow'\]"
    ):
        seen.counts()
    with pytest.raises(KeyError, match="'slow', 'fast' were"):
        seen["quick"]


# --- no bit changes, and memory stays


@pytest.mark.parametrize("kind", [*CELLS, *LAYERS])
def test_no_bit_changes(kind):
    x = torch.randn(40, 4, 2)
    loop = chunks_of_a_cell if kind in CELLS else chunks_of_a_layer
    weights = []
    for watched in (False, True):
        torch.manual_seed(1)
        module = kind(2, UNITS)
        if watched:
            with watch(module):
                loop(module, x, 8)
        else:
            loop(module, x, 8)
        weights.append([weight.detach() for weight in module.parameters()])
    for plain, seen in zip(*weights, strict=True):
        assert torch.equal(plain, seen)
    assert not module._forward_hooks
    assert not module._forward_pre_hooks


def test_an_endless_stream_needs_constant_memory():
    cell = nn.RNNCell(2, UNITS)
    with watch(cell, last=100) as seen:
        state = fresh(cell)
        for _ in range(20):
            state = chunks_of_a_cell(cell, series(), 8, state=state)
            assert len(seen._one.ledger.calls) < 200
            assert len(seen.passes) < 30
    assert seen.steps == 20 * STEPS
    assert seen.truncation == Truncation.epochwise(8)
    assert 100 <= len(seen.counts()) < 200


# --- what is planted is found


def never_detached():
    cell = nn.GRUCell(2, UNITS)
    with pytest.raises(RuntimeError, match=r"a second time|inplace"), watch(cell) as seen:
        chunks_of_a_cell(cell, series(), 6, detach=lambda state: state)
    return seen


def never_detached_with_retain_graph():
    cell = nn.GRUCell(2, UNITS)
    with watch(cell) as seen:
        state = fresh(cell)
        for chunk in series().split(6):
            loss = 0.0
            for step in chunk:
                state = cell(step, state)
                loss = loss + state.sum()
            loss.backward(retain_graph=True)
    return seen


def detached_at_every_step():
    cell = nn.LSTMCell(2, UNITS)
    with watch(cell) as seen:
        state = fresh(cell)
        for chunk in series().split(8):
            loss = 0.0
            for step in chunk:
                state = cell(step, cut(state))
                loss = loss + state[0].square().mean()
            learn(cell, loss)
    return seen


def only_h_detached():
    cell = nn.LSTMCell(2, UNITS)
    with pytest.raises(RuntimeError, match=r"a second time|inplace"), watch(cell) as seen:
        chunks_of_a_cell(cell, series(), 6, detach=lambda state: (state[0].detach(), state[1]))
    return seen


def counted_twice():
    cell = nn.GRUCell(2, UNITS)
    with watch(cell) as seen:
        state, loss = fresh(cell), 0.0
        for step in series(steps=10):
            state = cell(step, state)
            loss = loss + state.square().sum()
            loss.backward(retain_graph=True)
    return seen


def zeroed_at_each_chunk():
    layer = nn.LSTM(2, UNITS, batch_first=True)
    with watch(layer) as seen:
        chunks_of_a_layer(layer, series(), 8, detach=lambda state: None)
    return seen


def zeroed_below_an_embedding():
    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.rnn = nn.Embedding(9, 2), nn.GRU(2, UNITS)

        def forward(self, words, state):
            return self.rnn(self.embedding(words), state)

    model, words = Words(), torch.randint(9, (STEPS, ROWS))
    with watch(model) as seen:
        for chunk in words.split(8):
            outputs, _ = model(chunk, torch.zeros(1, ROWS, UNITS))
            learn(model, outputs.square().mean())
    return seen


def drawn_at_each_chunk(chunks=8, rows=ROWS):
    layer = nn.LSTM(2, UNITS)
    with watch(layer) as seen:
        for _ in range(chunks):
            state = torch.randn(1, rows, UNITS), torch.randn(1, rows, UNITS)
            outputs, _ = layer(series(rows, steps=6), state)
            learn(layer, outputs.square().mean())
    return seen


def carried_across_shuffled_windows():
    layer = nn.GRU(2, UNITS, batch_first=True)
    windows = series(rows=1, steps=400)[:, 0].unfold(0, 10, 10).transpose(1, 2)
    loader = DataLoader(TensorDataset(windows), batch_size=4, shuffle=True)
    with watch(layer) as seen:
        state = None
        for _ in range(2):
            for (batch,) in loader:
                outputs, state = layer(batch, state)
                learn(layer, outputs.square().mean())
                state = state.detach()
    return seen


def carried_across_shuffled_words():
    """Nothing tells where a word goes on, but each epoch has another order."""
    layer = nn.GRU(4, UNITS, batch_first=True)
    words = nn.functional.one_hot(torch.randint(4, (400,)), 4).float()
    loader = DataLoader(TensorDataset(words.view(40, 10, 4)), batch_size=4, shuffle=True)
    with watch(layer) as seen:
        state = None
        for _ in range(12):
            for (batch,) in loader:
                outputs, state = layer(batch, state)
                learn(layer, outputs.square().mean())
                state = state.detach()
    return seen


def validated(keeps, returns):
    layer = nn.GRU(2, UNITS)
    with watch(layer) as seen:
        state = None
        for _ in range(3):
            layer.train()
            for chunk in series().split(8):
                outputs, state = layer(chunk, state)
                learn(layer, outputs.square().mean())
                state = state.detach()
            layer.eval()
            with torch.no_grad():
                other = state if keeps else None
                for chunk in series().split(8):
                    _, other = layer(chunk, other)
            state = other if returns else state
    return seen


def updated_inside():
    """The old way to update, past autograd's back, with a graph that goes on."""
    cell = nn.RNNCell(2, UNITS)
    with watch(cell) as seen:
        states = [fresh(cell)]
        for t, step in enumerate(series(steps=12)):
            states.append(cell(step, states[-1] if t % 4 else states[-1].detach()))
            states[-1].sum().backward(retain_graph=True)
            for weight in cell.parameters():
                weight.data.add_(weight.grad.data, alpha=-0.01)
                weight.grad = None
    return seen


def rows_cut_off():
    layer = nn.GRU(2, UNITS, batch_first=True)
    loader = DataLoader(TensorDataset(torch.randn(10, 5, 2)), batch_size=4)
    with watch(layer) as seen:
        state = torch.zeros(1, 4, UNITS)
        for (batch,) in loader:
            outputs, state = layer(batch, state[:, : len(batch)])
            learn(layer, outputs.square().mean())
            state = state.detach()
    return seen


def chunks_by_number(chunks=6):
    layer = nn.GRU(2, UNITS)
    with watch(layer) as seen:
        state = None
        for chunk in series(steps=46).tensor_split(chunks):
            outputs, state = layer(chunk, state)
            learn(layer, outputs.square().mean())
            state = state.detach()
    return seen


PLANTED = {
    never_detached: "never detached",
    never_detached_with_retain_graph: "never detached",
    detached_at_every_step: "detached at every step",
    only_h_detached: "Only a part of the state is detached",
    counted_twice: "count more than once",
    zeroed_at_each_chunk: "begins from zeros though its data go on",
    zeroed_below_an_embedding: "begins from zeros though its data go on",
    drawn_at_each_chunk: "drawn again at 7 of 7 borders",
    carried_across_shuffled_windows: "carried where the data do not go on: ",
    carried_across_shuffled_words: "windows were followed by another one than before",
    lambda: validated(keeps=True, returns=False): "Validation begins from the state that training",
    lambda: validated(keeps=True, returns=True): "Training goes on from a state that validation",
    updated_inside: "weights changed inside a backward pass",
    rows_cut_off: "short batch cuts rows off the state: 2 rows end at step 10",
    chunks_by_number: "Chunks have 8 and 7 steps, 6 in all",
    lambda: chunks_by_number(5): "Chunks have 10 and 9 steps, 5 in all",
}


@pytest.mark.parametrize(("loop", "words"), PLANTED.items())
def test_what_is_planted_is_found(loop, words):
    seen = loop()
    assert any(words in finding for finding in seen.findings), str(seen)
    assert words in said(seen)


@pytest.mark.parametrize("borders", [1, 2, 3])
def test_three_borders_make_a_habit(borders):
    seen = drawn_at_each_chunk(borders + 1, rows=16)  # enough to tell that they are drawn
    drawn = [finding for finding in seen.findings if "drawn again" in finding]
    assert len(drawn) == (borders == 3), str(seen)


@pytest.mark.parametrize(("kept", "found"), [((), 1), ((7,), 0), ((1, 4, 7), 0)])
def test_zeros_that_come_now_and_then_are_meant(kept, found):
    layer, state = nn.GRU(2, UNITS), None
    with watch(layer) as seen:
        for number, chunk in enumerate(series(steps=80).split(8)):
            outputs, state = layer(chunk, state if number in kept else None)
            learn(layer, outputs.square().mean())
            state = state.detach()
    zeroed = [finding for finding in seen.findings if "begins from zeros though" in finding]
    assert len(zeroed) == found, str(seen)


def test_errors_are_the_same_ones_if_they_point_the_same_way():
    error, other = torch.randn(2, 50, generator=torch.Generator().manual_seed(0))
    assert _same_direction(error, 3 * error)
    assert not _same_direction(error, error + 0.01 * other)
    assert not _same_direction(error, -error)
    assert not _same_direction(error, torch.zeros(50))


@pytest.mark.parametrize("steps", [2, 3, 4])
def test_three_steps_make_a_habit(steps):
    cell, state = nn.GRUCell(2, UNITS), torch.zeros(ROWS, UNITS)
    with watch(cell) as seen:
        loss = 0.0
        for step in series(steps=steps):
            state = cell(step, state.detach())
            loss = loss + state.square().mean()
        learn(cell, loss)
    found = [finding for finding in seen.findings if "detached at every step" in finding]
    assert len(found) == (steps > 3), str(seen)


def test_a_series_of_two_words_is_accused_of_nothing_else():
    cell, state = nn.LSTMCell(2, UNITS), (torch.zeros(4, UNITS), torch.zeros(4, UNITS))
    with watch(cell) as seen:
        for chunk in nn.functional.one_hot(torch.randint(2, (120, 4)), 2).float().split(12):
            loss = 0.0
            for step in chunk:
                state = cell(step, cut(state))
                loss = loss + state[0].sum()
            learn(cell, loss)
    assert [finding.split(":")[0] for finding in seen.findings] == [
        "The state is detached at every step"
    ]


def test_a_loss_summed_up_over_detached_chunks_is_not_called_undetached():
    cell, state, loss = nn.GRUCell(2, UNITS), torch.zeros(ROWS, UNITS), 0.0
    with watch(cell) as seen:
        for chunk in series().split(6):
            state = state.detach()
            for step in chunk:
                state = cell(step, state)
                loss = loss + state.square().sum()
            loss.backward(retain_graph=True)
    assert [finding.split(":")[0] for finding in seen.findings] == ["Losses count more than once"]


def test_a_border_where_some_rows_begin_anew_is_said_to_carry_the_others():
    cell, state = nn.GRUCell(2, UNITS), torch.zeros(ROWS, UNITS)
    with watch(cell) as seen:
        for number, chunk in enumerate(series().split(12)):
            state = state.detach() * torch.tensor([1.0, number != 2, 1.0])[:, None]
            for step in chunk:
                state = cell(step, state)
            state.sum().backward()
    assert "State: carried at 2 of 3 borders, at 1 more in a part of the rows." in said(seen)


def test_chunks_where_true_truncation_was_meant_are_drawn_beside_it():
    cell = nn.GRUCell(2, UNITS)
    with watch(cell) as seen:
        chunks_of_a_cell(cell, series(steps=12), 4)
    title = seen.picture(intended=Truncation.true(4)).split("</title>")[0]
    assert title.endswith("errors reach 1 to 4 steps. Intended 1 to 4: 12 squares are missing")
    assert "as it is" in seen.picture(intended=Truncation.epochwise(4))


def test_what_cannot_be_seen_is_said():
    cell = nn.GRUCell(2, UNITS)
    with watch(cell) as seen:
        state = fresh(cell)
        for step in series(steps=4):
            state = cell(step, state.detach().requires_grad_())
        state.sum().backward()
    assert "errors are passed on by hand, or by an engine, which cannot be seen" in said(seen)
    with watch(nn.Sequential(nn.GRU(2, 3))) as seen:
        pass
    assert str(seen).startswith("0 (GRU): it did not run, or not where hooks can see it")
    assert str(seen).endswith("So nothing can be said of it.")
    with watch(cell) as seen:
        cell(series()[0])
    assert str(seen).endswith("No backward pass was seen, so nothing is said of errors.")
    layer = nn.GRU(2, UNITS)
    with watch(layer) as seen:
        outputs = torch.utils.checkpoint.checkpoint(
            lambda x: layer(x)[0], series(), use_reentrant=False
        )
        outputs.sum().backward()
    assert seen.truncation == Truncation.epochwise(STEPS)
    assert "1 calls ran inside a backward pass, as checkpointing makes them" in said(seen)


def updated_between(every, chunk, detach):
    """Watch a cell whose weights change every so many steps, past autograd's back."""
    cell, state = nn.GRUCell(2, UNITS), torch.zeros(ROWS, UNITS)
    with watch(cell) as seen:
        for t, step in enumerate(series(steps=12)):
            state = cell(step, detach(state) if t % chunk == 0 else state)
            if (t + 1) % every == 0:
                state.sum().backward(retain_graph=True)
                with torch.no_grad():
                    for weight in cell.parameters():
                        weight.data.add_(weight.grad.data, alpha=-0.01)
    return seen


def test_a_state_of_earlier_weights_is_called_stale():
    stale = [border.stale for border in updated_between(2, 4, cut).borders]
    assert stale == [t > 0 and t % 2 == 0 for t in range(12)]
    # Inside a chunk, where errors find a way back to it, and where a value is carried.
    linked = [border.linked for border in updated_between(2, 4, cut).borders]
    assert [s and link for s, link in zip(stale, linked, strict=True)] == [
        t in (2, 6, 10) for t in range(12)
    ]
    # Updates where chunks end: the states inside are fresh, and those that are carried are not.
    borders = updated_between(4, 4, cut).borders
    assert [border.stale for border in borders] == [t in (4, 8) for t in range(12)]
    assert not any(border.stale and border.linked for border in borders)
    # What begins from zeros was made by no weights.
    assert not any(border.stale for border in updated_between(4, 4, torch.zeros_like).borders)


def test_no_state_is_stale_where_no_weight_changes():
    cell = nn.GRUCell(2, UNITS)
    with watch(cell) as seen:
        state = fresh(cell)
        for chunk in series(steps=12).split(4):
            for step in chunk:
                state = cell(step, state)
            state.sum().backward()  # gradients are gathered
            state = state.detach()
    assert [border.rows[0] for border in seen.borders] == ["zero"] + ["carried"] * 11
    assert not any(border.stale for border in seen.borders)


def title(picture):
    return picture.split("<title>")[1].split("</title>")[0]


@pytest.mark.parametrize("module", [nn.GRUCell(2, UNITS), nn.Sequential(nn.LSTM(2, UNITS))])
def test_where_nothing_ran_all_is_empty(module):
    with watch(module) as seen:
        pass
    for table in (seen.counts(), seen.reach()):
        assert table.shape == (0, 0)
    for wanted in (None, Truncation.true(3)):
        assert title(seen.picture(wanted)) == "No step was seen"
    assert (seen.steps, seen.passes, seen.borders, seen.findings) == (0, [], [], [])
    assert seen.truncation is None
    assert str(seen).endswith("So nothing can be said of it.")


@pytest.mark.parametrize("records", [False, True])
def test_where_no_backward_pass_was_made_no_error_reached_anything(records):
    cell = nn.GRUCell(2, UNITS)
    with watch(cell) as seen, torch.set_grad_enabled(records):
        state = fresh(cell)
        for step in series(steps=4):
            state = cell(step, state)
    assert seen.counts().tolist() == [[0] * 4] * 4
    assert not seen.reach().any()
    assert title(seen.picture()) == "4 steps: no error was sent back"
    assert title(seen.picture(Truncation.epochwise(4))) == (
        "4 steps: no error was sent back. Intended 1 to 4: 10 squares are missing"
    )
    assert (seen.steps, seen.passes, seen.findings, seen.truncation) == (4, [], [], None)
    assert len(seen.borders) == 4
    assert str(seen).endswith("No backward pass was seen, so nothing is said of errors.")
    assert "<svg" in seen._repr_html_()


def test_bad_input():
    with pytest.raises(TypeError, match=r"model must be an nn.Module, got function"), watch(series):
        pass
    with (
        pytest.raises(ValueError, match=r"no recurrent cell or layer in Linear.*cell="),
        watch(nn.Linear(2, 2)),
    ):
        pass
    with (
        pytest.raises(ValueError, match="GRU is bidirectional"),
        watch(nn.GRU(2, 2, bidirectional=True)),
    ):
        pass
    with (
        pytest.raises(TypeError, match=r"cell must be an nn.Module, got function"),
        watch(nn.GRU(2, 2), cell=cut),
    ):
        pass
    with pytest.raises(ValueError, match="last must be at least 1"), watch(nn.GRU(2, 2), last=0):
        pass
    cell = Own()
    with (
        pytest.raises(TypeError, match=r"cell\(x, state\), with a Tensor x; got list"),
        watch(cell, cell=cell),
    ):
        cell([1.0], fresh(cell))


@pytest.mark.parametrize("cell", [nn.GRUCell(2, UNITS), nn.Sequential(nn.GRUCell(2, UNITS))])
def test_an_engines_own_calls_are_no_steps_of_a_loop(cell):
    own = cell if isinstance(cell, nn.GRUCell) else cell[0]
    with watch(cell) as seen:
        backward(own, torch.sum, series(), torch.zeros(ROWS, UNITS), Truncation.true(4))
    assert seen.steps == 0
    assert "calls, all of them by an engine of this package" in said(seen)
    blocks = [(block, None) for block in series().split(4)]
    with watch(cell) as seen:
        for _ in online(own, lambda out, _: out.sum(), blocks, fresh(own), Truncation(4, 8)):
            pass
    assert not seen.findings
    assert seen.steps > STEPS  # it runs windows again
