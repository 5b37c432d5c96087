"""Bias and noise of gradients that were cut: by a ruler, by a coin, sparse, sketched, by moves.

The network and the language are those of `language`: a plain network, and words that repeat the
one 6 steps before. One batch is held fixed, so that all noise is the method's own.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tbptt.pytorch import backward
from tbptt.pytorch.evolution import NRES, PES, evolve
from tbptt.pytorch.forward_mode import UORO, EProp, Method, SnAp, accumulate
from tbptt.random_lengths import draw_factors, weighting
from tbptt.reference import RNN, pairs
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
from truncated_time.tasks import echo_language

LENGTHS = (2, 3, 4, 5, 6, 8, 12, 24)
DRAWS, SKETCHES, UPDATES = 2000, 200, 400
UNROLL, SPREAD, TOGETHER = 4, 0.01, 40  # of evolution strategies
PACKAGES = ("torch", "numpy")
Array = NDArray[np.float64]


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: untrained and trained weights, and every seed."""
    return [
        {"weights": weights, "seed": seed}
        for seed, weights in itertools.product(range(seeds), ("fresh", "trained"))
    ]


def run(weights: str, seed: int) -> list[dict[str, Any]]:
    """Take one network's gradient apart, and put it together again in every way.

    Returns
    -------
    list of dict
        The setting, and for every style and ``length`` (a reach, or the mean length of chunks; 0
        where there is none) the norms of ``bias`` and ``noise`` relative to the full gradient: the
        error of a mean of `n` draws is ``sqrt(bias^2 + noise^2 / n)``.
    """
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    net, readout = nn.RNNCell(WORDS, HIDDEN), nn.Linear(HIDDEN, WORDS)
    learned = [*net.parameters(), *readout.parameters()]
    adam = torch.optim.Adam(learned, LEARNING_RATE)
    updates = UPDATES if weights == "trained" else 0
    stream = torch.from_numpy(echo_language((updates + 1) * CHUNK, BATCH, period=PERIOD, seed=seed))
    state = torch.zeros(BATCH, HIDDEN)

    def chunk(number: int) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        words = stream[number * CHUNK : (number + 1) * CHUNK + 1]

        def loss_fn(outputs: Tensor) -> Tensor:
            logits = readout(outputs)
            return nn.functional.cross_entropy(logits.flatten(0, 1), words[1:].flatten())

        return nn.functional.one_hot(words[:-1], WORDS).to(state), loss_fn

    for number in range(updates):
        x, loss_fn = chunk(number)
        *_, state = backward(net, loss_fn, x, state, Truncation.epochwise(CHUNK))
        nn.utils.clip_grad_norm_(learned, CLIP)
        adam.step()
        adam.zero_grad()
    net.double(), readout.double()
    state = state.double()
    x, loss_fn = chunk(updates)
    outputs = [state]
    for step in x:
        outputs.append(net(step, outputs[-1]))
    stacked = torch.stack(outputs[1:]).detach().requires_grad_()
    (errors,) = torch.autograd.grad(loss_fn(stacked), stacked)
    named = {name: weight.detach().numpy() for name, weight in net.named_parameters()}
    shares = pairs(RNN(), named, x.numpy(), (state.numpy(),), errors.numpy())
    measured = [(style, k, *of) for style, k, of in cut(shares, seed)]

    def without_going_back(method: Method) -> Array:
        net.zero_grad()
        accumulate(net, loss_fn, x, state, method)
        shares = [w.grad.flatten() for w in net.parameters() if w.grad is not None]
        gradient: Array = torch.cat(shares).numpy()
        return gradient

    full = shares.sum(axis=(0, 1))
    generator = torch.Generator().manual_seed(seed)
    sketches = np.stack([without_going_back(UORO(generator)) for _ in range(SKETCHES)])
    measured.append(("SnAp-1", 0, *spread(without_going_back(SnAp(1))[None], full)))
    measured.append(("UORO", 0, *spread(sketches, full)))
    measured.append(("e-prop", 0, *spread(without_going_back(EProp())[None], full)))
    words = stream[updates * CHUNK : (updates + 1) * CHUNK + 1]
    for name, strategy in (("PES", PES), ("NRES", NRES)):
        drawn = moved(net, readout, words, state, strategy(SPREAD, generator))
        measured.append((name, UNROLL, *spread(drawn, full)))
    return [
        {"weights": weights, "seed": seed, "style": style, "length": k,
         "bias": f"{bias:.4g}", "noise": f"{noise:.4g}"}
        for style, k, bias, noise in measured
    ]  # fmt: skip


