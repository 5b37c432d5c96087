"""Loops of programs that model text."""

from __future__ import annotations

import torch
from torch import nn

from public_loops import ROWS, UNITS, Loop, Running, cut, learn

WORDS = 9


def words(rows=ROWS, steps=60):
    return torch.randint(WORDS, (steps, rows))


def entropy(logits, targets):
    return nn.functional.cross_entropy(logits.flatten(0, -2), targets.flatten())


class Layers(nn.Module):
    """Layers apart from one another, each with a state of its own; all outputs are returned."""

    def __init__(self):
        super().__init__()
        self.embedding, self.readout = nn.Embedding(WORDS, UNITS), nn.Linear(UNITS, WORDS)
        self.rnns = nn.ModuleList([nn.LSTM(UNITS, UNITS) for _ in range(3)])

    def begin(self, rows):
        return [(torch.zeros(1, rows, UNITS), torch.zeros(1, rows, UNITS)) for _ in self.rnns]

    def forward(self, tokens, states):
        x, after, outputs = self.embedding(tokens), [], []
        for rnn, state in zip(self.rnns, states, strict=True):
            x, state = rnn(x, state)
            after.append(state)
            outputs.append(x)
            x = nn.functional.dropout(x, 0.2, self.training)
        return self.readout(x), after, outputs


def random_lengths_and_slow_outputs(faulty) -> Running:
    """Chunks of random length, penalties on outputs, validation in fewer rows."""
    model, tokens, held_out = Layers(), words(steps=150), words(2, 40)
    yield {"model": model}
    for _ in range(2):
        model.train()
        states, first = model.begin(ROWS), 0
        while first < len(tokens) - 2:
            stop = min(first + max(5, int(torch.randn(()) * 2 + 12)), len(tokens) - 1)
            states = model.begin(ROWS) if faulty else [cut(state) for state in states]
            logits, states, outputs = model(tokens[first:stop], states)
            loss = entropy(logits, tokens[first + 1 : stop + 1])
            slow = (outputs[-1][1:] - outputs[-1][:-1]).square().mean()
            learn(model, loss + 2 * outputs[-1].square().mean() + slow)
            first = stop
        model.eval()
        states = model.begin(2)
        for chunk in held_out.split(12):
            _, states, _ = model(chunk, states)
            states = [cut(state) for state in states]


class Cell(nn.Module):
    """A gated cell that a search has found: a highway of sums."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(2 * UNITS, 2 * UNITS), nn.Linear(UNITS, 2 * UNITS)

    def forward(self, x, state):
        gate, new = self.first(torch.cat([x, state], 1)).chunk(2, 1)
        state = state + gate.sigmoid() * (new.tanh() - state)
        gate, new = self.second(state).chunk(2, 1)
        return (state + gate.sigmoid() * (new.relu() - state)).clamp(-4, 4)


def rows_in_small_batches(faulty) -> Running:
    """A cell of one's own; the rows of a batch in turns, each turn with its own carried state."""
    embedding, cell, readout = nn.Embedding(WORDS, UNITS), Cell(), nn.Linear(UNITS, WORDS)
    model, tokens = nn.ModuleList([embedding, cell, readout]), words(8)
    yield {"model": model, "cell": cell}
    states = [torch.zeros(ROWS, UNITS) for _ in range(2)]
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for chunk in tokens.split(10):
        optimizer.zero_grad()
        total = 0.0
        for turn, part in enumerate(chunk.split(ROWS, 1)):
            state, outputs = states[turn].detach(), []
            for x in embedding(part[:-1]):
                state = cell(x, state)
                outputs.append(state)
            states[turn] = state
            loss = entropy(readout(torch.stack(outputs)), part[1:]) / 2
            total = total + loss
            (total if faulty else loss).backward(retain_graph=faulty)
        optimizer.step()


