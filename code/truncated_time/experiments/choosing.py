"""What to choose for one real stream? Weekly carbon dioxide, with its missing weeks.

From the weeks so far a GRU forecasts the change over the next 13. The state policy (zeros, warm-up,
carried) and the truncation vary; the number of updates, and the answers that each one scores, do
not, with one exception: windows from zeros that score their last answer alone score 64. Weights are
chosen on the validation part; the test part is forecast once, with those.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tbptt.schedule import Truncation
from truncated_time.experiments.shared.weeks import END, HORIZON, TEST, VALIDATION, rmse
from truncated_time.tasks import carbon_dioxide, carbon_dioxide_raw

UNITS, SCORED = 16, 416
CHUNK, LANES, WARM_UP = 52, 8, 52
UPDATES, CHECKS, LEARNING_RATE = 1000, 20, 0.005
LAST = 64  # windows a batch, where only the last answer of each is scored
REACHES = (4, 13, 26, 52)
SEEDS = 3
PACKAGES = ("torch", "numpy", "statsmodels")

Floats = NDArray[np.float32]


class Weeks(NamedTuple):
    """The series as a network reads it, time-major, scaled by the training part alone.

    Attributes
    ----------
    x : ndarray of float32, shape (weeks, 2)
        The scaled change since the week before, and 1 where the week was not measured.
    y : ndarray of float32, shape (weeks,)
        The change over the next 13 weeks, in ppm.
    scored : ndarray of bool, shape (weeks,)
        True where both ends of that change were measured.
    scale : float
        Standard deviation of `y` over the training part, in ppm.
    """

    x: Floats
    y: Floats
    scored: NDArray[np.bool_]
    scale: float


def weeks() -> Weeks:
    """Fill, difference and scale the raw series."""
    missing, level = np.isnan(carbon_dioxide_raw()), carbon_dioxide()
    change = np.diff(level)[:-HORIZON]
    y = level[1 + HORIZON :] - level[1:-HORIZON]
    scored = ~missing[1 + HORIZON :] & ~missing[1:-HORIZON]
    x = np.stack([change / change[:END].std(), missing[1:-HORIZON]], axis=1)
    scale = float(y[:END][scored[:END]].std())
    return Weeks(x.astype(np.float32), y.astype(np.float32), scored, scale)


def part(name: str) -> slice:
    """Name the weeks of a part; before each cut a horizon is left out."""
    return {
        "training": slice(0, END),
        "validation": slice(VALIDATION, TEST - HORIZON),
        "test": slice(TEST, None),
    }[name]


def error_of_part(forecast: NDArray[Any], data: Weeks, name: str) -> float:
    """Root mean squared error in ppm, over the measured weeks of a part."""
    here = part(name)
    scored = data.scored[here]
    return rmse(forecast[here][scored], data.y[here][scored])


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: carried with both styles, zeros and warm-up with chunks."""
    cells = [("carried", k1, k2) for k2 in REACHES for k1 in (1, k2)]
    cells += [("zeros", k2, k2) for k2 in REACHES]
    cells += [("warm-up", k2, k2) for k2 in REACHES[:2]]
    cells += [("zeros, last", CHUNK, CHUNK)]
    return [
        {"policy": policy, "k1": k1, "k2": k2, "seed": seed}
        for policy, k1, k2 in cells
        for seed in range(seeds)
    ]


def batches(policy: str, k2: int, seed: int) -> Iterator[tuple[bool, NDArray[np.int64], int]]:
    """Yield for ever: whether states begin again, weeks ``(steps, rows)``, steps that only warm up.

    Every batch scores 416 answers: eight lanes of 52 weeks, or as many windows of `k2` weeks.
    """
    if policy == "carried":
        lane = END // LANES // CHUNK * CHUNK
        starts = END - LANES * lane + lane * np.arange(LANES)
        while True:
            for first in range(0, lane, CHUNK):
                yield first == 0, starts + first + np.arange(CHUNK)[:, None], 0
    rng, warm = np.random.default_rng(seed), WARM_UP if policy == "warm-up" else 0
    while True:
        rows = LAST if policy == "zeros, last" else SCORED // k2
        starts = rng.integers(0, END - warm - k2 + 1, rows)
        yield True, starts + np.arange(warm + k2)[:, None], warm


