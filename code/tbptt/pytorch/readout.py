"""The loss of a large readout, worked through time in chunks that fit the cache."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from tbptt._checks import positive_int
from tbptt.pytorch.alike import trial_errors
from tbptt.pytorch.all_or_nothing import all_or_nothing
from tbptt.pytorch.checks import NO_ERROR
from tbptt.pytorch.slots import Slots

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
        Maps outputs ``(steps, batch, hidden)`` to logits, step by step. Modules and weights may be
        registered in it more than once.
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
        If `chunk` is not an integer of at least 1, `readout` is no module, or `loss` has parameters
        of its own, which belong into the readout; when called, if outputs and targets differ in
        steps, the readout mixes the first two steps, the loss of a chunk is not a scalar Tensor,
        losses of two steps do not add up, no chunk's depends on the outputs, or one depends on
        something that requires a gradient and is no parameter of the readout.

    Notes
    -----
    Before the chunks the readout is called twice with the first two steps, to see that neither
    reaches into the other; hooks see these calls. Steps further apart are not compared.

    Examples
    --------
    >>> import torch
    >>> from tbptt.pytorch import chunked_loss
    >>> readout, outputs = torch.nn.Linear(8, 5), torch.ones(40, 4, 8)
    >>> targets = torch.zeros(40, 4, dtype=torch.int64)
    >>> error = lambda logits, words: torch.nn.functional.cross_entropy(
    ...     logits.flatten(0, 1), words.flatten(), reduction="sum"
    ... )
    >>> loss_fn = chunked_loss(readout, error, targets, chunk=10, scale=1 / 160)  # a mean
    >>> torch.allclose(loss_fn(outputs), error(readout(outputs), targets) / 160)
    True
    """
    chunk = positive_int("chunk", chunk)
    if not isinstance(readout, nn.Module):
        raise TypeError(f"readout must be an nn.Module, got {type(readout).__name__}.")
    if isinstance(loss, nn.Module) and any(True for _ in loss.parameters()):
        raise ValueError("loss must have no parameters of its own: make them part of the readout.")
    if not callable(loss):
        raise TypeError(f"loss must be callable, got {type(loss).__name__}.")
    if not isinstance(targets, Tensor) or not targets.ndim:
        raise TypeError("targets must be a Tensor (steps, batch, ...).")

    def part(slots: Slots, weights: dict[str, Tensor], outputs: Tensor, first: int) -> Tensor:
        # A copy, for a readout that works in place.
        logits = slots.call(weights, outputs.clone())
        value = loss(logits, targets[first : first + chunk])
        if not isinstance(value, Tensor):
            raise TypeError(f"loss must return a scalar Tensor, got {type(value).__name__}.")
        if value.ndim:
            raise ValueError(
                f"loss must return a scalar for {chunk} steps, got shape {tuple(value.shape)}: sum "
                "over steps and rows."
            )
        if not first and isinstance(logits, Tensor):
            _check_sum(loss, logits.detach(), targets)
        others = slots.strangers(value, [outputs, *weights.values()])
        if others:
            raise ValueError(
                f"The loss uses {', '.join(others)} past the readout, where no gradient would come "
                "to it: let the readout use it, as a parameter of its own."
            )
        return value * scale

    def loss_fn(outputs: Tensor) -> Tensor:
        if not isinstance(outputs, Tensor) or outputs.ndim < 2:
            raise TypeError("outputs must be a Tensor (steps, batch, hidden).")
        if len(outputs) != len(targets):
            raise ValueError(
                f"outputs hold {len(outputs)} steps, but targets hold {len(targets)}. Pass the "
                "targets of this sequence."
            )
        # At every call: what is frozen may change between two.
        slots = Slots(readout)
        wanted = torch.is_grad_enabled()
        with all_or_nothing(outputs.device, readout):
            _check_apart(slots, outputs)
            return _chunked(
                outputs, partial(part, slots), chunk, wanted, tuple(slots.weights),
                *slots.weights.values(),
            )  # fmt: skip

    return loss_fn