class RowLosses:
    """The losses of rows at some steps, as shares of a mean; every call is remembered."""

    def __init__(self, readout: nn.Module, words: Tensor, size: int) -> None:
        self._readout, self._words, self._size = readout, words, size
        self.calls: list[Tensor] = []

    def __call__(self, outputs: Tensor) -> Tensor:
        """Return the losses ``(rows,)`` of outputs ``(steps, rows, hidden)``."""
        scores, words = self._readout(outputs).flatten(0, 1), self._words.flatten()
        losses = nn.functional.cross_entropy(scores, words, reduction="none")
        self.calls.append(losses.view(self._words.shape).sum(dim=0) / self._size)
        return self.calls[-1]


def moved(net: nn.Module, readout: nn.Module, words: Tensor, state: Tensor, strategy: PES) -> Array:
    """Return gradients ``(draws, weights)``, each estimated from a pair of moves for every row."""
    size, made = words[1:].numel(), []
    words, begin = words.repeat(1, TOGETHER), state.repeat(TOGETHER, 1)
    x, targets = nn.functional.one_hot(words[:-1], WORDS).to(state), words[1:]
    for _ in range(0, SKETCHES, TOGETHER):
        carried, owed = None, []
        for unroll, wanted in zip(x.split(UNROLL), targets.split(UNROLL), strict=True):
            losses = RowLosses(readout, wanted, size)
            _, carried = evolve(net, losses, unroll, begin, strategy, carried)
            plus, minus = (side.detach() for side in losses.calls)
            owed.append(((plus - minus) / (2 * SPREAD**2))[:, None] * carried[2])
        made.append(torch.stack(owed).sum(dim=0).unflatten(0, (TOGETHER, -1)).sum(dim=1))
    gradients: Array = torch.cat(made).numpy()
    return gradients


def cut(shares: Array, seed: int) -> list[tuple[str, int, tuple[float, float]]]:
    """Weigh the shares of all pairs by a ruler and by a coin, for every length."""
    steps = len(shares)
    flat, full = shares.reshape(steps * steps, -1), shares.sum(axis=(0, 1))
    measured = []
    for k in LENGTHS:
        for style, truncation in (
            ("true", Truncation.true(k)),
            ("chunks", Truncation.epochwise(k)),
        ):
            ruled = truncation.reach(steps).reshape(1, -1) @ flat
            measured.append((style, k, spread(ruled, full)))
        for style, compensate in (("coin", True), ("plain coin", False)):
            rng = np.random.default_rng(seed)
            drawn = [
                weighting(draw_factors(steps, 1 / k, rng, compensate=compensate)).ravel()
                for _ in range(DRAWS)
            ]
            measured.append((style, k, spread(np.stack(drawn) @ flat, full)))
    return measured


def spread(draws: Array, full: Array) -> tuple[float, float]:
    """Return bias and noise, relative to the full gradient, of draws ``(draws, weights)``."""
    size = np.linalg.norm(full)
    noise = np.sqrt(draws.var(axis=0, ddof=1).sum()) if len(draws) > 1 else 0.0
    # What chance alone would make of the mean of so many draws is no bias.
    squared = float(((draws.mean(axis=0) - full) ** 2).sum() - noise**2 / len(draws))
    return float(np.sqrt(max(squared, 0)) / size), float(noise / size)
