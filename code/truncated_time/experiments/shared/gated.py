"""A linear diagonal recurrence whose input decides how fast each channel fades and what enters."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tbptt.pytorch.diagonal import DiagonalCell


class GatedCell(DiagonalCell):
    """`DiagonalCell` with two gates that see the input alone, so that a scan is still exact.

    Channel by channel ``h_t = a ** (2 f_t) h_{t-1} + g_t (B x_t)``, with `f` and `g` between 0 and
    1. At first both are about a half: the channels fade as those of a `DiagonalCell` do.
    """

    def __init__(self, features: int, channels: int, *, slowest: float = 0.99) -> None:
        super().__init__(features, channels, slowest=slowest)
        self.gates = nn.Linear(features, 2 * channels)

    def forward(self, x: Tensor, state: Tensor) -> Tensor:
        """Return the state after a step, ``(batch, 2 * channels)``."""
        rates, driven = self._by_step(x)
        after = rates * torch.complex(*torch.chunk(state, 2, dim=1)) + driven
        return torch.cat([after.real, after.imag], dim=1)

    def _by_step(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return of every step what a channel is multiplied by, and what is added, complex."""
        fade, enter = torch.sigmoid(self.gates(inputs)).chunk(2, dim=-1)
        _, driven = super()._by_step(inputs)
        sizes = torch.exp(-2 * fade * torch.exp(self.decay))
        return torch.polar(sizes, self.angle.expand_as(fade)), enter * driven
