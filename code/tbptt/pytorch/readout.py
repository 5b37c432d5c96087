"""The loss of a large readout, worked through time in chunks that fit the cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tbptt._checks import positive_int

Loss = Callable[[Tensor, Tensor], Tensor]


def chunked_loss(
    readout: nn.Module, loss: Loss, targets: Tensor, *, chunk: int, scale: float = 1.0
) -> Callable[[Tensor], Tensor]:
    """Make a `loss_fn` that reads out a few steps at a time and never holds all logits.

    The logits of 40 steps, 200 rows and 10,000 words are 320 MB in float32, and as much again for
    their gradient. A chunk's logits are turned into gradients at once and dropped.

    Parameters
    ----------
    readout : nn.Module
        Maps outputs ``(steps, batch, hidden)`` to logits, step by step.
    loss : callable
        ``loss(logits, targets)`` of some steps, a scalar that **adds up** over steps: a sum, not a
        mean.
    targets : Tensor, shape (steps, batch, ...)
        What the loss compares with.
    chunk : int
        Steps to read out at once.
    scale : float
        Factor of the whole; ``1 / (steps * batch)`` makes a mean of a sum.

    Returns
    -------
    callable
        ``loss_fn(outputs)``, for :func:`tbptt.pytorch.backward`. Its value can be differentiated
        once.

    Raises
    ------
    TypeError, ValueError
        If `chunk` is not an integer of at least 1; when called, if outputs and targets differ in
        steps, or the loss of a chunk is not a scalar.
    """
    chunk = positive_int("chunk", chunk)
    weights = tuple(weight for weight in readout.parameters() if weight.requires_grad)

    def part(outputs: Tensor, first: int) -> Tensor:
        value = loss(readout(outputs), targets[first : first + chunk])
        if value.ndim:
            raise ValueError(
                f"loss must return a scalar for {chunk} steps, got shape {tuple(value.shape)}: sum "
                "over steps and rows."
            )
        return value * scale

    def loss_fn(outputs: Tensor) -> Tensor:
        if len(outputs) != len(targets):
            raise ValueError(
                f"outputs hold {len(outputs)} steps, but targets hold {len(targets)}. Pass the "
                "targets of this sequence."
            )
        found: Tensor = _Chunked.apply(  # type: ignore[no-untyped-call]
            outputs, part, chunk, *weights
        )
        return found

    return loss_fn


class _Chunked(torch.autograd.Function):
    """Gradients are worked out on the way forward, while a chunk's logits are at hand."""

    @staticmethod
    def forward(
        ctx: Any,
        outputs: Tensor,
        part: Callable[[Tensor, int], Tensor],
        chunk: int,
        *weights: Tensor,
    ) -> Tensor:
        total = outputs.new_zeros(())
        of_outputs, of_weights = torch.empty_like(outputs), [torch.zeros_like(w) for w in weights]
        for first in range(0, len(outputs), chunk):
            piece = outputs[first : first + chunk].detach().requires_grad_()
            with torch.enable_grad():
                value = part(piece, first)
            shares = torch.autograd.grad(value, (piece, *weights), materialize_grads=True)
            of_outputs[first : first + chunk] = shares[0]
            for sum_, share in zip(of_weights, shares[1:], strict=True):
                sum_ += share
            total += value.detach()
        ctx.save_for_backward(of_outputs, *of_weights)
        return total

    @staticmethod
    def backward(ctx: Any, *factors: Tensor) -> Any:
        of_outputs, *of_weights = (saved * factors[0] for saved in ctx.saved_tensors)
        return of_outputs, None, None, *of_weights
