"""What truncation does to a language model: the table of "Styles of Truncated Backpropagation".

A plain tanh network predicts the next word. Its training stream is cut in chunks; after each chunk
the weights are updated from a gradient that is truncated in one of these styles:

* ``true``: chunks longer than the reach, every error travels `k2` steps;
* ``epochwise``: chunks of `k2` steps, the state carried from one to the next;
* ``semi-epochwise``: an update every `k1` steps, each error travels `k1` to ``k2 = 2 k1`` steps;
* ``accumulated``: the gradient of the epochwise style, but updated as rarely as in the true one.
  The source has no such row; without it, its true and epochwise rows differ in two things.

``--split ptb`` is the published setting, trained on ``ptb.train``, measured on ``ptb.valid``.
``--split small`` trains on ``ptb.valid`` and measures on ``ptb.test``; words that the former holds
fewer than three times count as unknown. It takes hours, not days.
"""

from __future__ import annotations

import argparse
import functools
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from tbptt.pytorch import backward, chunked_loss, online
from tbptt.schedule import Truncation
from truncated_time.tasks import treebank

HIDDEN, EMBEDDING, KEEP, BATCH, EPOCHS = 100, 50, 0.8, 32, 20
LEARNING_RATES = (0.003, 0.001, 0.0003)
# Which parts, and how often the training part must hold a word for it to have a number.
SPLITS = {"small": ("valid", "test", 3), "ptb": ("train", "valid", 1)}
PACKAGES = ("torch", "numpy")


class Style(NamedTuple):
    """A way to truncate: `chunk` steps to an update."""

    style: str
    k1: int
    k2: int
    chunk: int


STYLES = (
    *(Style("true", 1, k, chunk) for k, chunk in ((5, 20), (10, 30), (20, 40))),
    *(Style("epochwise", k, k, k) for k in (5, 10, 20, 40)),
    *(Style("semi-epochwise", k, 2 * k, k) for k in (5, 10, 20)),
    *(Style("accumulated", k, k, chunk) for k, chunk in ((5, 20), (10, 30), (20, 40))),
)


def add_arguments(parser: argparse._ArgumentGroup) -> None:
    """Add what only this experiment asks."""
    parser.add_argument("--split", choices=SPLITS, default="small")
    parser.add_argument("--treebank", type=Path, dest="folder", help="where ptb.*.txt are or go")


def grid(seeds: int, split: str = "small", folder: Path | None = None) -> list[dict[str, Any]]:
    """List the runs: the published rows first, so that an early look shows them."""
    rows = itertools.product((False, True), range(seeds), LEARNING_RATES, STYLES)
    return [
        {**style._asdict(), "learning_rate": rate, "seed": seed, "split": split, "folder": folder}
        for ours, seed, rate, style in rows
        if ours == (style.style == "accumulated")
    ]


class LanguageModel(nn.Module):
    """Embedding, plain cell and softmax readout, dropout before and after the cell."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.embed = nn.Sequential(nn.Embedding(words, EMBEDDING), nn.Dropout(1 - KEEP))
        self.cell = nn.RNNCell(EMBEDDING, HIDDEN)
        self.readout = nn.Sequential(nn.Dropout(1 - KEEP), nn.Linear(HIDDEN, words))
        for weight in self.parameters():
            if weight.ndim == 2:
                nn.init.xavier_uniform_(weight)
            else:
                nn.init.zeros_(weight)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy in nats a word, read out a few steps at a time."""
        scale = 1 / targets.numel()
        return chunked_loss(self.readout, _summed, targets, chunk=5, scale=scale)(outputs)

    def step(self, token: Tensor, state: Tensor) -> Tensor:
        """Embed and step: what the stream runs again."""
        after: Tensor = self.cell(self.embed(token), state)
        return after


def _summed(logits: Tensor, targets: Tensor) -> Tensor:
    return nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")


def updates(model: LanguageModel, style: Style, stream: Tensor, state: Tensor) -> Iterator[Tensor]:
    """Make one gradient after the other over a stream ``(steps + 1, batch)``; yield the losses."""
    truncation = Truncation(style.k1, style.k2)
    blocks = zip(*(torch.split(s, style.chunk) for s in (stream[:-1], stream[1:])), strict=True)
    if style.chunk == style.k1:
        for loss, _, _ in online(model.step, model.loss, blocks, state, truncation):
            yield loss
        return
    for inputs, targets in blocks:

        def loss_fn(outputs: Tensor, targets: Tensor = targets) -> Tensor:
            return model.loss(outputs, targets)

        embedded = model.embed(inputs)
        loss, _, state = backward(model.cell, loss_fn, embedded, state, truncation)
        yield loss


@torch.no_grad()
def evaluate(model: LanguageModel, stream: Tensor) -> float:
    """Return the mean loss over a stream in nats a word, the state carried from end to end."""
    model.eval()
    state, outputs = torch.zeros(stream.shape[1], HIDDEN), []
    for token in stream[:-1]:
        state = model.step(token, state)
        outputs.append(state)
    loss = model.loss(torch.stack(outputs), stream[1:])
    model.train()
    return float(loss)


@functools.cache
def streams(split: str, folder: Path | None) -> tuple[int, Tensor, Tensor]:
    """Read a split: size of the vocabulary, training and validation stream (steps, batch)."""
    *names, least = SPLITS[split]
    texts = [treebank.words(name, folder) for name in names]
    size, numbers = treebank.numbered(*texts, least=least)
    training, validation = (
        torch.from_numpy(text[: len(text) // BATCH * BATCH].reshape(BATCH, -1).T.copy())
        for text in numbers
    )
    return size, training, validation


def run(
    style: str, k1: int, k2: int, chunk: int, learning_rate: float, seed: int, split: str,
    folder: Path | None = None, epochs: int = EPOCHS,
) -> dict[str, Any]:  # fmt: skip
    """Train for some epochs.

    Returns
    -------
    dict
        The setting; ``loss``, the lowest validation loss of any epoch in nats a word; and
        ``epoch``, counted from 1, the epoch that had it.
    """
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    words, training, validation = streams(split, folder)
    model = LanguageModel(words)
    adam = torch.optim.Adam(model.parameters(), learning_rate)
    losses: list[float] = []
    # To the end: with small steps the loss may rise for some epochs before it falls.
    for _ in range(epochs):
        for _ in updates(model, Style(style, k1, k2, chunk), training, torch.zeros(BATCH, HIDDEN)):
            adam.step()
            adam.zero_grad()
        losses.append(evaluate(model, validation))
    best = losses.index(min(losses))
    return {
        "style": style, "k1": k1, "k2": k2, "chunk": chunk, "learning_rate": learning_rate,
        "seed": seed, "split": split, "loss": round(losses[best], 4), "epoch": best + 1,
    }  # fmt: skip
