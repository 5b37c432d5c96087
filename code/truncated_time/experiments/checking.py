"""Three faults of a training loop, alone and together: what each costs.

A network reads a machine's log in windows of 12 steps, 32 side by side. ``data``: the windows are
dealt as they were cut, so that row `i` does not continue row `i`. ``state``: it begins every window
with zeros. ``errors``: the state is detached at every step, and not where a window ends.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn

from truncated_time.tasks import machine_log

WINDOW, ROWS, UNITS, UPDATES = 12, 32, 32, 400
LEARNING_RATE, LAST = 0.01, 50
FAULTS = ("data", "state", "errors")
PACKAGES = ("torch", "numpy")

State = tuple[Tensor, Tensor]


class Network(nn.Module):
    """A cell that is run step by step, and a readout."""

    def __init__(self, every_step: bool) -> None:
        super().__init__()
        self.cell, self.readout = nn.LSTMCell(2, UNITS), nn.Linear(UNITS, 2)
        self.every_step = every_step

    def begin(self, rows: int) -> State:
        """Return a state of zeros."""
        return torch.zeros(rows, UNITS), torch.zeros(rows, UNITS)

    def forward(self, bits: Tensor, state: State) -> tuple[Tensor, State]:
        """Read windows, (rows, steps)."""
        outputs = []
        for x in nn.functional.one_hot(bits, 2).float().unbind(1):
            h, c = self.cell(x, state)
            outputs.append(h)
            state = (h.detach(), c.detach()) if self.every_step else (h, c)
        return self.readout(torch.stack(outputs, 1)), (state[0].detach(), state[1].detach())


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: every choice of faults."""
    choices = itertools.product((True, False), repeat=len(FAULTS))
    return [
        {**dict(zip(FAULTS, choice, strict=True)), "seed": seed}
        for seed, choice in itertools.product(range(seeds), choices)
    ]


def run(data: bool, state: bool, errors: bool, seed: int) -> dict[str, Any]:
    """Train once through the log.

    Returns
    -------
    dict
        The mean loss of the first 20 and of the last 50 updates (``begin``, ``end``), and ``new``:
        that of the frozen network on another log, read in lanes with carried state, or from zeros
        in every window if it was trained so.
    """
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    network = Network(every_step=errors)
    inputs, targets = batches(data, seed, UPDATES)
    adam = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    now, losses = network.begin(ROWS), []
    for x, y in zip(inputs, targets, strict=True):
        if state:
            now = network.begin(ROWS)
        logits, now = network(x, now)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten())
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
    return {
        "data": data, "state": state, "errors": errors, "seed": seed,
        "begin": round(sum(losses[:20]) / 20, 4), "end": round(sum(losses[-LAST:]) / LAST, 4),
        "new": round(frozen(network, 1000 + seed, anew=state), 4),
    }  # fmt: skip


def batches(as_cut: bool, seed: int, number: int) -> tuple[Tensor, Tensor]:
    """Cut a log into windows and deal them: inputs and targets, (batches, rows, steps)."""
    bits = torch.from_numpy(machine_log(number * ROWS * WINDOW + 1, seed=seed))
    dealt = []
    for part in (bits[:-1], bits[1:]):
        windows = part.view(-1, WINDOW)
        lanes = windows.view(ROWS, number, WINDOW).transpose(0, 1)
        dealt.append(windows.view(number, ROWS, WINDOW) if as_cut else lanes)
    return dealt[0], dealt[1]


def frozen(network: Network, seed: int, *, anew: bool) -> float:
    """Return the mean loss on a log that it has not seen, without updates."""
    state, losses = network.begin(ROWS), []
    with torch.no_grad():
        for x, y in zip(*batches(False, seed, 100), strict=True):
            logits, state = network(x, network.begin(ROWS) if anew else state)
            losses.append(nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten()).item())
    return sum(losses) / len(losses)