def one_hot_characters_and_looks_aside(faulty) -> Running:
    """Arrays of characters; every few chunks the loss of other text, then training goes on."""
    layer, readout = nn.LSTM(WORDS, UNITS, 2, batch_first=True), nn.Linear(UNITS, WORDS)
    model = nn.ModuleList([layer, readout])
    text, held_out = words(steps=90).T, words(steps=30).T
    yield {"model": model}

    def chunks(of):
        of = of.numpy()
        for first in range(0, of.shape[1] - 10, 10):
            x, y = of[:, first : first + 10], of[:, first + 1 : first + 11]
            yield torch.eye(WORDS)[x.copy()], torch.from_numpy(y.copy())

    def zeros():
        return torch.zeros(2, ROWS, UNITS), torch.zeros(2, ROWS, UNITS)

    for _ in range(2):
        state = zeros()
        for number, (x, y) in enumerate(chunks(text)):
            model.train()
            outputs, state = layer(x, cut(state))
            learn(model, entropy(readout(outputs), y))
            if number % 3 == 2:
                model.eval()
                other = cut(state) if faulty else zeros()
                for x, y in chunks(held_out):
                    outputs, other = layer(x, cut(other))
                    entropy(readout(outputs), y)


def windows_from_a_random_offset(faulty) -> Running:
    """Each epoch cuts the text from another offset; the windows in lanes, or in random order."""
    layer, readout = nn.RNN(WORDS, UNITS), nn.Linear(UNITS, WORDS)
    model, text = nn.ModuleList([layer, readout]), words(1, 406)[:, 0]
    yield {"model": model}

    def batches():
        rest = text[torch.randint(6, ()) :][:401]
        x, y = rest[:-1], rest[1:]
        if faulty:
            order = torch.randperm(40)
            x, y = x.view(40, 10)[order], y.view(40, 10)[order]
            return zip(x.split(ROWS), y.split(ROWS), strict=True)
        x, y = x.view(ROWS, -1), y.view(ROWS, -1)
        return zip(x.split(10, 1), y.split(10, 1), strict=True)

    for _ in range(14):
        state = torch.zeros(1, ROWS, UNITS)
        for x, y in batches():
            outputs, state = layer(nn.functional.one_hot(x.T, WORDS).float(), state.detach())
            learn(model, entropy(readout(outputs), y.T))


class Keeper(nn.Module):
    """Keeps the states of its layers itself, detached, until it is reset."""

    def __init__(self):
        super().__init__()
        self.embedding, self.readout = nn.Embedding(WORDS, UNITS), nn.Linear(UNITS, WORDS)
        self.rnns = nn.ModuleList([nn.GRU(UNITS, UNITS, batch_first=True) for _ in range(2)])
        self.reset()

    def reset(self):
        self.states = [torch.zeros(1, ROWS, UNITS) for _ in self.rnns]

    def forward(self, tokens):
        x, after = self.embedding(tokens), []
        for rnn, state in zip(self.rnns, self.states, strict=True):
            x, state = rnn(x, state)
            after.append(state)
        self.states = [state.detach() for state in after]
        return self.readout(x)


def states_kept_in_the_model(faulty) -> Running:
    """The loop knows of no state; a callback resets the model before each epoch and validation."""
    model, text, held_out = Keeper(), words(steps=81).T, words(steps=41).T
    yield {"model": model}
    for epoch in range(3):
        model.train()
        if not faulty or epoch == 0:
            model.reset()
        for first in range(0, 80, 8):
            logits = model(text[:, first : first + 8])
            learn(model, entropy(logits, text[:, first + 1 : first + 9]))
        model.eval()
        model.reset()
        with torch.no_grad():
            for first in range(0, 40, 8):
                model(held_out[:, first : first + 8])


class Decoder(nn.Module):
    """Attends to an encoder's outputs, feeds what it attended to back, and keeps its state."""

    def __init__(self):
        super().__init__()
        self.cell, self.join = nn.LSTMCell(2 * UNITS, UNITS), nn.Linear(2 * UNITS, UNITS)
        self.embedding, self.state = nn.Embedding(WORDS, UNITS), None

    def begin(self, last):
        h, c = (part[0] for part in last)
        self.state = h, c, torch.zeros_like(h)

    def detach_state(self):
        self.state = cut(self.state)

    def forward(self, tokens, memory):
        h, c, fed = self.state
        outputs = []
        for x in self.embedding(tokens):
            h, c = self.cell(torch.cat([x, fed], 1), (h, c))
            weights = torch.einsum("bh,tbh->tb", h, memory).softmax(0)
            context = (weights[..., None] * memory).sum(0)
            fed = self.join(torch.cat([h, context], 1)).tanh()
            outputs.append(fed)
        self.state = h, c, fed
        return torch.stack(outputs)


