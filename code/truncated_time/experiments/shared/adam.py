"""Adam for networks side by side, each with its learning rate and its clipping."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class Adam:
    """Adam for networks that lie along the first axis of their weights.

    Parameters
    ----------
    rates : sequence of float
        One for each network.
    weights : sequence of Tensor, each (networks, ...)
        Changed in place.
    keras : bool
        Whether to be Keras's Adam. Its epsilon is another than PyTorch's, and added elsewhere:
        where a gradient is tiny, that shows.
    """

    def __init__(
        self, rates: Sequence[float], weights: Sequence[Tensor], *, keras: bool = False
    ) -> None:
        self._rates, self._weights, self._steps = torch.tensor(rates), weights, 0
        self._keras = keras
        self._means = [torch.zeros_like(weight) for weight in weights]
        self._squares = [torch.zeros_like(weight) for weight in weights]

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], *, clip: float | None = None) -> None:
        """Change the weights; `clip` is the longest that a network's gradient may be."""
        self._steps += 1
        if clip is not None:
            sizes = torch.stack([part.flatten(1).norm(dim=1) for part in gradients]).norm(dim=0)
            scale = (clip / (sizes + 1e-6)).clamp(max=1)
            gradients = [part * _beside(scale, part) for part in gradients]
        fade = 1 - 0.9**self._steps, 1 - 0.999**self._steps
        epsilon = 1e-7 / fade[1] ** 0.5 if self._keras else 1e-8
        for weight, gradient, mean, square in zip(
            self._weights, gradients, self._means, self._squares, strict=True
        ):
            mean.lerp_(gradient, 0.1)
            square.lerp_(gradient**2, 0.001)
            moved = (mean / fade[0]) / ((square / fade[1]).sqrt() + epsilon)
            weight -= _beside(self._rates.to(weight), weight) * moved

    def step_back(self, *, clip: float | None = None) -> None:
        """Change weights by the gradients that a backward pass has left, and forget those."""
        self.step([part.grad for part in self._weights if part.grad is not None], clip=clip)
        for part in self._weights:
            part.grad = None


def _beside(numbers: Tensor, weight: Tensor) -> Tensor:
    """Give one number for each network the axes of a weight."""
    return numbers.view(-1, *[1] * (weight.ndim - 1))
