"""A linear diagonal recurrence whose input decides how fast each channel fades and what enters."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tbptt.pytorch.diagonal import DiagonalCell, scan


class GatedCell(DiagonalCell):
    """`DiagonalCell` with two gates that see the input alone, so that a scan is still exact.

    Channel by channel ``h_t = a ** (2 f_t) h_{t-1} + g_t (B x_t)``, with `f` and `g` between 0 and
    1. At first both are about a half: the channels fade as those of a `DiagonalCell` do.
    """

    def __init__(self, features: int, channels: int, *, slowest: float = 0.99) -> None:
        super().__init__(features, channels, slowest=slowest)
        self.gates = nn.Linear(features, 2 * channels)

    def whole(self, inputs: Tensor, state: Tensor) -> Tensor:
        """Return all states ``(steps, batch, 2 * channels)``."""
        fade, enter = torch.sigmoid(self.gates(inputs)).chunk(2, dim=2)
        rates = torch.polar(
            torch.exp(-2 * fade * torch.exp(self.decay)), self.angle.expand_as(fade)
        )
        driven = enter * torch.complex(*torch.chunk(inputs @ self.drive.T, 2, dim=2))
        states = scan(rates, driven, torch.complex(*torch.chunk(state, 2, dim=1)))
        return torch.cat([states.real, states.imag], dim=2)
