r"""Bootstrapping across the cut: what lies beyond a chunk is predicted, and the prediction trained.

A chunk ends in a state `h`. How all later losses will change with it nobody knows yet; a small
module says what it expects, ``g(h)``. That goes back with the chunk's own errors, and what arrives
at the chunk's first state is a better answer for *that* state than `g` had: its target. So errors
cross any number of chunks, one chunk for each time the target is learned. With an exact `g` the
gradient is that of full backpropagation; with ``g = 0`` it is the chunked loop.

Sources: M. Jaderberg et al., "Decoupled neural interfaces using synthetic gradients", ICML 2017,
arXiv:1608.05343, section 2.1; W. M. Czarnecki et al., "Understanding synthetic gradients and
decoupled neural interfaces", ICML 2017, arXiv:1703.00522.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NamedTuple

import torch
from torch import Tensor

from tbptt._calling import called
from tbptt.pytorch.all_or_nothing import all_or_nothing
from tbptt.pytorch.arguments import check_tensor, check_tensors
from tbptt.pytorch.checks import (
    check_call,
    check_finite,
    check_gradients_on,
    check_run,
    scalar_loss,
)
from tbptt.pytorch.graphs import graph_of
from tbptt.pytorch.sequences import prepared, send_back
from tbptt.pytorch.states import Cell, Parts, S, pack, parts_of
from tbptt.pytorch.steps import run_in_graph

__all__ = ["BootstrapResult", "bootstrapped"]


class BootstrapResult(NamedTuple, Generic[S]):
    """What :func:`bootstrapped` returns, apart from the gradients that it left in ``.grad``.

    Attributes
    ----------
    loss, outputs, state
        As of :class:`tbptt.pytorch.PassResult`; the loss is the chunk's own.
    target : Tensor, or tuple or list of Tensor
        What the loss and the prediction at the chunk's end have sent to the state before the
        chunk, detached, of the kind of the state.
    missed : Tensor
        Detached scalar: the squared distance of the prediction from the target, summed.

    Examples
    --------
    >>> import torch
    >>> from tbptt.pytorch.bootstrap import bootstrapped
    >>> cell, x, zero = torch.nn.RNNCell(1, 2), torch.ones(5, 3, 1), torch.zeros(3, 2)
    >>> result = bootstrapped(cell, torch.sum, x, zero, torch.zeros_like)
    >>> result.target.shape, bool(result.missed > 0)
    (torch.Size([3, 2]), True)
    """

    loss: Tensor
    outputs: Tensor
    state: S
    target: S
    missed: Tensor


def bootstrapped(
    cell: Cell[S],
    loss_fn: Callable[[Tensor], Tensor],
    inputs: Tensor,
    state: S,
    synthesiser: Callable[[S], S],
    *,
    ends: Tensor | None = None,
    resets: Tensor | None = None,
    mask: Tensor | None = None,
) -> BootstrapResult[S]:
    """Accumulate a chunk's gradient, with a prediction of what later losses will send back [1]_.

    Parameters
    ----------
    cell, loss_fn, inputs, state
        As for :func:`tbptt.pytorch.backward`, of one chunk. The gradient goes back through all of
        it.
    synthesiser : callable
        ``synthesiser(state)`` is of the kind and shape of the state: how the losses of all later
        chunks change with it. Its weights get the gradient of half the squared distance to the
        target, summed, in ``.grad``. Let it begin with zeros, and errors begin as a chunked loop's.
    ends : Tensor of bool, shape (batch,), optional
        Rows whose sequence ends with this chunk: nothing comes back from beyond.
    resets, mask : Tensor of bool, shape (steps, batch), optional
        As for :func:`tbptt.pytorch.backward`.

    Returns
    -------
    BootstrapResult
        ``loss, outputs, state, target, missed``.

    Raises
    ------
    TypeError, ValueError
        If arguments are of the wrong kind or shape, a value is NaN or infinite, or the loss does
        not depend on the outputs. No gradient has been accumulated then.
    RuntimeError
        If gradients are switched off.

    References
    ----------
    .. [1] M. Jaderberg et al., "Decoupled neural interfaces using synthetic gradients", ICML 2017,
       arXiv:1608.05343, section 2.1.

    Examples
    --------
    Two chunks, and somebody who knows what the second sends to the first.

    >>> import torch
    >>> from tbptt import Truncation
    >>> from tbptt.pytorch import backward
    >>> from tbptt.pytorch.bootstrap import bootstrapped
    >>> cell, x, zero = torch.nn.RNNCell(1, 2), torch.ones(6, 1, 1), torch.zeros(1, 2)
    >>> *_, state = backward(cell, torch.sum, x[:3], zero, Truncation.true(3))
    >>> cell.zero_grad()
    >>> second = bootstrapped(cell, torch.sum, x[3:], state, torch.zeros_like)
    >>> first = bootstrapped(cell, torch.sum, x[:3], zero, lambda state: second.target)
    >>> across, cell.weight_hh.grad = cell.weight_hh.grad, None
    >>> loss, outputs, state = backward(cell, torch.sum, x, zero, Truncation.true(6))
    >>> torch.allclose(across, cell.weight_hh.grad, atol=1e-4)
    True
    """
    check_gradients_on()
    check_call(cell, loss_fn)
    if not callable(synthesiser) or isinstance(synthesiser, type):
        raise TypeError(f"synthesiser must be a module or a function, got {synthesiser!r}.")
    filled, begun, flags = prepared(inputs, state, resets, mask)
    if ends is not None:
        check_tensor("ends", ends, (inputs.shape[1],), dtype="bool")
    first = tuple(part.requires_grad_() for part in begun)
    with all_or_nothing(inputs.device, cell) as keep:
        _, after = run_in_graph(cell, filled, first, flags, like=state)
        outputs = torch.stack([now[0] for now in after])
        last = tuple(part.detach() for part in after[-1])
        check_run((outputs, *last))
        with torch.no_grad():
            beyond = _predicted(synthesiser, last, state)
        if ends is not None:
            beyond = tuple(part.masked_fill(ends[:, None], 0) for part in beyond)
        losses: list[Tensor] = []

        def both(outputs: Tensor) -> Tensor:
            losses.append(scalar_loss(called("loss_fn", "(outputs)", loss_fn, outputs)))
            # A product whose derivative by the last state is what was predicted.
            return losses[0] + sum(
                (part * sent).sum() for part, sent in zip(after[-1], beyond, strict=True)
            )

        send_back(both, flags.own_outputs(outputs).clone(), keep, inputs=inputs, own=first)
        target = tuple(torch.zeros_like(part) if part.grad is None else part.grad for part in first)
        predicted = _predicted(synthesiser, tuple(part.detach() for part in first), state)
        missed = torch.stack([
            ((part - wanted) ** 2).sum() for part, wanted in zip(predicted, target, strict=True)
        ]).sum()  # fmt: skip
        if missed.requires_grad:
            keep(graph_of(missed).leaves)
            (missed / 2).backward()
    return BootstrapResult(
        losses[0].detach(),
        outputs.detach(),
        pack(last, state),
        pack(target, state),
        missed.detach(),
    )


def _predicted(synthesiser: Callable[[S], S], parts: Parts, like: S) -> Parts:
    """Ask for a prediction, and check it."""
    handed = pack(tuple(part.clone() for part in parts), like)
    answer = called("synthesiser", "(state)", synthesiser, handed)
    predicted, name = parts_of(answer), "What synthesiser returns"
    check_tensors(name, predicted, [tuple(part.shape) for part in parts], like=parts[0])
    check_finite(name, *predicted)
    return predicted
