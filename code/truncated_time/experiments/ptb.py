"""The published table of "Styles of Truncated Backpropagation", at its size.

The same model and styles as in ``text``, trained on all of ``ptb.train`` and measured on
``ptb.valid``, as published. One run is a style: its models, for every learning rate and seed, are
trained side by side (:mod:`truncated_time.experiments.side_by_side`), so that a GPU is kept busy.

With ``--device cuda`` the styles run on one GPU, a thread each, and all of it takes ten minutes.
On a CPU it is the same computation, and takes about an hour of one core for each model.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch

from truncated_time.experiments import text
from truncated_time.experiments.captured import ALONE, Captured
from truncated_time.experiments.options import positive
from truncated_time.experiments.side_by_side import SideBySide

LEARNING_RATES = text.LEARNING_RATES
DROPPED = (("true", 20), ("epochwise", 5), ("epochwise", 20))  # styles and their chunks
SEEDS = 3
THREADS = True  # styles share the device, and what they wait for is no Python
PACKAGES = ("torch", "numpy")


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
    """List the styles, and again those whose published loop carries the state dropped out."""
    shared = {"seeds": seeds, "device": device, "epochs": epochs, "folder": folder,
              "curves": curves}  # fmt: skip
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
    # Those with the most updates take longest.
    captured = Captured(where, priority=-1 if chunk < 10 else 0)
    with captured.stream():
        with ALONE:
            words, *texts = text.streams("ptb", folder)
            initial = []
            for seed in range(seeds):
                torch.manual_seed(seed)
                initial.append(text.LanguageModel(words))
            models = SideBySide(
                initial, LEARNING_RATES, range(seeds), text.Style(style, k1, k2, chunk),
                (texts[0].to(where), texts[1].to(where)), dropped=carried == "dropped",
            )  # fmt: skip
            prepare(models, captured)
        settings = [
            {"style": style, "k1": k1, "k2": k2, "chunk": chunk, "carried": carried,
             "learning_rate": rate, "seed": seed}
            for rate in LEARNING_RATES for seed in range(seeds)
        ]  # fmt: skip
        losses = []
        for epoch, means in enumerate(train(models, captured, epochs), 1):
            losses.append(means)
            if curves is not None:
                rows = [{**setting, "epoch": epoch, "loss": f"{mean:.5f}"}
                        for setting, mean in zip(settings, means, strict=True)]  # fmt: skip
                append(curves, rows)
    found = []
    for setting, curve in zip(settings, zip(*losses, strict=True), strict=True):
        best = min(curve)
        found.append({**setting, "loss": round(best, 4), "epoch": curve.index(best) + 1})
    return found


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


def append(file: Path, rows: list[dict[str, Any]]) -> None:
    """Append rows to a table that several threads write."""
    with ALONE, file.open("a", newline="", encoding="utf-8") as there:
        table = csv.DictWriter(there, fieldnames=list(rows[0]), lineterminator="\n")
        if not there.tell():
            table.writeheader()
        table.writerows(rows)
