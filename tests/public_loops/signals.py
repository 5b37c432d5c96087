"""Loops of programs for sound, speech and measured series."""

from __future__ import annotations

import itertools

import torch
from torch import nn

from public_loops import ROWS, UNITS, Loop, Running, cut, learn, walk


def zeros(rows=ROWS):
    return torch.zeros(rows, UNITS), torch.zeros(rows, UNITS)


def two_cells_and_a_closure(faulty) -> Running:
    """The whole series in each evaluation of an optimiser that asks several times, then a forecast.

    The faulty one keeps its state in the model, and with it the graph.
    """

    class Forecast(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.LSTMCell(1, UNITS), nn.LSTMCell(UNITS, UNITS)
            self.readout, self.states = nn.Linear(UNITS, 1), None

        def forward(self, series, future=0):
            one, two = (zeros(), zeros()) if not (faulty and self.states) else self.states
            outputs = []
            for x in series:
                one = self.first(x, one)
                two = self.second(one[0], two)
                outputs.append(self.readout(two[0]))
            for _ in range(future):
                one = self.first(outputs[-1], one)
                two = self.second(one[0], two)
                outputs.append(self.readout(two[0]))
            self.states = one, two
            return torch.stack(outputs)

    model, series = Forecast(), walk(steps=21, features=1)
    yield {"model": model}
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=3)

    def closure():
        optimizer.zero_grad()
        loss = (model(series[:-1]) - series[1:]).square().mean()
        loss.backward()
        return loss

    for _ in range(3):
        optimizer.step(closure)
        with torch.no_grad():
            model(series, future=10)


class Tier(nn.Module):
    """Reads frames of samples, and conditions the tier below, which is faster."""

    def __init__(self, frame, faster):
        super().__init__()
        self.expand, self.rnn = nn.Linear(frame, UNITS), nn.GRU(UNITS, UNITS, batch_first=True)
        self.first, self.faster = nn.Parameter(torch.zeros(1, UNITS)), faster
        self.up = nn.Linear(UNITS, faster * UNITS)

    def forward(self, frames, above, state):
        x = self.expand(frames) + (0 if above is None else above)
        if state is None:
            state = self.first[:, None].expand(-1, len(x), -1).contiguous()
        outputs, state = self.rnn(x, state)
        return self.up(outputs).view(len(x), -1, UNITS), state


def tiers_with_clocks_of_their_own(faulty) -> Running:
    """Raw sound: a slow tier over a fast one; each keeps its state from chunk to chunk."""
    slow, fast, readout = Tier(8, 4), Tier(2, 2), nn.Linear(UNITS, 1)
    model, sound = nn.ModuleDict({"slow": slow, "fast": fast, "readout": readout}), walk(4, 160, 1)
    yield {"model": model}
    for _ in range(2):
        states = {slow: None, fast: None}
        for chunk in sound[..., 0].T.split(16, 1):
            above = None
            for tier, frame in ((slow, 8), (fast, 2)):
                frames = chunk.reshape(ROWS, -1, frame)
                above, state = tier(frames, above, states[tier])
                states[tier] = state if faulty else state.detach()
            learn(model, readout(above).square().mean())


def frames_with_attention(faulty) -> Running:
    """Speech from text: two cells, one of them over what is attended to; teacher forcing."""
    encoder, attends = nn.GRU(3, UNITS), nn.LSTMCell(2 * UNITS, UNITS)
    speaks = nn.LSTMCell(2 * UNITS, UNITS)
    prenet, readout = nn.Linear(2, UNITS), nn.Linear(2 * UNITS, 2)
    model = nn.ModuleDict(
        {"encoder": encoder, "attends": attends, "speaks": speaks, "prenet": prenet, "out": readout}
    )
    yield {"model": model}
    for _ in range(5):
        memory, _ = encoder(torch.randn(7, ROWS, 3))
        frames = walk(steps=12)
        one, two, context, outputs = zeros(), zeros(), torch.zeros(ROWS, UNITS), []
        for x in frames[:-1]:
            x = nn.functional.dropout(prenet(x).relu(), 0.5)
            one = attends(torch.cat([x, context], 1), one)
            weights = torch.einsum("bh,tbh->tb", one[0], memory).softmax(0)
            context = (weights[..., None] * memory).sum(0)
            two = speaks(torch.cat([one[0], context], 1), cut(two) if faulty else two)
            outputs.append(readout(torch.cat([two[0], context], 1)))
        learn(model, (torch.stack(outputs) - frames[1:]).square().mean())


