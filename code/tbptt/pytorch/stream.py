"""Training on a stream: an update every `k1` steps, gradients through `k2`, constant memory.

An update changes the weights, so the states that a longer backward pass wants to travel through
are stale, and what autograd saved for them is gone: this is where copied recipes fail, with an
in-place error or in silence. Here the window is run again, from its first state, with the weights
of the moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from tbptt.pytorch.checks import check_call, check_flags, scalar_loss
from tbptt.pytorch.row_flags import RowFlags
from tbptt.pytorch.states import Cell, Parts, PassResult, S, pack, parts_of
from tbptt.schedule import Truncation


class Block(NamedTuple):
    """What arrives between two updates, time-major.

    Attributes
    ----------
    inputs : Tensor, shape (steps, batch, ...)
        At most `k1` steps; only the last block of a stream may be shorter. They require no
        gradients: token numbers are fine, and the cell embeds them.
    targets : Any
        Whatever the loss wants beside the outputs.
    resets : Tensor of bool, shape (steps, batch), optional
        Where True, the row's state is zero before the step.

    Examples
    --------
    >>> import torch
    >>> from tbptt.pytorch import Block
    >>> block = Block(torch.zeros(5, 4, 1), targets=torch.zeros(5, 4))
    >>> block.resets is None  # every row goes on
    True
    """

    inputs: Tensor
    targets: Any
    resets: Tensor | None = None


def online(
    cell: Cell[S],
    loss_fn: Callable[[Tensor, Any], Tensor],
    blocks: Iterable[Block | tuple[Any, ...]],
    state: S,
    truncation: Truncation,
) -> Iterator[PassResult[S]]:
    """Make one backward pass for each block of a stream, and let you update in between.

    Every pass accumulates into ``.grad`` the gradient of its block's loss through the last `k2`
    steps, run again with the current weights: Williams and Peng's BPTT(h; h') with ``h = k2`` and
    ``h' = k1`` [1]_. As long as the weights stay as they are, the passes add up to exactly what
    :func:`tbptt.pytorch.backward` gives. With ``k1 = k2`` this is the plain chunked loop: carry the
    state, detach it, go on.

    Nothing is kept but the last ``k2 - 1`` steps, however long the stream.

    Parameters
    ----------
    cell : callable
        ``cell(x, state) -> state`` for one step.
    loss_fn : callable
        ``loss_fn(outputs, targets)`` of one block, a scalar.
    blocks : iterable of Block, or of tuples (inputs, targets[, resets])
        The stream, `k1` steps at a time.
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
        that require gradients; or if the loss is not a finite scalar.
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
    check_call(truncation)
    # Copies, here and of the blocks: the caller may write over buffers in between.
    parts = tuple(part.detach().clone() for part in parts_of(state))
    past = _Past(truncation.k2 - 1)
    ended = False
    for item in blocks:
        block = Block(*item)
        _check_block(block, parts, truncation, ended)
        steps = len(block.inputs)
        ended = steps < truncation.k1
        x, resets, first = past.window(block, truncation.k2, parts)
        states, outputs = [], []
        flags, now = RowFlags(resets), first
        for t in range(len(x)):
            now = flags.at(t).enter(now)
            states.append(tuple(part.detach() for part in now))
            now = parts_of(cell(x[t], pack(now, state)), like=parts)
            outputs.append(now[0])
        owned = torch.stack(outputs[-steps:])
        detached = owned.detach().clone()  # the loss may work in place
        loss = scalar_loss(loss_fn(owned, block.targets))
        if loss.requires_grad:
            loss.backward()
        parts = tuple(part.detach() for part in now)
        past.keep(x, resets, states)
        last = tuple(part.clone() for part in parts)
        yield PassResult(loss.detach(), detached, pack(last, state))


class _Past:
    """The last steps of a stream: inputs, resets and the states before them."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._inputs: Tensor | None = None
        self._resets: Tensor | None = None
        self._states: list[Parts] = []

    def window(self, block: Block, k2: int, now: Parts) -> tuple[Tensor, Tensor | None, Parts]:
        """Return inputs, resets and first state of the window that ends with a block."""
        old = min(len(self._states), k2 - len(block.inputs))
        if not old or self._inputs is None:
            return block.inputs, block.resets, now
        x = torch.cat([self._inputs[-old:], block.inputs])
        resets = None
        if self._resets is not None or block.resets is not None:
            marks = [
                torch.zeros(part.shape[:2], dtype=torch.bool, device=part.device)
                if given is None
                else given
                for part, given in ((self._inputs, self._resets), (block.inputs, block.resets))
            ]
            resets = torch.cat([marks[0][-old:], marks[1]])
        return x, resets, self._states[-old]

    def keep(self, x: Tensor, resets: Tensor | None, states: list[Parts]) -> None:
        """Remember what the next window may need, and let go of the rest."""
        if self._steps:
            self._inputs = x[-self._steps :].clone()
            self._resets = None if resets is None else resets[-self._steps :].clone()
            self._states = states[-self._steps :]


def _check_block(block: Block, parts: Parts, truncation: Truncation, ended: bool) -> None:
    if ended:
        raise ValueError(
            f"A block shorter than k1={truncation.k1} steps must be the last of its stream; begin "
            "another stream with the state that the last pass gave."
        )
    if not isinstance(block.inputs, Tensor):
        raise TypeError(f"A block's inputs must be a Tensor, got {type(block.inputs).__name__}.")
    if block.inputs.requires_grad:
        raise ValueError(
            "A block's inputs must not require gradients: a window is run again when its embedding "
            "has changed. Embed inside the cell, cell(token, state), and pass the tokens."
        )
    shape = tuple(block.inputs.shape)
    if len(shape) < 2 or not 1 <= shape[0] <= truncation.k1 or shape[1] != len(parts[0]):
        raise ValueError(
            f"A block's inputs must be (steps, batch, ...) with 1 to k1={truncation.k1} steps and "
            f"batch {len(parts[0])}, that of the state; got shape {shape}."
        )
    check_flags("resets", block.resets, block.inputs)
