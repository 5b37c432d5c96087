"""Sound loops, after the structure of programs that people know: none of them raises an alarm."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.utils.data import DataLoader, TensorDataset

from tbptt import Truncation
from tbptt.pytorch import backward, online, watch
from tbptt.pytorch.chunkwise import chunkwise
from tbptt.pytorch.random_lengths import reweighted
from tbptt.random_lengths import draw_factors
from tbptt.windows import (
    WindowDataset,
    in_lanes,
    place_windows,
    ragged_batches,
    segments,
    stateful_batches,
)

ROWS, UNITS, WORDS = 4, 6, 9


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def cut(state):
    return tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()


def learn(module, *losses):
    optimizer = torch.optim.SGD(module.parameters(), 0.01)
    for number, loss in enumerate(losses, 1):
        loss.backward(retain_graph=number < len(losses))
    optimizer.step()


def words(rows=ROWS, steps=60):
    return torch.randint(WORDS, (steps, rows))


def walk(rows=ROWS, steps=60, features=2):
    return torch.randn(steps, rows, features).cumsum(0) / 5


class Language(nn.Module):
    """Words in, words out: an embedding, two layers, a readout that shares its weights."""

    def __init__(self, dropout=0.0, tied=True):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, UNITS)
        self.rnn = nn.LSTM(UNITS, UNITS, 2, dropout=dropout)
        self.readout = nn.Linear(UNITS, WORDS)
        if tied:
            self.readout.weight = self.embedding.weight

    def forward(self, tokens, state=None):
        outputs, state = self.rnn(self.embedding(tokens), state)
        return self.readout(outputs), state


def entropy(logits, targets):
    return nn.functional.cross_entropy(logits.flatten(0, -2), targets.flatten())


def language_model(model, tokens, lengths):
    state, first = None, 0
    for length in lengths:
        stop = min(first + length, len(tokens) - 1)
        logits, state = model(tokens[first:stop], state)
        learn(model, entropy(logits, tokens[first + 1 : stop + 1]))
        state, first = cut(state), stop


def words_in_chunks():
    model, tokens = Language(dropout=0.3), words()
    yield model
    language_model(model, tokens, [7] * 9)


def words_over_epochs_with_validation_from_zeros():
    model, tokens = Language(), words()
    yield model
    for _ in range(3):
        model.train()
        language_model(model, tokens, [10] * 6)
        model.eval()
        with torch.no_grad():
            state = None
            for chunk in words().split(10):
                _, state = model(chunk, state)


def words_in_chunks_of_random_length():
    model, tokens = Language(), words(steps=120)
    yield model
    language_model(model, tokens, [9, 14, 11, 10, 13, 8, 12, 11, 9, 10, 12])


def state_kept_aside_during_validation():
    model, tokens = Language(), words()
    yield model
    state = None
    for chunk in tokens.split(10):
        model.train()
        logits, state = model(chunk, state)
        learn(model, entropy(logits, chunk))
        state = cut(state)
        model.eval()
        with torch.no_grad():
            model(words(steps=5), None)


def writing_after_training():
    model, tokens = Language(), words()
    yield model
    language_model(model, tokens, [12] * 5)
    model.eval()
    with torch.no_grad():
        token, state = tokens[:1], None
        for _ in range(10):
            logits, state = model(token, state)
            token = logits.argmax(-1)


def characters_one_by_one():
    cell, readout = nn.GRUCell(WORDS, UNITS), nn.Linear(UNITS, WORDS)
    model = nn.ModuleList([cell, readout])
    yield model
    for _ in range(6):
        line, state, loss = words(1, 12), torch.zeros(1, UNITS), 0.0
        for now, then in pairwise(line):
            state = cell(nn.functional.one_hot(now, WORDS).float(), state)
            loss = loss + entropy(readout(state), then)
        learn(model, loss)


def shuffled_windows_from_zeros():
    layer = nn.LSTM(2, UNITS, batch_first=True)
    yield layer
    windows = walk(1, 200)[:, 0].unfold(0, 10, 1).transpose(1, 2)
    for _ in range(2):
        for (batch,) in DataLoader(TensorDataset(windows), batch_size=16, shuffle=True):
            outputs, _ = layer(batch)
            learn(layer, outputs[:, -1].square().mean())


def windows_in_order_from_zeros():
    layer = nn.GRU(2, UNITS, batch_first=True)
    yield layer
    windows = walk(1, 200)[:, 0].unfold(0, 10, 10).transpose(1, 2)
    for (batch,) in DataLoader(TensorDataset(windows), batch_size=4):
        outputs, _ = layer(batch)
        learn(layer, outputs.square().mean())


def sequences_one_at_a_time():
    layer = nn.GRU(2, UNITS, batch_first=True)
    yield layer
    for sequence in torch.randn(8, 10, 2).split(1):
        outputs, _ = layer(sequence)
        learn(layer, outputs.square().mean())


def batches_of_sequences_from_one_tensor():
    layer = nn.GRU(2, UNITS)
    yield layer
    for batch in torch.randn(6, 10, ROWS, 2):
        outputs, _ = layer(batch)
        learn(layer, outputs.square().mean())


def padded_sentences_classified():
    layer, readout = nn.LSTM(2, UNITS, batch_first=True), nn.Linear(UNITS, 2)
    model = nn.ModuleList([layer, readout])
    yield model
    for _ in range(5):
        lengths = torch.randint(2, 9, (ROWS,))
        packed = pack_padded_sequence(
            torch.randn(ROWS, 8, 2), lengths, batch_first=True, enforce_sorted=False
        )
        _, (last, _) = layer(packed)
        learn(model, entropy(readout(last[-1]), torch.randint(2, (ROWS,))))


def speech_frames_labelled():
    layer, readout = nn.GRU(3, UNITS, 2, batch_first=True), nn.Linear(UNITS, WORDS)
    model = nn.ModuleList([nn.Conv1d(2, 3, 3, padding=1), layer, readout])
    yield model
    for _ in range(5):
        frames = model[0](torch.randn(ROWS, 2, 12)).transpose(1, 2)
        packed = pack_padded_sequence(frames, torch.tensor([12, 11, 7, 3]), batch_first=True)
        outputs, _ = pad_packed_sequence(layer(packed)[0], batch_first=True)
        learn(model, entropy(readout(outputs), torch.randint(WORDS, (ROWS, 12))))


def translation():
    encoder, decoder = nn.GRU(2, UNITS), nn.GRU(2, UNITS)
    model = nn.ModuleDict({"encoder": encoder, "decoder": decoder})
    yield model
    for _ in range(5):
        _, state = encoder(torch.randn(7, ROWS, 2))
        outputs, _ = decoder(torch.randn(5, ROWS, 2), state)
        learn(model, outputs.square().mean())


def translation_with_attention_step_by_step():
    encoder, decoder = nn.GRU(2, UNITS), nn.GRUCell(UNITS, UNITS)
    model = nn.ModuleDict({"encoder": encoder, "decoder": decoder})
    yield model
    for _ in range(5):
        memory, last = encoder(torch.randn(7, ROWS, 2))
        state, loss = last[0], 0.0
        for _ in range(5):
            weights = torch.einsum("bh,tbh->tb", state, memory).softmax(0)
            state = decoder((weights[..., None] * memory).sum(0), state)
            loss = loss + state.square().mean()
        learn(model, loss)


def stacked_cells():
    model = nn.ModuleList([nn.LSTMCell(2, UNITS), nn.LSTMCell(UNITS, UNITS)])
    yield model
    states = [(torch.zeros(ROWS, UNITS), torch.zeros(ROWS, UNITS)) for _ in model]
    for chunk in walk().split(12):
        loss = 0.0
        for x in chunk:
            for layer, cell in enumerate(model):
                states[layer] = cell(x, states[layer])
                x = states[layer][0]
            loss = loss + x.square().mean()
        learn(model, loss)
        states = [cut(state) for state in states]


def proximal_policy():
    """Roll out step by step without gradients, then learn from stored pieces, several times."""
    model = nn.ModuleDict({"core": nn.GRU(2, UNITS), "heads": nn.Linear(UNITS, 3)})
    yield model
    state = torch.zeros(1, ROWS, UNITS)
    for _ in range(3):
        seen, dones, begin = [], [], state
        with torch.no_grad():
            for _ in range(16):
                done = torch.rand(ROWS) < 0.1
                seen.append(torch.randn(1, ROWS, 2))
                dones.append(done)
                state = torch.where(done[:, None], 0.0, state)
                _, state = model["core"](seen[-1], state)
        for _ in range(4):
            rows = torch.randperm(ROWS)[:2]
            now, outputs = begin[:, rows], []
            for x, done in zip(seen, dones, strict=True):
                now = torch.where(done[rows, None], 0.0, now)
                output, now = model["core"](x[:, rows], now)
                outputs.append(output)
            policy = model["heads"](torch.cat(outputs))
            learn(model, policy[..., :2].square().mean() + policy[..., 2].square().mean())


def replay_with_burn_in():
    """Stored states begin a piece; its first steps refresh them without gradients."""
    model, actor = nn.LSTM(2, UNITS), nn.LSTM(2, UNITS)
    yield model
    stored, state = [], None
    with torch.no_grad():
        for _ in range(12):
            x = torch.randn(12, ROWS, 2)
            stored.append((x, state or (torch.zeros(1, ROWS, UNITS),) * 2))
            _, state = actor(x, state)
    for number in torch.randint(12, (10,)).tolist():
        x, begin = stored[number]
        with torch.no_grad():
            _, warm = model(x[:4], begin)
        outputs, _ = model(x[4:], warm)
        learn(model, outputs.square().mean())


def actor_and_critic_with_a_loss_each():
    model = nn.ModuleDict(
        {"core": nn.GRUCell(2, UNITS), "actor": nn.Linear(UNITS, 3), "critic": nn.Linear(UNITS, 1)}
    )
    yield model
    state = torch.zeros(ROWS, UNITS)
    for _ in range(6):
        outputs = []
        for x in torch.randn(5, ROWS, 2):
            state = model["core"](x, state)
            outputs.append(state)
        outputs = torch.stack(outputs)
        learn(model, model["actor"](outputs).square().mean(), model["critic"](outputs).sum())
        state = state.detach()


def lanes_of_windows():
    layer = nn.GRU(2, UNITS, batch_first=True)
    yield layer
    series = walk(8, 60).transpose(0, 1)
    windows = series.unfold(1, 10, 10).transpose(2, 3).flatten(0, 1)
    batches, resets = stateful_batches(8, 6, 4)
    state = None
    for batch, begins in zip(batches, resets, strict=True):
        state = None if begins else state
        outputs, state = layer(windows[batch], state)
        learn(layer, outputs.square().mean())
        state = state.detach()


def documents_that_end_inside_a_chunk():
    cell = nn.LSTMCell(2, UNITS)
    yield cell
    state = (torch.zeros(ROWS, UNITS),) * 2
    for chunk in walk().split(10):
        loss = 0.0
        for x in chunk:
            keep = (torch.rand(ROWS, 1) > 0.1).float()
            state = cell(x, (state[0] * keep, state[1] * keep))
            loss = loss + state[0].square().mean()
        learn(cell, loss)
        state = cut(state)


def a_learned_initial_state():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.first = nn.GRU(2, UNITS), nn.Parameter(torch.randn(1, 1, UNITS))

        def forward(self, x):
            return self.rnn(x, self.first.expand(-1, x.shape[1], -1).contiguous())[0]

    model = Net()
    yield model
    for _ in range(6):
        learn(model, model(torch.randn(10, ROWS, 2)).square().mean())


def an_update_inside_the_stream():
    cell = nn.GRUCell(2, UNITS)
    yield cell
    optimizer = torch.optim.SGD(cell.parameters(), 0.01)
    blocks = zip(walk().split(4), walk().split(4), strict=True)
    passes = online(
        cell,
        lambda out, _: out.square().mean(),
        blocks,
        torch.zeros(ROWS, UNITS),
        Truncation(4, 12),
    )
    for _ in passes:
        optimizer.step()
        optimizer.zero_grad()


def the_exact_engine():
    cell = nn.LSTMCell(2, UNITS)
    yield cell
    state = (torch.zeros(ROWS, UNITS),) * 2
    for chunk in walk().split(20):
        _, _, state = backward(cell, torch.sum, chunk, state, Truncation.true(5))


def gradients_gathered_over_batches():
    layer = nn.RNN(2, UNITS)
    yield layer
    state = None
    for number, chunk in enumerate(walk().split(6)):
        outputs, state = layer(chunk, state)
        outputs.square().mean().backward()
        state = state.detach()
        if number % 3 == 2:
            torch.optim.SGD(layer.parameters(), 0.01).step()


def a_last_chunk_that_is_short():
    layer = nn.RNN(2, UNITS)
    yield layer
    state = None
    for chunk in walk(steps=50).split(8):
        outputs, state = layer(chunk, state)
        learn(layer, outputs.square().mean())
        state = state.detach()


def full_backpropagation():
    cell = nn.GRUCell(2, UNITS)
    yield cell
    for _ in range(4):
        state, loss = torch.zeros(ROWS, UNITS), 0.0
        for x in walk(steps=15):
            state = cell(x, state)
            loss = loss + state.square().mean()
        learn(cell, loss)


def checkpointed_chunks():
    layer = nn.GRU(2, UNITS)
    yield layer
    state = torch.zeros(1, ROWS, UNITS)
    for chunk in walk().split(10):
        outputs, state = torch.utils.checkpoint.checkpoint(layer, chunk, state, use_reentrant=False)
        learn(layer, outputs.square().mean())
        state = state.detach()


def half_precision():
    layer = nn.RNN(2, UNITS)  # an LSTM of bfloat16 is not to be had on every processor
    yield layer
    state = None
    for chunk in walk().split(10):
        with torch.autocast("cpu", torch.bfloat16):
            outputs, state = layer(chunk, state)
        learn(layer, outputs.float().square().mean())
        state = cut(state)


def errors_clipped_on_their_way():
    cell = nn.GRUCell(2, UNITS)
    yield cell
    state = torch.zeros(ROWS, UNITS)
    for chunk in walk().split(10):
        loss = 0.0
        for x in chunk:
            state = cell(x, state)
            state.register_hook(lambda error: error.clamp(-0.001, 0.001))
            loss = loss + state.square().mean()
        learn(cell, loss)
        state = state.detach()


def a_loss_at_the_end_of_each_chunk():
    layer = nn.LSTM(2, UNITS)
    yield layer
    state = None
    for chunk in walk().split(10):
        outputs, state = layer(chunk, state)
        learn(layer, outputs[-1].square().mean())
        state = cut(state)


def noise_on_the_carried_state():
    layer = nn.GRU(2, UNITS)
    yield layer
    state = torch.zeros(1, ROWS, UNITS)
    for chunk in walk(steps=120).split(10):
        outputs, state = layer(chunk, state + 0.01 * torch.randn(1, ROWS, UNITS))
        learn(layer, outputs.square().mean())
        state = state.detach()


def normalised_between_steps():
    model = nn.ModuleDict({"cell": nn.RNNCell(2, UNITS), "norm": nn.LayerNorm(UNITS)})
    yield model
    state = torch.zeros(ROWS, UNITS)
    for chunk in walk().split(10):
        loss = 0.0
        for x in chunk:
            state = model["norm"](model["cell"](x, state))
            loss = loss + state[:, 0].square().mean()
        learn(model, loss)
        state = state.detach()


def two_words_in_lanes():
    """The same few words have been followed by either one, at borders as inside windows."""
    layer = nn.GRU(2, UNITS, batch_first=True)
    yield layer
    state = None
    for chunk in nn.functional.one_hot(torch.randint(2, (ROWS, 2400)), 2).float().split(12, 1):
        outputs, state = layer(chunk, state)
        learn(layer, outputs.square().mean())
        state = state.detach()


# --- the loops of the book's own chapters


def echoes_by_the_engine():
    """Truncation: words that come back, 24 of them a pass, and an update after each."""
    model = nn.ModuleDict({"cell": nn.RNNCell(2, UNITS), "readout": nn.Linear(UNITS, 2)})
    yield model
    adam = torch.optim.Adam(model.parameters(), 0.01)
    stream, state = torch.randint(2, (24 * 5 + 1, ROWS)), torch.zeros(ROWS, UNITS)
    for first in range(0, 24 * 5, 24):
        piece = stream[first : first + 25]
        _, _, state = backward(
            model["cell"],
            lambda outputs, piece=piece: entropy(model["readout"](outputs), piece[1:]),
            nn.functional.one_hot(piece[:-1], 2).float(), state, Truncation.true(5),
        )  # fmt: skip
        adam.step()
        adam.zero_grad()


def echoes_in_chunks_of_six():
    """Truncation: the same by a plain loop, whose chunks share an update."""
    model = nn.ModuleDict({"cell": nn.RNNCell(2, UNITS), "readout": nn.Linear(UNITS, 2)})
    yield model
    adam = torch.optim.Adam(model.parameters(), 0.01)
    stream, state = torch.randint(2, (24 * 5 + 1, ROWS)), torch.zeros(ROWS, UNITS)
    inputs = nn.functional.one_hot(stream[:-1], 2).float()
    for number, (chunk, then) in enumerate(zip(inputs.split(6), stream[1:].split(6), strict=True)):
        outputs = []
        for x in chunk:
            state = model["cell"](x, state)
            outputs.append(state)
        (entropy(model["readout"](torch.stack(outputs)), then) / 4).backward()
        state = state.detach()
        if number % 4 == 3:
            adam.step()
            adam.zero_grad()


def a_machines_log_in_lanes():
    """Checking: its last version, then frozen on another log."""

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell, self.readout = nn.LSTMCell(2, UNITS), nn.Linear(UNITS, 2)

        def forward(self, bits, state):
            outputs = []
            for x in nn.functional.one_hot(bits, 2).float().unbind(1):
                state = self.cell(x, state)
                outputs.append(state[0])
            return self.readout(torch.stack(outputs, 1)), state

    def deal(bits):
        windows = [part.view(-1, 12) for part in (bits[:-1], bits[1:])]
        lanes = in_lanes(*windows, n_windows=len(windows[0]) // ROWS, batch_size=ROWS)
        return DataLoader(TensorDataset(*map(torch.from_numpy, lanes)), batch_size=ROWS)

    def begin():
        return torch.zeros(ROWS, UNITS), torch.zeros(ROWS, UNITS)

    model = Network()
    yield model
    state = begin()
    for bits, targets in deal(torch.randint(2, (ROWS * 12 * 6 + 1,))):
        logits, state = model(bits, state)
        learn(model, entropy(logits, targets))
        state = cut(state)
    state = begin()
    with torch.no_grad():
        for bits, _ in deal(torch.randint(2, (ROWS * 12 * 3 + 1,))):
            _, state = model(bits, state)


def the_first_step_is_remembered():
    """Detach: batches of sequences in chunks, each asked for the first step, and then a test."""
    cell, readout = nn.RNNCell(1, UNITS), nn.Linear(UNITS, 2)
    model = nn.ModuleList([cell, readout])
    yield model
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    first = torch.randint(2, (16,))
    x = torch.zeros(20, 16, 1)
    x[0, :, 0] = first.float()

    def read(chunk, state):
        for step in chunk:
            state = cell(step, state)
        return state

    for _ in range(3):
        for rows in torch.arange(16).split(4):
            state = torch.zeros(4, UNITS)
            for chunk in x[:, rows].split(5):
                state = read(chunk, state)
                optimizer.zero_grad()
                entropy(readout(state), first[rows]).backward()
                optimizer.step()
                state = state.detach()
    state = torch.zeros(16, UNITS)
    for chunk in x.split(5):
        with torch.no_grad():
            state = read(chunk, state)


def one_update_for_all_chunks():
    """Cures: gradients add up over the chunks of a batch; then the frozen pass."""
    layer, readout = nn.GRU(1, UNITS), nn.Linear(UNITS, 2)
    model = nn.ModuleList([layer, readout])
    yield model
    x, labels = torch.randn(20, ROWS, 1), torch.randint(2, (ROWS,))
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(3):
        for training in (True, False):
            state = torch.zeros(1, ROWS, UNITS)
            optimizer.zero_grad()
            with torch.set_grad_enabled(training):
                for chunk in x.split(5):
                    outputs, state = layer(chunk, state)
                    if training:
                        (entropy(readout(outputs[-1]), labels) / 4).backward()
                    state = state.detach()
            if training:
                optimizer.step()


def two_passes_for_pooled_outputs():
    """Where it is scored: values first, then chunk by chunk with the errors of all outputs."""
    layer, readout = nn.GRU(3, UNITS), nn.Linear(UNITS, 2)
    model = nn.ModuleList([layer, readout])
    yield model
    x, labels = torch.randn(40, ROWS, 3), torch.randint(2, (ROWS,))
    for pool in (lambda outputs: outputs.mean(0), lambda outputs: outputs.amax(0)) * 2:
        with torch.no_grad():
            outputs, state = [], None
            for part in x.split(10):
                output, state = layer(part, state)
                outputs.append(output)
        outputs = torch.cat(outputs).requires_grad_()
        entropy(readout(pool(outputs)), labels).backward()
        state = None
        for part, error in zip(x.split(10), outputs.grad.split(10), strict=True):
            output, state = layer(part, state)
            output.backward(error)
            state = state.detach()
        torch.optim.SGD(model.parameters(), 0.01).step()


def all_graphs_for_pooled_outputs():
    """Where it is scored: one loss over all chunks, which are cut from one another."""
    layer, readout = nn.GRU(3, UNITS), nn.Linear(UNITS, 2)
    model = nn.ModuleList([layer, readout])
    yield model
    for _ in range(4):
        outputs, state = [], None
        for part in torch.randn(40, ROWS, 3).split(10):
            output, state = layer(part, state)
            outputs.append(output)
            state = state.detach()
        learn(model, entropy(readout(torch.cat(outputs).mean(0)), torch.randint(2, (ROWS,))))


def one_chunk_that_is_left_open():
    """Detach: forgotten once, so that errors walk on to the border before; one pass at the end."""
    cell = nn.RNNCell(2, UNITS)
    yield cell
    state = torch.zeros(ROWS, UNITS)
    for number, x in enumerate(walk(steps=20)):
        state = cell(x, state)
        state.retain_grad()
        last = state
        if number in (4, 14):
            state = state.detach()
    last.sum().backward()


def a_start_that_is_learned_for_rows_that_begin():
    """Serving: some rows begin a sequence, the others go on with what was saved."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell, self.first = nn.GRUCell(2, UNITS), nn.Parameter(torch.randn(UNITS))

        def forward(self, chunk, begins, saved):
            state = torch.where(begins[:, None], self.first, saved.detach())
            for x in chunk:
                state = self.cell(x, state)
            return state

    model = Net()
    yield model
    state, begins = torch.zeros(ROWS, UNITS), torch.ones(ROWS, dtype=torch.bool)
    for chunk in walk().split(6):
        state = model(chunk, begins, state)
        learn(model, state.square().mean())
        begins = torch.rand(ROWS) < 0.3


