"""Peak memory of a stream against its length: a million steps in the room of ten thousand.

Each length runs in a process of its own, which says what it held at most. Next to it stands what
full backpropagation would save for the way back, which grows with the length.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from tbptt.pytorch import online
from tbptt.schedule import Truncation
from truncated_time.experiments.shared.peak import peak_kib

BATCH, HIDDEN, K1, K2 = 4, 32, 10, 20
LENGTHS = (10_000, 100_000, 1_000_000)
TIMED = True
PACKAGES = ("torch", "numpy")


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: every length, every seed."""
    return [{"steps": steps, "seed": seed} for seed in range(seeds) for steps in LENGTHS]


def run(steps: int, seed: int) -> dict[str, Any]:
    """Train over a stream in a fresh process.

    Returns
    -------
    dict
        The setting; ``peak_mib``, the process's largest resident size in MiB; and ``saved_mib``,
        what full backpropagation through as many steps would keep for the way back.
    """
    child = [sys.executable, "-m", "truncated_time.experiments.memory", str(steps), str(seed)]
    done = subprocess.run(child, check=True, capture_output=True, text=True)
    saved = saved_bytes(100) / 100 * steps
    return {
        "steps": steps, "seed": seed, "k1": K1, "k2": K2, "batch": BATCH, "hidden": HIDDEN,
        "peak_mib": round(int(done.stdout) / 1024, 1), "saved_mib": round(saved / 2**20, 1),
    }  # fmt: skip


def blocks(steps: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the stream: noise, and the noise of a few steps ago as the target."""
    for _ in range(steps // K1):
        x = torch.randn(K1, BATCH, 1)
        yield x, x.roll(3, dims=0)


def loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean squared error of the first unit."""
    return (outputs[..., :1] - targets).square().mean()


def train(steps: int, seed: int) -> int:
    """Train over a stream; return the peak resident size of this process in KiB."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    cell = nn.RNNCell(1, HIDDEN)
    optimizer = torch.optim.SGD(cell.parameters(), 0.01)
    state = torch.zeros(BATCH, HIDDEN)
    for _ in online(cell, loss, blocks(steps), state, Truncation(K1, K2)):
        optimizer.step()
        optimizer.zero_grad()
    return peak_kib()


def saved_bytes(steps: int) -> int:
    """Count the bytes that autograd saves for full backpropagation, each tensor once."""
    cell, state = nn.RNNCell(1, HIDDEN), torch.zeros(BATCH, HIDDEN)
    inputs = torch.randn(steps, BATCH, 1)
    held: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        held[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        outputs = []
        for x in inputs:
            state = cell(x, state)
            outputs.append(state)
    weights = sum(weight.untyped_storage().nbytes() for weight in cell.parameters())
    return sum(held.values()) - weights


if __name__ == "__main__":
    print(train(int(sys.argv[1]), int(sys.argv[2])))