def a_decoder_in_pieces(faulty) -> Running:
    """A long target in pieces, each with an update; the encoder runs again for every piece."""
    embedding, encoder = nn.Embedding(WORDS, UNITS), nn.LSTM(UNITS, UNITS)
    decoder, readout = Decoder(), nn.Linear(UNITS, WORDS)
    model = nn.ModuleDict(
        {"embedding": embedding, "encoder": encoder, "decoder": decoder, "readout": readout}
    )
    yield {"model": model}
    for _ in range(4):
        source, target = words(steps=7), words(steps=25)
        pieces = range(0, 24, 8)
        for first in pieces:
            memory, last = encoder(embedding(source))
            if first == 0:
                decoder.begin(last)
            outputs = decoder(target[first : first + 8], memory)
            learn(model, entropy(readout(outputs), target[first + 1 : first + 9]))
            if not faulty:
                decoder.detach_state()


def a_model_that_learns_while_it_is_evaluated(faulty) -> Running:
    """Dynamic evaluation: in evaluation mode, an update after every chunk that has been scored."""
    embedding, layer, readout = (
        nn.Embedding(WORDS, UNITS), nn.LSTM(UNITS, UNITS), nn.Linear(UNITS, WORDS)
    )  # fmt: skip
    model, tokens = nn.ModuleList([embedding, layer, readout]).eval(), words(1, 101)
    yield {"model": model}
    state = (torch.zeros(1, 1, UNITS),) * 2
    for first in range(0, 100, 5):
        h, c = state
        outputs, state = layer(embedding(tokens[first : first + 5]), state)
        learn(model, entropy(readout(outputs), tokens[first + 1 : first + 6]))
        state = cut(state) if not faulty else tuple(torch.randn_like(part) for part in (h, c))


def a_line_and_its_end(faulty) -> Running:
    """Lines of unequal length, sorted by length: one batch a length, so that rows differ."""
    layer, readout = nn.GRU(WORDS, UNITS, batch_first=True), nn.Linear(UNITS, WORDS)
    model = nn.ModuleList([layer, readout])
    yield {"model": model}
    state = torch.zeros(1, 8, UNITS)
    for length, rows in zip(range(5, 12), (8, 8, 8, 7, 6, 5, 5), strict=True):
        lines = nn.functional.one_hot(words(length + 1, rows), WORDS).float()
        begin = state[:, :rows] if faulty else torch.zeros(1, rows, UNITS)
        outputs, state = layer(lines[:, :-1], begin)
        learn(model, entropy(readout(outputs), lines[:, 1:].argmax(-1)))
        state = state.detach()


LOOPS = [
    Loop(
        random_lengths_and_slow_outputs, "salesforce/awd-lstm-lm",
        "begins from zeros though its data go on",
    ),
    Loop(rows_in_small_batches, "quark0/darts, rnn", "count more than once"),
    Loop(
        one_hot_characters_and_looks_aside, "udacity/deep-learning-v2-pytorch, char-rnn",
        "Validation begins from the state that training left",
    ),
    Loop(
        windows_from_a_random_offset, "d2l-ai/d2l-en, language models",
        "carried where the data do not go on",
    ),
    Loop(
        states_kept_in_the_model, "fastai/fastai, AWD_LSTM and ModelResetter",
        "Training goes on from a state that validation left",
    ),
    Loop(
        a_decoder_in_pieces, "OpenNMT/OpenNMT-py, truncated_decoder", "never detached", raises=True
    ),
    Loop(
        a_model_that_learns_while_it_is_evaluated, "benkrause/dynamic-evaluation",
        "The state is drawn again",
    ),
    Loop(a_line_and_its_end, "pytorch/text, BucketIterator", "cuts rows off the state"),
]  # fmt: skip
