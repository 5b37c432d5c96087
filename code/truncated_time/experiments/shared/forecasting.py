"""A GRU that forecasts one stream: state policies, batches, training, and the weights to keep.

Weights are chosen on the validation part, at one of twenty points of the training. The caller
says what is done with the forecasts after that part.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tbptt.schedule import Truncation
from truncated_time.experiments.shared.weeks import rmse

UNITS, UPDATES, CHECKS = 16, 1000, 20
LAST = 64  # windows a batch, where only the last answer of each is scored
ENDS = "zeros, last"  # the policy that does so

Floats = NDArray[np.float32]


class Stream(NamedTuple):
    """A series as a network reads it, time-major, scaled by the training part alone.

    Attributes
    ----------
    x : ndarray of float32, shape (steps, features)
        What is read.
    y : ndarray of float32, shape (steps,)
        What is forecast, in the unit of the series.
    scored : ndarray of bool, shape (steps,)
        True where the answer was measured.
    scale : float
        Standard deviation of `y` over the training part.
    end : int
        Where the training part ends.
    validation : slice
        The steps of the validation part.
    lanes, chunk : int
        Rows side by side where the state is carried, and the steps of an update.
    """

    x: Floats
    y: Floats
    scored: NDArray[np.bool_]
    scale: float
    end: int
    validation: slice
    lanes: int
    chunk: int

    def error(self, forecast: NDArray[Any], part: slice) -> float:
        """Root mean squared error over the measured steps of a part."""
        scored = self.scored[part]
        return rmse(forecast[part][scored], self.y[part][scored])


def batches(
    stream: Stream, policy: str, k2: int, seed: int
) -> Iterator[tuple[bool, NDArray[np.int64], int]]:
    """Yield for ever: whether states begin again, places ``(steps, rows)``, steps that warm up.

    Every batch scores as many answers, a chunk of every lane, in windows of `k2` steps; but for
    windows from zeros of which the last answer alone counts.
    """
    end, lanes, chunk = stream.end, stream.lanes, stream.chunk
    if policy == "carried":
        lane = end // lanes // chunk * chunk
        starts = end - lanes * lane + lane * np.arange(lanes)
        while True:
            for first in range(0, lane, chunk):
                yield first == 0, starts + first + np.arange(chunk)[:, None], 0
    rng, warm = np.random.default_rng(seed), chunk if policy == "warm-up" else 0
    while True:
        rows = LAST if policy == ENDS else lanes * chunk // k2
        starts = rng.integers(0, end - warm - k2 + 1, rows)
        yield True, starts + np.arange(warm + k2)[:, None], warm


def answers(cell: Any, readout: Any, x: Any, window: int | None) -> Floats:
    """Answer every step: each from a window of its own, from zeros, or all in one run.

    Parameters
    ----------
    cell, readout : nn.GRUCell and nn.Linear
        The network.
    x : Tensor, shape (steps, features)
        The series.
    window : int or None
        Steps of a window that ends where it answers; None runs over the whole series, so that the
        past warms the state up.

    Returns
    -------
    ndarray of float32, shape (steps,)
        NaN where a window would begin too early.
    """
    import torch
    from torch import nn

    layer = nn.GRU(cell.input_size, cell.hidden_size)
    layer.load_state_dict({f"{name}_l0": weight for name, weight in cell.state_dict().items()})
    with torch.no_grad():
        if window is None:
            every: Floats = readout(layer(x[:, None])[0])[:, 0, 0].numpy()
            return every
        views = x.unfold(0, window, 1).permute(2, 0, 1)  # (window, steps - window + 1, features)
        forecast = np.full(len(x), np.nan, dtype=np.float32)
        forecast[window - 1 :] = readout(layer(views.contiguous())[1][0])[:, 0].numpy()
    return forecast


def train(
    stream: Stream, policy: str, k1: int, k2: int, seed: int, rate: float, updates: int = UPDATES
) -> tuple[dict[str, Any], Floats]:
    """Train one network; keep the weights that are best on the validation part.

    Returns
    -------
    dict
        ``validation_error``, and ``updates``, after how many those weights were made.
    ndarray of float32, shape (steps,)
        What they say for every step, in the unit of the series; NaN where a window would begin too
        early.
    """
    import torch
    from torch import nn

    from tbptt.pytorch import backward

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    x, scored = torch.from_numpy(stream.x), torch.from_numpy(stream.scored)
    y = torch.from_numpy(stream.y) / stream.scale
    cell, readout = nn.GRUCell(x.shape[1], UNITS), nn.Linear(UNITS, 1)
    weights = [*cell.parameters(), *readout.parameters()]
    adam = torch.optim.Adam(weights, rate)
    truncation, window = Truncation(k1, k2), k2 if policy.startswith("zeros") else None
    state = torch.zeros(1, UNITS)
    best, chosen = {"validation_error": np.inf}, np.empty(0, dtype=np.float32)
    feed = batches(stream, policy, k2, seed)
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
        if policy == ENDS:
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
        forecast = stream.scale * answers(cell, readout, x, window)
        error = stream.error(forecast, stream.validation)
        if error < best["validation_error"]:
            best, chosen = {"validation_error": error, "updates": update}, forecast
    return best, chosen