def _check_apart(slots: Slots, outputs: Tensor) -> None:
    """Check on the first two steps that each is read out by itself: chunks cut between others.

    By derivatives, and not by a call with one step alone, as a readout may drop units at random.
    """
    if len(outputs) < 2:
        return
    weights = {name: weight.detach() for name, weight in slots.weights.items()}
    devices = [outputs.device] if outputs.device.type == "cuda" else []
    with torch.random.fork_rng(devices), torch.inference_mode(False), torch.enable_grad():
        for step, other in ((0, 1), (1, 0)):
            pair = outputs[:2].detach().clone().requires_grad_()
            logits = slots.call(weights, pair.clone())
            if not isinstance(logits, Tensor) or not logits.requires_grad or len(logits) != 2:
                return
            errors = torch.zeros_like(logits)
            (errors[step],) = trial_errors((logits[step].detach(),))
            (share,) = torch.autograd.grad(logits, pair, errors, materialize_grads=True)
            if share[other].any():
                raise ValueError(
                    "readout must take each step by itself, but what it makes of one of the first "
                    "two depends on the other, as with batch normalisation or a convolution over "
                    "steps; in chunks it would see others. Read out all steps at once, without "
                    "chunked_loss, or let the cell mix them."
                )


def _check_sum(loss: Loss, logits: Tensor, targets: Tensor) -> None:
    """Check on the first two steps that losses add up: of a mean, chunks give another number."""
    if len(logits) < 2:
        return
    pairs = (slice(0, 2), slice(0, 1), slice(1, 2))
    with torch.no_grad():
        both, one, other = (float(loss(logits[at].clone(), targets[at])) for at in pairs)
    # Far apart: sums of numbers that cancel out round more than others, a mean is half the sum.
    if abs(one + other - both) > 0.1 * max(abs(one), abs(other), abs(both)):
        raise ValueError(
            f"loss must add up over steps, but of the first two it is {one:.3g} and {other:.3g}, "
            f"and of both together {both:.3g}: sum over steps and rows, and pass "
            "scale=1 / (steps * batch) for their mean."
        )


class _Chunked(torch.autograd.Function):
    """A loss whose gradients are worked out on the way forward, chunk by chunk.

    A loss that adds up over steps has gradients that do, too: those of a chunk are final while its
    logits are at hand, but for a factor. So all that is kept for the way back are the gradients of
    the outputs and the weights; the way back multiplies them by the error of the loss itself,
    which is 1 unless the loss is scaled or part of a larger one.
    """

    @staticmethod
    def forward(
        ctx: Any,
        outputs: Tensor,
        part: Callable[[dict[str, Tensor], Tensor, int], Tensor],
        chunk: int,
        wanted: bool,
        names: tuple[str, ...],
        *weights: Tensor,
    ) -> Tensor:
        # Sums over many chunks need more places than bfloat16 has: a small share would be rounded
        # away in a large sum.
        wide = torch.promote_types(outputs.dtype, torch.float32)
        total = outputs.new_zeros((), dtype=wide)
        # The graphs below are of copies: hooks on the weights themselves are to see the whole
        # gradient, once, and not a share for every chunk.
        copies = [weight.detach().requires_grad_() for weight in weights]
        of_outputs = torch.zeros_like(outputs)
        of_weights = [torch.zeros_like(copy, dtype=wide) for copy in copies]
        reached = False
        for first in range(0, len(outputs), chunk):
            piece = outputs[first : first + chunk].detach().requires_grad_()
            with torch.set_grad_enabled(wanted):
                value = part(dict(zip(names, copies, strict=True)), piece, first)
            total += value.detach()
            if not value.requires_grad:  # nobody wants gradients, or the loss is a constant
                continue
            of_piece, *shares = torch.autograd.grad(value, (piece, *copies), allow_unused=True)
            if of_piece is not None:
                of_outputs[first : first + chunk] = of_piece
                reached = True
            for running, share in zip(of_weights, shares, strict=True):
                if share is not None:
                    running += share
        if wanted and ctx.needs_input_grad[0] and not reached:
            raise ValueError(NO_ERROR)
        of_weights = [
            whole.to(weight.dtype) for whole, weight in zip(of_weights, weights, strict=True)
        ]
        ctx.save_for_backward(of_outputs, *of_weights)
        return total.to(outputs.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *factors: Tensor) -> Any:
        of_outputs, *of_weights = (saved * factors[0] for saved in ctx.saved_tensors)
        return of_outputs, None, None, None, None, *of_weights


_chunked: Callable[..., Tensor] = _Chunked.apply
