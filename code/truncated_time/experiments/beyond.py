"""Who learns a lag of 6: chunks cut by a ruler or a coin, forward gradients, memories, scans.

Every model reads 6000 steps of the same streams of the echo language, in 32 rows. The recurrent
ones with a ruler or a coin, the memories and the scans update every 24 steps; RTRL, SnAp-1 and UORO
every 4, carrying their influence on, at one learning rate; ``ahead`` has each at its best.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tbptt.pytorch import backward
from tbptt.pytorch.diagonal import DiagonalCell
from tbptt.pytorch.forward_mode import RTRL, UORO, Method, SnAp, accumulate
from tbptt.pytorch.random_lengths import reweighted
from tbptt.pytorch.segments import SegmentAttention
from tbptt.random_lengths import draw_factors
from tbptt.schedule import Truncation
from truncated_time.experiments.shared.echo import (
    BATCH,
    CHUNK,
    CLIP,
    HIDDEN,
    LEARNING_RATE,
    PERIOD,
    WORDS,
)
from truncated_time.tasks import echo_floors, echo_language

UPDATES, LAST, OFTEN = 250, 40, 4
FEATURES = 16
# Layers, width and segment of a memory; slowest channel and chunk of a scan.
MEMORIES = (
    (1, 4, 24), (1, 5, 1), (2, 3, 1), (2, 3, 2), (2, 3, 3), (2, 3, 4), (2, 3, 24),
    (3, 2, 1), (3, 2, 4), (3, 2, 24),
)  # fmt: skip
SCANS = tuple(itertools.product((0.99, 0.5, 0.3), (1, 4, 24)))
PACKAGES = ("torch", "numpy")
Step = tuple[Tensor, Tensor]


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: every way, its setting, and every seed."""
    ways: list[tuple[str, tuple[float, ...]]] = [
        *(("chunks", (k,)) for k in (2, 4, 5, 6, 12, 24)),
        *((way, (k,)) for way in ("coin", "plain coin") for k in (2, 4, 8)),
        *((way, (OFTEN,)) for way in ("RTRL", "SnAp-1", "UORO")),
        *(("memory", setting) for setting in MEMORIES),
        *(("scan", setting) for setting in SCANS),
    ]
    return [
        {"way": way, "setting": " ".join(map(str, setting)), "seed": seed}
        for seed, (way, setting) in itertools.product(range(seeds), ways)
    ]


def run(way: str, setting: str, seed: int) -> dict[str, Any]:
    """Train once.

    Returns
    -------
    dict
        The setting, the mean ``loss`` in nats a word over the last 960 steps, and the number of
        updates' worth of 24 steps, ``half_way``, until a mean over 10 of them is half way from a
        fair guess to the floor; 0 if it never is.
    """
    torch.set_num_threads(1)
    losses = learn(way, tuple(float(number) for number in setting.split()), seed)
    smooth = np.convolve(losses, np.ones(10) / 10, "valid")
    there = np.flatnonzero(smooth < sum(echo_floors()) / 2)
    return {
        "way": way, "setting": setting, "seed": seed,
        "loss": round(float(np.mean(losses[-LAST:])), 4),
        "half_way": int(there[0]) + 10 if len(there) else 0,
    }  # fmt: skip


def learn(way: str, setting: tuple[float, ...], seed: int, updates: int = UPDATES) -> list[float]:
    """Return the loss of every 24 steps of one run."""
    torch.manual_seed(seed)
    stream = torch.from_numpy(echo_language(updates * CHUNK, BATCH, period=PERIOD, seed=seed))
    learner = {"memory": _memory, "scan": _scan}.get(way, _recurrent)
    every = OFTEN if way in ("RTRL", "SnAp-1", "UORO") else CHUNK
    step, weights = learner(way, setting, seed)
    # Updates that are six times as frequent are made with a smaller rate.
    adam = torch.optim.Adam(weights, LEARNING_RATE * (0.3 if every < CHUNK else 1))
    losses = []
    for words in _chunks(stream, every):
        losses.append(step(words))
        nn.utils.clip_grad_norm_(weights, CLIP)
        adam.step()
        adam.zero_grad()
    return [float(loss) for loss in np.array(losses).reshape(updates, -1).mean(axis=1)]


def _chunks(stream: Tensor, every: int) -> Iterator[Tensor]:
    for first in range(0, len(stream) - 1, every):
        yield stream[first : first + every + 1]


def _loss(readout: nn.Module, words: Tensor) -> Callable[[Tensor], Tensor]:
    def loss_fn(outputs: Tensor) -> Tensor:
        logits = readout(outputs)
        return nn.functional.cross_entropy(logits.flatten(0, 1), words[1:].flatten())

    return loss_fn


Learner = tuple[Callable[[Tensor], float], list[Tensor]]


def _recurrent(way: str, setting: tuple[float, ...], seed: int) -> Learner:
    """Make a plain network whose gradient is made in that way."""
    cell, readout = nn.RNNCell(WORDS, HIDDEN), nn.Linear(HIDDEN, WORDS)
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    methods: dict[str, Method] = {"RTRL": RTRL(), "SnAp-1": SnAp(1), "UORO": UORO(generator)}
    length = int(setting[0])
    state, carried = torch.zeros(BATCH, HIDDEN), None

    def step(words: Tensor) -> float:
        nonlocal state, carried
        x, loss_fn = nn.functional.one_hot(words[:-1], WORDS).float(), _loss(readout, words)
        if way == "chunks":
            loss, _, state = backward(cell, loss_fn, x, state, Truncation.epochwise(length))
        elif way in methods:
            loss, _, state, carried = accumulate(cell, loss_fn, x, state, methods[way], carried)
        else:
            factors = draw_factors(len(x), 1 / length, rng, compensate=way == "coin")
            loss, _, state = reweighted(cell, loss_fn, x, state, factors)
        return loss.item()

    return step, [*cell.parameters(), *readout.parameters()]


def _memory(way: str, setting: tuple[float, ...], seed: int) -> Learner:
    """Make a stack of attention layers with a memory, read in segments."""
    layers, width, segment = (int(number) for number in setting)
    model, embedding = SegmentAttention(FEATURES, layers, width), nn.Embedding(WORDS, FEATURES)
    readout = nn.Linear(FEATURES, WORDS)
    memory = model.begin(BATCH)

    def step(words: Tensor) -> float:
        nonlocal memory
        total = 0.0
        for part in _chunks(words, segment):
            outputs, memory = model(embedding(part[:-1]), memory)
            loss = _loss(readout, part)(outputs) * (len(part) - 1) / (len(words) - 1)
            loss.backward()
            total += loss.item()
        return total

    return step, [*model.parameters(), *embedding.parameters(), *readout.parameters()]


def _scan(way: str, setting: tuple[float, ...], seed: int) -> Learner:
    """Make a linear diagonal recurrence under a small network, cut in chunks."""
    slowest, chunk = setting
    cell = DiagonalCell(WORDS, HIDDEN, slowest=slowest)
    readout = nn.Sequential(nn.Linear(2 * HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, WORDS))
    state = torch.zeros(BATCH, 2 * HIDDEN)

    def step(words: Tensor) -> float:
        nonlocal state
        x = nn.functional.one_hot(words[:-1], WORDS).float()
        cut = Truncation.epochwise(int(chunk))
        loss, _, state = backward(cell, _loss(readout, words), x, state, cut)
        return loss.item()

    return step, [*cell.parameters(), *readout.parameters()]