def likelihoods_and_drawn_forecasts(faulty) -> Running:
    """A window from zeros, one likelihood a step; forecasts drawn several times from one state."""
    layer, readout = nn.LSTM(2, UNITS, 2), nn.Linear(UNITS, 2)
    model, series = nn.ModuleList([layer, readout]), walk(12, 80, 1)
    yield {"model": model}

    def begin(rows):
        draw = torch.randn if faulty else torch.zeros
        return draw(2, rows, UNITS), draw(2, rows, UNITS)

    for _ in range(12):
        model.train()
        rows, first = torch.randperm(12)[:ROWS], int(torch.randint(60, ()))
        window, state, loss = series[first : first + 16, rows], begin(ROWS), 0.0
        for before, now in itertools.pairwise(window):
            output, state = layer(torch.cat([before, now * 0], 1)[None], state)
            mean, size = readout(output[0]).chunk(2, 1)
            loss = loss - torch.distributions.Normal(mean, size.exp()).log_prob(now).mean()
        learn(model, loss)
    model.eval()
    with torch.no_grad():
        for window in series.split(40):
            _, state = layer(torch.cat([window, window * 0], 2), begin(12))
            for _ in range(3):
                now, x = state, window[-1]
                for _ in range(4):
                    output, now = layer(torch.cat([x, x * 0], 1)[None], now)
                    mean, size = readout(output[0]).chunk(2, 1)
                    x = mean + size.exp() * torch.randn_like(mean)


class Memory(nn.Module):
    """A cell with a memory that it writes to, as one more part of its state."""

    def __init__(self):
        super().__init__()
        self.core, self.write = nn.LSTMCell(2 + UNITS, UNITS), nn.Linear(UNITS, 3 + UNITS)
        self.first = nn.Parameter(torch.randn(1, 3, UNITS) / 5)

    def begin(self, rows):
        return *zeros(rows), self.first.expand(rows, -1, -1)

    def forward(self, x, state):
        h, c, memory = state
        h, c = self.core(torch.cat([x, memory.mean(1)], 1), (h, c))
        where, what = self.write(h).split([3, UNITS], 1)
        where = where.softmax(1)[..., None]
        return h, c, memory * (1 - where) + where * what[:, None]


def copying_with_a_memory(faulty) -> Running:
    """Read a pattern, then say it, step by step, with one loss; a cell of one's own."""
    cell, readout = Memory(), nn.Linear(UNITS, 2)
    model = nn.ModuleDict({"cell": cell, "readout": readout})
    yield {"model": model, "cell": cell}
    memory = None
    for length in (4, 6, 5, 7, 3, 6):
        pattern = torch.randint(2, (length, ROWS, 2)).float()
        state = cell.begin(ROWS)
        if faulty and memory is not None:
            state = (*state[:2], memory)
        for x in pattern:
            state = cell(x, state)
        outputs = []
        for _ in range(length):
            state = cell(torch.zeros(ROWS, 2), state)
            outputs.append(readout(state[0]))
        memory = state[2]
        learn(model, nn.functional.binary_cross_entropy_with_logits(torch.stack(outputs), pattern))


def labels_of_frames_in_a_stream(faulty) -> Running:
    """Sensors, all day: lanes of a long record, whose state is carried with a probability."""
    layer, readout = nn.GRU(3, UNITS, 2, batch_first=True), nn.Linear(UNITS, 4)
    model, record = nn.ModuleList([layer, readout]), walk(8, 100, 3).transpose(0, 1)
    yield {"model": model}
    optimizer, state = torch.optim.Adam(model.parameters(), 0.01), None
    pieces = record.tensor_split(12, 1) if faulty else record.split(10, 1)
    for number, chunk in enumerate(pieces):
        outputs, state = layer(chunk, state)
        targets = torch.randint(4, outputs.shape[:2])
        loss = nn.functional.cross_entropy(readout(outputs).transpose(1, 2), targets)
        (loss / 2).backward()
        state = state.detach() * (torch.rand(()) < 0.7)
        if number % 2:
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()


LOOPS = [
    Loop(
        two_cells_and_a_closure, "pytorch/examples, time_sequence_prediction", "never detached",
        raises=True,
    ),
    Loop(
        tiers_with_clocks_of_their_own, "deepsound-project/samplernn-pytorch", "never detached",
        raises=True,
    ),
    Loop(frames_with_attention, "NVIDIA/tacotron2", "speaks: The state is detached at every step"),
    Loop(likelihoods_and_drawn_forecasts, "zhykoties/TimeSeries", "The state is drawn again"),
    Loop(copying_with_a_memory, "loudinthecloud/pytorch-ntm", "Only a part", raises=True),
    Loop(labels_of_frames_in_a_stream, "nhammerla/deepHAR", "take the number of chunks"),
]  # fmt: skip