def runs_between_gaps():
    """Series: windows of runs of unequal length, rows that begin, and rows with nothing left."""
    layer = nn.GRU(2, UNITS, batch_first=True)
    yield layer
    runs = segments(range(56), groups=[0] * 25 + [1] * 9 + [2] * 13 + [3] * 9)
    windows = place_windows(runs, window_length=4, increment=4, ahead=1)
    values = walk(1, 56)[:, 0].numpy()
    state = torch.zeros(2, UNITS)
    for x, targets, begins, mask in WindowDataset(
        values, windows, ragged_batches(windows.counts, batch_size=2)
    ):
        state = state * ~torch.from_numpy(begins)[:, None]
        outputs, last = layer(torch.from_numpy(x), state[None])
        errors = outputs[..., :2] - torch.from_numpy(targets)
        learn(layer, (errors.square().mean((1, 2)) * torch.from_numpy(mask)).sum())
        state = last[0].detach()


def the_full_gradient_chunk_by_chunk():
    """Chunks: by the engine, which goes forward without a graph first."""
    cell = nn.GRUCell(2, UNITS)
    yield cell
    state = torch.zeros(ROWS, UNITS)
    for part in walk().split(20):
        _, _, state = chunkwise(cell, lambda outputs: outputs.square().mean(), part, state, 5)
        torch.optim.SGD(cell.parameters(), 0.01).step()


