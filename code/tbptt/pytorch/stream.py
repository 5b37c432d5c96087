"""Training on a stream: an update every `k1` steps, gradients through `k2`, constant memory.

An update changes the weights, so the states that a longer backward pass wants to go back over
are stale, and what autograd saved for them is gone: this is where copied recipes fail, with an
in-place error or silently. Here the window is run again, from its first state, with the current
weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from tbptt._blocks import Block, check_block_shape, check_blocks, next_block
from tbptt._calling import called
from tbptt.pytorch.all_or_nothing import all_or_nothing
from tbptt.pytorch.checks import (
    check_alike,
    check_call,
    check_finite,
    check_flags,
    check_gradients_on,
    check_run,
    check_truncation,
)
from tbptt.pytorch.past import Past
from tbptt.pytorch.row_flags import RowFlags
from tbptt.pytorch.sequences import filled, send_back
from tbptt.pytorch.states import Cell, Parts, PassResult, S, pack, parts_of
from tbptt.pytorch.steps import run_in_graph
from tbptt.schedule import Truncation


def online(
    cell: Cell[S],
    loss_fn: Callable[[Tensor, Any], Tensor],
    blocks: Iterable[Block[Tensor] | tuple[Any, ...]],
    state: S,
    truncation: Truncation,
) -> Iterator[PassResult[S]]:
    """Make one backward pass for each block of a stream, and let you update in between.

    Every pass accumulates into ``.grad`` the gradient of its block's loss through the last `k2`
    steps, run again with the current weights: Williams and Peng's BPTT(h; h') with ``h = k2`` and
    ``h' = k1`` [1]_. As long as the weights stay as they are, the passes add up to exactly what
    :func:`tbptt.pytorch.backward` gives. With ``k1 = k2`` and blocks of that length this is the
    plain chunked loop: carry the state, detach it, go on. A last block that is shorter reaches back
    over `k2` steps all the same, into the block before.

    Nothing is kept but the last ``k2 - 1`` steps, however long the stream.

    Parameters
    ----------
    cell : callable
        ``cell(x, state) -> state`` for one step. It is called step by step, as a loop of your own
        would, and may do what :func:`tbptt.pytorch.backward` refuses, as drop units out.
    loss_fn : callable
        ``loss_fn(outputs, targets)`` of one block, a scalar. It may work in place.
    blocks : iterable of Block, or of tuples (inputs, targets[, resets[, mask]])
        The stream, `k1` steps at a time. Inputs require no gradients: token numbers are fine, and
        the cell embeds them.
    state : Tensor (batch, hidden), or tuple or list of them
        The state before the first step. Treated as a constant. The cell is handed states of the
        same kind, be it a NamedTuple of yours.
    truncation : Truncation
        `k1` is the block's length, `k2` that of the backward pass.

    Yields
    ------
    PassResult
        ``loss, outputs, state`` of the block, as from :func:`tbptt.pytorch.backward`. This is the
        place for clipping, ``optimizer.step()`` and ``optimizer.zero_grad()``.

    Raises
    ------
    TypeError, ValueError
        If a block is longer than `k1`, follows a shorter one, does not fit the state, or has inputs
        that require gradients; if a value is NaN or infinite; or if the loss is not a finite
        scalar, or does not depend on the outputs. The block has changed no gradient then.
    RuntimeError
        If gradients are switched off.

    References
    ----------
    .. [1] R. J. Williams and J. Peng, "An efficient gradient-based algorithm for on-line training
       of recurrent network trajectories", Neural Computation 2(4), 1990.

    Examples
    --------
    >>> import torch
    >>> from tbptt import Truncation
    >>> from tbptt.pytorch import online
    >>> cell = torch.nn.GRUCell(1, 8)
    >>> optimizer = torch.optim.Adam(cell.parameters())
    >>> x = torch.zeros(40, 4, 1)
    >>> stream = zip(x.split(5), x.split(5))
    >>> error = lambda outputs, targets: (outputs[:, :, :1] - targets).square().mean()
    >>> passes = online(cell, error, stream, torch.zeros(4, 8), Truncation(k1=5, k2=20))
    >>> for loss, outputs, state in passes:
    ...     optimizer.step()
    ...     optimizer.zero_grad()
    >>> outputs.shape, state.shape  # of the last block
    (torch.Size([5, 4, 8]), torch.Size([4, 8]))
    """
    check_call(cell, loss_fn)
    check_truncation(truncation)
    check_blocks(blocks, "zip(x.split(k1), y.split(k1))")
    # Copies, here and of the blocks: the caller may write over buffers in between.
    parts = tuple(part.detach().clone() for part in parts_of(state))
    check_finite("state", *parts)
    return _passes(cell, loss_fn, blocks, parts, truncation, state)


def _passes(
    cell: Cell[S],
    loss_fn: Callable[[Tensor, Any], Tensor],
    blocks: Iterable[Block[Tensor] | tuple[Any, ...]],
    parts: Parts,
    truncation: Truncation,
    like: S,
) -> Iterator[PassResult[S]]:
    past = Past(truncation.k2 - 1)
    ended = False
    for item in blocks:
        check_gradients_on()
        block = _checked(item, parts, truncation, ended)
        steps = len(block.inputs)
        ended = steps < truncation.k1
        x, flags, first = past.window(block.inputs, RowFlags(block.resets, block.mask), parts)
        with all_or_nothing(x.device, cell) as keep:
            used, after = run_in_graph(cell, x, first, flags, like=like)
            outputs = torch.stack([now[0] for now in after[-steps:]])
            check_run((outputs, *after[-1]))
            owned = flags.at(slice(-steps, None)).own_outputs(outputs)
            # A copy: the loss may work in place.
            loss = send_back(partial(_loss_of, loss_fn, block.targets), owned.clone(), keep)
        parts = tuple(part.detach() for part in after[-1])
        past.keep(x, flags, used)
        last = tuple(part.clone() for part in parts)
        yield PassResult(loss, outputs.detach(), pack(last, like))


def _loss_of(loss_fn: Callable[[Tensor, Any], Tensor], targets: Any, outputs: Tensor) -> Tensor:
    loss: Tensor = called("loss_fn", "(outputs, targets)", loss_fn, outputs, targets)
    return loss


def _checked(item: Any, parts: Parts, truncation: Truncation, ended: bool) -> Block[Tensor]:
    """Return a block whose padding is filled."""
    block = next_block(item, truncation.k1, ended=ended)
    if not isinstance(block.inputs, Tensor):
        raise TypeError(f"A block's inputs must be a Tensor, got {type(block.inputs).__name__}.")
    if block.inputs.requires_grad:
        raise ValueError(
            "A block's inputs must not require gradients: a window is run again when its embedding "
            "has changed. Embed inside the cell, cell(token, state), and pass the tokens."
        )
    check_block_shape(tuple(block.inputs.shape), truncation.k1, len(parts[0]))
    for part in parts:
        check_alike("state", part, block.inputs)
    check_flags("resets", block.resets, block.inputs)
    check_flags("mask", block.mask, block.inputs)
    inputs = filled(block.inputs, block.mask)
    check_finite("inputs", inputs)
    return block._replace(inputs=inputs)
