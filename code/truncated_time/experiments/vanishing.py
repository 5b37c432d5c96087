"""How much an error weighs after so many steps: gradients by lag, for three cells and six scales.

The last of 60 steps makes an error; the recurrent weights of each earlier step get a share of its
gradient. The share's L1 norm, summed over all weights, falls or grows with the lag. Inputs and
error are those of a network before training: embedded random words, and a softmax over them.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

CELLS = ("RNN", "GRU", "LSTM")
# Recurrent weights are drawn with this standard deviation times 1 / sqrt(hidden), so that the
# spectral radius of each gate's matrix is about this.
SCALES = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
HIDDEN, EMBEDDING, WORDS, BATCH, STEPS, LAGS = 100, 50, 1000, 32, 60, 20
PACKAGES = ("torch", "numpy")


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: every cell, scale and seed."""
    return [
        {"cell": cell, "scale": scale, "seed": seed}
        for seed, cell, scale in itertools.product(range(seeds), CELLS, SCALES)
    ]


def run(cell: str, scale: float, seed: int) -> list[dict[str, Any]]:
    """Measure one network.

    Returns
    -------
    list of dict
        The setting, and for every ``lag`` the ``norm`` of the gradient of the recurrent weights as
        they were used so many steps before the error.
    """
    torch.manual_seed(seed)
    net = getattr(nn, cell + "Cell")(EMBEDDING, HIDDEN)
    nn.init.normal_(net.weight_hh, std=scale / HIDDEN**0.5)
    readout = nn.Linear(HIDDEN, WORDS)
    inputs = nn.Embedding(WORDS, EMBEDDING)(torch.randint(WORDS, (STEPS, BATCH))).detach()
    others = {name: weight for name, weight in net.named_parameters() if name != "weight_hh"}
    copies = [net.weight_hh.detach().clone().requires_grad_() for _ in inputs]
    zero = torch.zeros(BATCH, HIDDEN)
    state: Tensor | tuple[Tensor, Tensor] = (zero, zero) if cell == "LSTM" else zero
    for x, copy in zip(inputs, copies, strict=True):
        state = functional_call(net, {**others, "weight_hh": copy}, (x, state))
    output = state[0] if cell == "LSTM" else state
    loss = nn.functional.cross_entropy(readout(output), torch.randint(WORDS, (BATCH,)))
    shares = torch.autograd.grad(loss, copies)[::-1]
    return [
        {"cell": cell, "scale": scale, "seed": seed, "lag": lag, "norm": f"{norm:.4g}"}
        for lag, norm in enumerate(float(share.abs().sum()) for share in shares[:LAGS])
    ]
