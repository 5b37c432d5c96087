"""Zero, learned, warmed up, stored or carried: what a window should begin with.

The streams of `echo_language` are cut into windows, and a GRU predicts each next word. With a lag
of 6 the first answers of a window need words from before it; with a lag of 1 they do not. In a
third task each window is a sequence of its own, and what it echoes at first is the same for all.
The same networks then meet a new stream, whose beginning they are told in time, late, or never.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn

from truncated_time.tasks import echo_language

PACKAGES = ("torch", "numpy")
LAGS, STARTS = (6, 1), ("zero", "learned", "warmed up", "stored", "carried")
WINDOW, WARM_UP, LATE = 20, 8, 3
BEGINNING = (0, 1, 1, 0, 1, 0)  # of the sequences that all begin alike
HIDDEN, ROWS, WINDOWS, PASSES, LEARNING_RATE = 32, 32, 50, 8, 0.01


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: both lags, every start, every seed; and sequences that begin alike."""
    runs = [
        {"stream": "continued", "lag": lag, "start": start}
        for lag, start in itertools.product(LAGS, STARTS)
    ]
    runs += [
        {"stream": "one beginning", "lag": len(BEGINNING), "start": start}
        for start in ("zero", "learned")
    ]
    return [{**setting, "seed": seed} for seed, setting in itertools.product(range(seeds), runs)]


class Model(nn.Module):
    """A GRU that predicts the next of two words, and an initial state that can be learned."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(2, HIDDEN)
        self.readout = nn.Linear(HIDDEN, 2)
        self.first = nn.Parameter(torch.zeros(1, 1, HIDDEN))

    def losses(self, words: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Read ``(steps + 1, rows)`` words; return losses ``(steps, rows)`` and the state."""
        outputs, state = self.gru(nn.functional.one_hot(words[:-1], 2).float(), state)
        logits = self.readout(outputs).movedim(2, 1)
        return nn.functional.cross_entropy(logits, words[1:], reduction="none"), state


def stream_of(lag: int, seed: int) -> Tensor:
    """Make words ``(steps + 1, rows)``, and a warm-up in front."""
    steps = WARM_UP + WINDOW * WINDOWS + 1
    return torch.from_numpy(echo_language(steps=steps, batch=ROWS, period=lag, seed=seed)).long()


def begin(model: Model, start: str, words: Tensor, at: Tensor, row: Tensor) -> Tensor:
    """Make the state before the windows that begin at step `at` of their rows."""
    rows = len(row)
    if start == "learned":
        return model.first.expand(1, rows, HIDDEN).contiguous()
    state = torch.zeros(1, rows, HIDDEN)
    if start == "warmed up":
        past = torch.stack([words[at - back, row] for back in range(WARM_UP, -1, -1)])
        state = model.losses(past, state)[1].detach()
    return state


def alone(seed: int) -> Tensor:
    """Make windows ``(WINDOW + 1, rows)`` that are sequences, after one beginning not shown."""
    lag = len(BEGINNING)
    words = echo_language(
        steps=lag + WINDOW, batch=ROWS * WINDOWS, period=lag, seed=seed, beginning=BEGINNING
    )
    return torch.from_numpy(words[lag:]).long()


def alike(start: str, seed: int, rate: float) -> Tensor:
    """Train on sequences that begin alike; return the loss by step on new ones."""
    model, windows = Model(), alone(seed)
    optimizer = torch.optim.Adam(model.parameters(), rate)
    for _ in range(PASSES):
        for rows in torch.randperm(ROWS * WINDOWS).split(ROWS):
            cut = windows[:, rows]
            losses, _ = model.losses(cut, begin(model, start, cut, rows, rows))
            optimizer.zero_grad()
            losses.mean().backward()
            optimizer.step()
    cut = alone(seed + 1000)
    with torch.no_grad():
        row = torch.arange(ROWS * WINDOWS)
        return model.losses(cut, begin(model, start, cut, row, row))[0].mean(1)


def train(lag: int, start: str, seed: int, rate: float) -> Model:
    """Train on windows that begin as asked; the same number of updates for all."""
    model = Model()
    optimizer = torch.optim.Adam(model.parameters(), rate)
    words = stream_of(lag, seed)
    stored = torch.zeros(WINDOWS + 1, 1, ROWS, HIDDEN)
    for _ in range(PASSES):
        order = torch.randperm(WINDOWS * ROWS).reshape(WINDOWS, ROWS)
        if start == "carried":  # all rows side by side, in order
            order = torch.arange(WINDOWS * ROWS).reshape(WINDOWS, ROWS)
        for visits in order:
            window, row = visits // ROWS, visits % ROWS
            at = WARM_UP + window * WINDOW
            cut = torch.stack([words[at + step, row] for step in range(WINDOW + 1)])
            if start in ("stored", "carried"):
                state = stored[window, :, row].transpose(0, 1).contiguous()
            else:
                state = begin(model, start, words, at, row)
            losses, state = model.losses(cut, state)
            optimizer.zero_grad()
            losses.mean().backward()
            optimizer.step()
            stored[window + 1, :, row] = state.detach().transpose(0, 1)
    return model


def run(
    stream: str, lag: int, start: str, seed: int, rate: float = LEARNING_RATE
) -> list[dict[str, Any]]:
    """Train one network, and test it step by step in windows of a new stream.

    Returns
    -------
    list of dict
        Loss in nats for every ``step`` of a window, begun ``as trained``; and after the beginning
        of another stream, with a reset ``in time``, ``late`` by 3 steps, or ``never``.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    if stream == "continued":
        losses_by_reset = continued(lag, start, seed, rate)
    else:
        losses_by_reset = {"as trained": alike(start, seed, rate)}
    return [
        {"stream": stream, "lag": lag, "start": start, "seed": seed, "reset": reset, "step": step,
         "loss": round(loss, 4)}
        for reset, losses in losses_by_reset.items() for step, loss in enumerate(losses.tolist())
    ]  # fmt: skip


def continued(lag: int, start: str, seed: int, rate: float) -> dict[str, Tensor]:
    """Train on windows of long streams; return the loss by step, for each way to reset."""
    model = train(lag, start, seed, rate)
    words, other = stream_of(lag, seed + 1000), stream_of(lag, seed + 2000)
    row = torch.arange(ROWS)
    with torch.no_grad():
        by_reset = {}
        windows = []
        state = torch.zeros(1, ROWS, HIDDEN)
        if start == "learned":
            state = begin(model, start, words, row, row)
        state = model.losses(words[: WARM_UP + 1], state)[1]
        for at in range(WARM_UP, len(words) - WINDOW, WINDOW):
            if start not in ("stored", "carried"):
                state = begin(model, start, words, torch.full((ROWS,), at), row)
            losses, state = model.losses(words[at : at + WINDOW + 1], state)
            windows.append(losses.mean(1))
        by_reset["as trained"] = torch.stack(windows).mean(0)
        fresh = begin(model, "learned" if start == "learned" else "zero", words, row, row)
        cut = other[: WINDOW + 1]
        by_reset["in time"] = model.losses(cut, fresh)[0].mean(1)
        by_reset["never"] = model.losses(cut, state)[0].mean(1)
        early, _ = model.losses(cut[: LATE + 1], state)
        late, _ = model.losses(cut[LATE:], fresh)
        by_reset["late"] = torch.cat([early, late]).mean(1)
    return by_reset
