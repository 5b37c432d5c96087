"""More loops, written once the tools did well on the first twenty: names, tags, videos, streams."""

from __future__ import annotations

import itertools

import torch
from torch import nn

from public_loops import ROWS, UNITS, Loop, Running, cut, learn, walk
from public_loops.text import WORDS, entropy, words


def an_epoch_after_the_other(faulty) -> Running:
    """Chunks of columns of a text; the state begins with each epoch, or only with the first."""
    embedding, rnn, readout = (
        nn.Embedding(WORDS, UNITS), nn.RNN(UNITS, UNITS, 2), nn.Linear(UNITS, WORDS)
    )  # fmt: skip

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.parts = nn.ModuleList([embedding, rnn, readout])

        def forward(self, tokens, state):
            outputs, state = rnn(embedding(tokens), state)
            return readout(outputs), state

    model, tokens = Model(), words(steps=61)
    yield {"model": model}
    state = torch.zeros(2, ROWS, UNITS)
    for _ in range(4):
        if not faulty:
            state = torch.zeros(2, ROWS, UNITS)
        for first in range(0, 60, 10):
            logits, state = model(tokens[first : first + 10], state.detach())
            learn(model, entropy(logits, tokens[first + 1 : first + 11]))


def names_letter_by_letter(faulty) -> Running:
    """One name at a time, one letter at a time, and one label at its end."""

    class Letters(nn.Module):
        def __init__(self):
            super().__init__()
            self.mix, self.readout = nn.Linear(WORDS + UNITS, UNITS), nn.Linear(UNITS, 3)

        def forward(self, letter, state):
            return torch.tanh(self.mix(torch.cat([letter, state], 1)))

    model = Letters()
    yield {"model": model, "cell": model}
    state = torch.zeros(1, UNITS)
    for _ in range(8):
        state = state if faulty else torch.zeros(1, UNITS)
        for letter in nn.functional.one_hot(words(1, 6), WORDS).float():
            state = model(letter, state)
        learn(model, entropy(model.readout(state), torch.randint(3, (1,))))


def tags_of_sentences(faulty) -> Running:
    """A sentence at a time, all of its tags at once, a state for each sentence."""
    embedding, rnn, tags = (
        nn.Embedding(WORDS, UNITS), nn.LSTM(UNITS, UNITS), nn.Linear(UNITS, 4)
    )  # fmt: skip
    model = nn.ModuleList([embedding, rnn, tags])
    yield {"model": model}
    for _ in range(3):
        for length in (5, 7, 4, 6, 8):
            make = torch.randn if faulty else torch.zeros
            state = make(1, 1, UNITS), make(1, 1, UNITS)
            outputs, state = rnn(embedding(words(1, length)), state)
            learn(model, entropy(tags(outputs), torch.randint(4, (length, 1))))


class Images(nn.Module):
    """A cell whose state is a stack of images."""

    def __init__(self):
        super().__init__()
        self.gates = nn.Conv2d(1 + 3, 4 * 3, 3, padding=1)

    def forward(self, x, state):
        h, c = state
        i, f, g, o = self.gates(torch.cat([x, h], 1)).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


def the_next_image(faulty) -> Running:
    """Short films: read some images, and say the next one after each."""
    cell, readout = Images(), nn.Conv2d(3, 1, 1)
    model = nn.ModuleList([cell, readout])
    yield {"model": model, "cell": cell}
    for _ in range(5):
        film = torch.randn(8, ROWS, 1, 5, 5).cumsum(0)
        state, loss = (torch.zeros(ROWS, 3, 5, 5), torch.zeros(ROWS, 3, 5, 5)), 0.0
        for now, then in itertools.pairwise(film):
            state = cell(now, cut(state) if faulty else state)
            loss = loss + (readout(state[0]) - then).square().mean()
        learn(model, loss)


def clips_of_videos(faulty) -> Running:
    """Clips of long films, the state handed on from clip to clip; the clips of a row in order."""
    frames, readout = nn.Linear(4, UNITS), nn.Linear(UNITS, 2)
    rnn = nn.GRU(UNITS, UNITS, batch_first=True)
    model, films = nn.ModuleList([frames, rnn, readout]), walk(8, 96, 4).transpose(0, 1)
    yield {"model": model}
    clips = films.unfold(1, 8, 8).transpose(2, 3)  # (films, clips, steps, features)
    for rows in clips.split(ROWS):
        state, order = None, torch.randperm(12) if faulty else torch.arange(12)
        for number in order.tolist():
            outputs, state = rnn(frames(rows[:, number]), state)
            learn(model, readout(outputs).square().mean())
            state = state.detach()


def windows_run_again_from_a_kept_state(faulty) -> Running:
    """Every step the last steps again, from the state that was kept before them."""
    cell, readout = nn.GRUCell(2, UNITS), nn.Linear(UNITS, 2)
    model, series, length = nn.ModuleList([cell, readout]), walk(steps=40), 5
    yield {"model": model}
    kept = torch.zeros(ROWS, UNITS)
    for t in range(length, 39):
        state = torch.randn_like(kept) if faulty else kept
        for place, x in enumerate(series[t - length : t]):
            state = cell(x, state)
            if place == 0:
                following = state.detach()
        learn(model, (readout(state) - series[t + 1]).square().mean())
        kept = following


LOOPS = [
    Loop(
        an_epoch_after_the_other, "pytorch/examples, word_language_model", "where they begin again"
    ),
    Loop(
        names_letter_by_letter, "pytorch/tutorials, char_rnn_classification", "never detached",
        raises=True,
    ),
    Loop(tags_of_sentences, "pytorch/tutorials, advanced_tutorial", "drawn again"),
    Loop(the_next_image, "ndrplz/ConvLSTM_pytorch", "detached at every step"),
    Loop(clips_of_videos, "HHTseng/video-classification", "do not go on"),
    Loop(windows_run_again_from_a_kept_state, "true truncation, window by window", "drawn again"),
]  # fmt: skip