def zeros_by_window(cell: Any, readout: Any, x: Any, window: int) -> Floats:
    """Answer every week from a window of its own that ends there, begun from zeros."""
    import torch

    views = x.unfold(0, window, 1).permute(2, 0, 1)  # (window, weeks - window + 1, 2)
    state = torch.zeros(views.shape[1], cell.hidden_size)
    for step in views:
        state = cell(step, state)
    forecast = np.full(len(x), np.nan, dtype=np.float32)
    forecast[window - 1 :] = readout(state)[:, 0].numpy()
    return forecast


def stream(cell: Any, readout: Any, x: Any) -> Floats:
    """Answer every week in one run over the whole series: the past warms the state up."""
    import torch

    state, forecast = torch.zeros(1, cell.hidden_size), []
    for step in x:
        state = cell(step[None], state)
        forecast.append(readout(state)[0, 0])
    return torch.stack(forecast).numpy()


def train(
    policy: str, k1: int, k2: int, seed: int, updates: int = UPDATES
) -> tuple[dict[str, Any], Floats]:
    """Train one network; return its errors, and what the chosen weights say for every week.

    Returns
    -------
    dict
        ``validation_error`` and ``test_error`` (root mean squared, in ppm), and ``updates``.
    ndarray of float32, shape (weeks,)
        Forecasts in ppm; NaN where a window would begin too early.
    """
    import torch
    from torch import nn

    from tbptt.pytorch import backward

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    data = weeks()
    x, scored = torch.from_numpy(data.x), torch.from_numpy(data.scored)
    y = torch.from_numpy(data.y) / data.scale
    cell, readout = nn.GRUCell(2, UNITS), nn.Linear(UNITS, 1)
    weights = [*cell.parameters(), *readout.parameters()]
    adam = torch.optim.Adam(weights, LEARNING_RATE)
    truncation = Truncation(k1, k2)
    state = torch.zeros(1, UNITS)
    best, chosen = {"validation_error": np.inf}, np.empty(0, dtype=np.float32)
    feed = batches(policy, k2, seed)
    for update in range(1, updates + 1):
        begins, where, warm = next(feed)
        if begins:
            state = torch.zeros(where.shape[1], UNITS)
        if warm:
            with torch.no_grad():
                for step in x[where[:warm]]:
                    state = cell(step, state)
        index = torch.from_numpy(where[warm:])
        target, count = y[index], scored[index]
        if policy == "zeros, last":
            count = count.clone()
            count[:-1] = False

        def loss_fn(outputs: Any, target: Any = target, count: Any = count) -> Any:
            wrong = (readout(outputs)[..., 0] - target) * count
            return wrong.square().sum() / count.sum()

        _, _, state = backward(cell, loss_fn, x[index], state, truncation)
        nn.utils.clip_grad_norm_(weights, 1.0)
        adam.step()
        adam.zero_grad()
        if update % (updates // CHECKS):
            continue
        with torch.no_grad():
            if policy.startswith("zeros"):
                forecast = data.scale * zeros_by_window(cell, readout, x, k2)
            else:
                forecast = data.scale * stream(cell, readout, x)
        error = error_of_part(forecast, data, "validation")
        if error < best["validation_error"]:
            best = {"validation_error": error, "updates": update}
            chosen = forecast
    best["test_error"] = error_of_part(chosen, data, "test")
    return best, chosen


def run(policy: str, k1: int, k2: int, seed: int) -> dict[str, Any]:
    """Train one network.

    Returns
    -------
    dict
        The arguments, ``validation_error``, ``test_error`` and ``updates``.
    """
    best, _ = train(policy, k1, k2, seed)
    return {"policy": policy, "k1": k1, "k2": k2, "seed": seed,
            **{name: round(value, 4) for name, value in best.items()}}  # fmt: skip
