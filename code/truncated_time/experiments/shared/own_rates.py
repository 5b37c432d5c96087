"""Weights of many networks side by side, each trained by Adam with a learning rate of its own."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class OwnRates:
    """Adam, for networks of one shape that lie along the first axis of each tensor.

    Parameters
    ----------
    starts : sequence of Tensor, shape (networks, rows, columns)
        What the weights start as.
    rates : Tensor, shape (networks,)
        Learning rates.
    clip : float, optional
        The longest that a network's gradient may be.
    keras : bool
        Whether to be Keras's Adam. Its epsilon is another than PyTorch's, and added elsewhere:
        where a gradient is tiny, that shows.

    Attributes
    ----------
    parts : list of Tensor
        The weights, shaped like `starts`, each with a gradient.
    """

    BETAS = 0.9, 0.999

    def __init__(
        self,
        starts: Sequence[Tensor],
        rates: Tensor,
        *,
        clip: float | None = None,
        keras: bool = False,
    ) -> None:
        self.clip, self.keras, self.updates = clip, keras, 0
        sizes = [part.numel() for part in starts]
        total = sum(sizes)
        self.weights, self.gradients = torch.zeros(total), torch.zeros(total)
        self.first, self.second = torch.zeros(total), torch.zeros(total)
        self.rates = torch.cat([rates.repeat_interleave(part[0].numel()) for part in starts])
        self.parts = []
        places = zip(starts, self.weights.split(sizes), self.gradients.split(sizes), strict=True)
        for part, place, gradient in places:
            own = place.view(part.shape).copy_(part).requires_grad_()
            own.grad = gradient.view(part.shape)
            self.parts.append(own)

    @torch.no_grad()
    def step(self) -> None:
        """Clip each network's gradient, update its weights, and forget the gradient."""
        self.updates += 1
        if self.clip is not None:
            own = [part.grad for part in self.parts if part.grad is not None]
            norms = torch.stack([part.square().sum((1, 2)) for part in own]).sum(0).sqrt()
            for part in own:
                part *= (self.clip / (norms + 1e-6)).clamp(max=1)[:, None, None]
        grad, (one, two) = self.gradients, self.BETAS
        self.first.lerp_(grad, 1 - one)
        self.second.mul_(two).addcmul_(grad, grad, value=1 - two)
        mean, spread = (1 - beta**self.updates for beta in self.BETAS)
        epsilon = 1e-7 if self.keras else 1e-8 * spread**0.5
        lengths = self.rates * spread**0.5 / mean
        self.weights -= lengths * self.first / self.second.sqrt().add_(epsilon)
        grad.zero_()
