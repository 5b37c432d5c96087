"""The published table of "Styles of Truncated Backpropagation", at its own size.

The same model and styles as in ``text``, trained on all of ``ptb.train`` and measured on
``ptb.valid``, as published, but for several seeds. Three styles run once more with the state
carried as the published loop carries it: with the units dropped that the readout saw dropped.

A run is a style: its models, one for every learning rate and seed, are trained side by side. With
``--device cuda`` the styles share one GPU, a thread each, and all of it takes a quarter of an hour.
A CPU does the same, in about an hour of one core for each of the 144 models.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from truncated_time.experiments import text
from truncated_time.experiments.shared.captured import ALONE, Captured
from truncated_time.experiments.shared.options import positive
from truncated_time.experiments.shared.side_by_side import SideBySide

LEARNING_RATES = text.LEARNING_RATES
DROPPED = (("true", 20), ("epochwise", 5), ("epochwise", 20))  # styles and their chunks
SEEDS = 3
THREADS = True  # processes would take turns on a GPU; streams of one process share it
PACKAGES = ("torch",)


def add_arguments(parser: argparse._ArgumentGroup) -> None:
    """Add what only this experiment asks."""
    parser.add_argument("--device", default="cpu", help="cpu, or cuda for a GPU")
    parser.add_argument("--epochs", type=positive, default=text.EPOCHS)
    parser.add_argument("--treebank", type=Path, dest="folder", help="where ptb.*.txt are or go")
    parser.add_argument("--curves", type=Path, help="a file that gets every epoch's losses")


def grid(
    seeds: int, device: str = "cpu", epochs: int = text.EPOCHS, folder: Path | None = None,
    curves: Path | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """List the styles, and some of them again with the state carried dropped out."""
    shared = {
        "seeds": seeds, "device": device, "epochs": epochs, "folder": folder, "curves": curves,
    }  # fmt: skip
    again = [style for style in text.STYLES if (style.style, style.chunk) in DROPPED]
    return [
        {**style._asdict(), "carried": carried, **shared}
        for carried, styles in (("whole", text.STYLES), ("dropped", again))
        for style in styles
    ]


def run(
    style: str, k1: int, k2: int, chunk: int, carried: str, seeds: int, device: str, epochs: int,
    folder: Path | None = None, curves: Path | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """Train one style's models, at every learning rate and with every seed.

    Returns
    -------
    list of dict
        The setting; ``loss``, the lowest validation loss of any epoch in nats a word; and
        ``epoch``, counted from 1, the epoch that had it.
    """
    torch.set_num_threads(1)
    where = torch.device(device)
    # Those with the most updates take longest: they go first.
    captured = Captured(where, priority=-1 if chunk < 10 else 0)
    settings = [
        {"style": style, "k1": k1, "k2": k2, "chunk": chunk, "carried": carried,
         "learning_rate": rate, "seed": seed}
        for rate in LEARNING_RATES for seed in range(seeds)
    ]  # fmt: skip
    losses: list[list[float]] = []
    with captured.stream():
        with ALONE:
            words, training, validation = text.streams("ptb", folder)
            models = SideBySide(
                [initial(words, seed) for seed in range(seeds)], LEARNING_RATES, range(seeds),
                text.Style(style, k1, k2, chunk), (training.to(where), validation.to(where)),
                dropped=carried == "dropped",
            )  # fmt: skip
            prepare(models, captured)
        for means in train(models, captured, epochs):
            losses.append(means)
            if curves is not None:
                append(curves, settings, epoch=len(losses), losses=means)
    rows = []
    for setting, curve in zip(settings, zip(*losses, strict=True), strict=True):
        lowest = min(curve)
        rows.append({**setting, "loss": round(lowest, 4), "epoch": curve.index(lowest) + 1})
    return rows


def initial(words: int, seed: int) -> text.LanguageModel:
    """Make the model that ``text`` begins with for a seed."""
    torch.manual_seed(seed)
    return text.LanguageModel(words)


def prepare(models: SideBySide, captured: Captured) -> None:
    """Capture every kind of update, and every kind of chunk that is scored."""
    for window in dict.fromkeys(models.plan()):
        captured.capture(window, partial(models.update, window), models.generators)
    for steps in dict.fromkeys(models.scores()):
        models.rewind()
        captured.capture(steps, partial(models.score, steps), [])
    models.reset()


def train(models: SideBySide, captured: Captured, epochs: int) -> Iterator[list[float]]:
    """Train for some epochs; yield the validation losses after each."""
    plan = models.plan()
    for _ in range(epochs):
        models.rewind()
        for window in plan:
            captured(window)
        models.rewind()
        for steps in models.scores():
            captured(steps)
        yield models.means()


def append(
    file: Path, settings: Sequence[dict[str, Any]], *, epoch: int, losses: Sequence[float]
) -> None:
    """Append an epoch's losses to a table that several threads write."""
    with ALONE, file.open("a", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, [*settings[0], "epoch", "loss"], lineterminator="\n")
        if not stream.tell():
            table.writeheader()
        for setting, loss in zip(settings, losses, strict=True):
            table.writerow({**setting, "epoch": epoch, "loss": f"{loss:.5f}"})