def reaches_that_are_drawn():
    """Beyond: a coin at each step says whether errors go on."""
    cell, rng = nn.RNNCell(2, UNITS), np.random.default_rng(0)
    yield cell
    state = torch.zeros(ROWS, UNITS)
    for part in walk().split(12):
        _, _, state = reweighted(
            cell, lambda outputs: outputs.square().mean(), part, state, draw_factors(12, 0.5, rng)
        )
        torch.optim.SGD(cell.parameters(), 0.01).step()


SOUND = [
    words_in_chunks, words_over_epochs_with_validation_from_zeros, words_in_chunks_of_random_length,
    state_kept_aside_during_validation, writing_after_training, characters_one_by_one,
    shuffled_windows_from_zeros, windows_in_order_from_zeros, sequences_one_at_a_time,
    batches_of_sequences_from_one_tensor, padded_sentences_classified, speech_frames_labelled,
    translation, translation_with_attention_step_by_step, stacked_cells, proximal_policy,
    replay_with_burn_in, actor_and_critic_with_a_loss_each, lanes_of_windows,
    documents_that_end_inside_a_chunk, a_learned_initial_state, an_update_inside_the_stream,
    the_exact_engine, gradients_gathered_over_batches, a_last_chunk_that_is_short,
    full_backpropagation, checkpointed_chunks, half_precision, errors_clipped_on_their_way,
    a_loss_at_the_end_of_each_chunk, noise_on_the_carried_state, normalised_between_steps,
    two_words_in_lanes,
    echoes_by_the_engine, echoes_in_chunks_of_six, a_machines_log_in_lanes,
    the_first_step_is_remembered, one_update_for_all_chunks, two_passes_for_pooled_outputs,
    all_graphs_for_pooled_outputs, one_chunk_that_is_left_open,
    a_start_that_is_learned_for_rows_that_begin, runs_between_gaps,
    the_full_gradient_chunk_by_chunk, reaches_that_are_drawn,
]  # fmt: skip


@pytest.mark.parametrize("loop", SOUND)
def test_a_sound_loop_raises_no_alarm(loop):
    running = loop()
    with watch(next(running)) as seen:
        next(running, None)
    assert seen.findings == [], str(seen)


@pytest.mark.parametrize("seed", [2, 8, 12])
def test_a_state_that_is_normalised_at_a_border_is_not_called_drawn(seed):
    """Its units are alike, as random numbers are; but it goes with what was left."""
    torch.manual_seed(seed)
    test_a_sound_loop_raises_no_alarm(normalised_between_steps)


def sentences_that_happen_to_become_shorter():
    layer, readout = nn.LSTM(2, UNITS, batch_first=True), nn.Linear(UNITS, 2)
    model = nn.ModuleList([layer, readout])
    yield model
    for length in (4, 4, 4, 3, 3):
        outputs, _ = layer(torch.randn(ROWS, length, 2))
        learn(model, entropy(readout(outputs), torch.randint(2, (ROWS, length))))


def test_windows_that_begin_anew_have_any_length():
    test_a_sound_loop_raises_no_alarm(sentences_that_happen_to_become_shorter)


def test_there_are_forty():
    assert len({loop.__name__ for loop in SOUND}) >= 40
