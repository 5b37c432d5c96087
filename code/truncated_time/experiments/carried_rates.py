"""Carried state against windows, each at five learning rates, up to windows of two years.

The networks of ``carried``, with the weights that Keras draws for them. All seeds at all rates are
trained side by side, as batches of matrices.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from truncated_time.experiments import carried
from truncated_time.experiments.shared.adam import Adam
from truncated_time.experiments.shared.weeks import HORIZON, TEST, VALIDATION, rmse

PACKAGES = (*carried.PACKAGES, "torch")
RATES = (0.0003, 0.001, 0.003, 0.01, 0.03)
LONGEST = 104  # of windows; eight lanes are too short for it

State = tuple[Tensor, Tensor]


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: both ways, every window; each has all rates and all seeds."""
    ways = [*itertools.product(("windows", "carried"), carried.WINDOWS), ("windows", LONGEST)]
    return [{"way": way, "window": window, "seeds": seeds} for way, window in ways]


def read(parts: list[Tensor], x: Tensor, state: State) -> tuple[Tensor, State]:
    """Read ``(networks, rows, steps)``; return the answers, shaped alike, and the state."""
    kernel, recurrent, bias, dense, constant = parts
    h, c = state
    networks, rows, steps = x.shape
    inputs = torch.baddbmm(bias, x.reshape(networks, -1, 1), kernel).view(networks, rows, steps, -1)
    outputs = []
    for now in inputs.unbind(2):
        gates = torch.baddbmm(now, h, recurrent)
        take, keep, new, give = gates.chunk(4, 2)
        c = keep.sigmoid() * c + take.sigmoid() * new.tanh()
        h = give.sigmoid() * c.tanh()
        outputs.append(h)
    answers = torch.baddbmm(constant, torch.stack(outputs, 2).flatten(1, 2), dense)
    return answers.view(networks, rows, steps), (h, c)


def begin(networks: int, rows: int) -> State:
    """Make a state of zeros."""
    return torch.zeros(networks, rows, carried.UNITS), torch.zeros(networks, rows, carried.UNITS)


def weights_of(way: str, window: int, seed: int) -> list[Tensor]:
    """Draw a network's first weights as ``carried`` does: matrices, and rows of biases."""
    import keras

    keras.utils.set_random_seed(seed)
    alone = way == "windows"
    model = carried.network(None if alone else carried.LANES, window, carried=not alone)
    drawn = [torch.from_numpy(part) for part in model.get_weights()]
    keras.backend.clear_session()
    return [part if part.ndim == 2 else part[None] for part in drawn]


@torch.no_grad()
def answers(parts: list[Tensor], way: str, window: int) -> NDArray[np.float32]:
    """Return what each network says for every week, ``(networks, weeks)``; NaN where it cannot."""
    x, _ = carried.series()
    networks = len(parts[0])
    if way == "carried":
        alone = torch.from_numpy(x[None, :, 0]).expand(networks, -1, -1)
        return read(parts, alone, begin(networks, 1))[0][:, 0].numpy()
    said = np.full((networks, len(x)), np.nan, "float32")
    views = np.lib.stride_tricks.sliding_window_view(x[:, 0], window)
    # Only what is asked for: the answers from the validation part on.
    for first in range(VALIDATION + 1 - window, len(views), 512):
        some = torch.from_numpy(views[first : first + 512].copy()).expand(networks, -1, -1)
        last = read(parts, some, begin(networks, some.shape[1]))[0][..., -1]
        said[:, first + window - 1 : first + window - 1 + last.shape[1]] = last.numpy()
    return said


def run(way: str, window: int, seeds: int) -> list[dict[str, Any]]:
    """Train networks side by side, and test the weights of each that did best on validation.

    Returns
    -------
    list of dict
        For every seed and rate what ``carried`` returns, and the rate.
    """
    torch.set_num_threads(1)
    _, y = carried.series()
    networks = list(itertools.product(range(seeds), RATES))
    starts = [weights_of(way, window, seed) for seed in range(seeds)]
    drawn = zip(*(starts[seed] for seed, _ in networks), strict=True)
    weights = [torch.stack(part).requires_grad_() for part in drawn]
    adam = Adam([rate for _, rate in networks], weights, keras=True)
    lanes = way == "carried"
    data = [
        carried.lanes(window) if lanes else carried.shuffled(window, seed) for seed in range(seeds)
    ]
    state = begin(len(networks), carried.LANES if lanes else carried.BATCH)
    best = [{"validation_error": np.inf} for _ in networks]

    def every(each: Iterable[NDArray[np.float32]]) -> Tensor:
        return torch.from_numpy(np.stack(list(each))).repeat_interleave(len(RATES), 0)

    for update in range(1, carried.UPDATES + 1):
        batches = [next(batch) for batch in data]
        inputs = every(inputs[..., 0] for _, inputs, _ in batches)
        targets = every(targets.reshape(len(targets), -1) for _, _, targets in batches)
        if batches[0][0] or not lanes:
            state = begin(len(networks), inputs.shape[1])
        said, state = read(weights, inputs, state)
        errors = said[:, :, -targets.shape[2] :] - targets
        errors.square().mean((1, 2)).sum().backward()
        adam.step_back()
        state = state[0].detach(), state[1].detach()
        if update % (carried.UPDATES // carried.CHECKS):
            continue
        forecasts = answers(weights, way, window)
        for kept, forecast in zip(best, forecasts, strict=True):
            parts = {
                "validation_error": slice(VALIDATION, TEST - HORIZON),
                "test_error": slice(TEST, None),
            }
            found = {name: rmse(forecast[part], y[part, 0]) for name, part in parts.items()}
            if found["validation_error"] < kept["validation_error"]:
                kept.update(found, updates=update)
    return [
        {"way": way, "window": window, "rate": rate, "seed": seed,
         **{name: round(value, 4) for name, value in kept.items()}}
        for (seed, rate), kept in zip(networks, best, strict=True)
    ]  # fmt: skip
