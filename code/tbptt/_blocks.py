"""What arrives between two updates of a stream: blocks, of any framework's tensors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, NamedTuple, TypeVar

from tbptt._scalars import shown

T = TypeVar("T")
_PARTS = "(inputs, targets[, resets[, mask]])"


class Block(NamedTuple, Generic[T]):
    """What arrives between two updates, time-major, in tensors of the framework.

    Attributes
    ----------
    inputs : Tensor, shape (steps, batch, ...)
        At most `k1` steps; only the last block of a stream may be shorter.
    targets : Any
        Whatever the loss wants as well as the outputs.
    resets : Tensor of bool, shape (steps, batch), optional
        Where True, the row's state is zero before the step.
    mask : Tensor of bool, shape (steps, batch), optional
        False where a row has no step: its state waits, and errors of such a step are left out.

    Examples
    --------
    >>> import torch
    >>> from tbptt.pytorch import Block  # or of tbptt.tensorflow, with its tensors
    >>> block = Block(torch.zeros(5, 4, 1), targets=torch.zeros(5, 4))
    >>> block.resets is None  # every row goes on
    True
    """

    inputs: T
    targets: Any
    resets: T | None = None
    mask: T | None = None


def check_blocks(blocks: Any, cut: str) -> None:
    """Check that something yields blocks, as far as can be seen before it is asked for one.

    Parameters
    ----------
    blocks : Any
        What the caller passed.
    cut : str
        How the framework cuts tensors into blocks.

    Raises
    ------
    TypeError
        If it is a whole tensor, or nothing to go through.
    """
    whole = isinstance(blocks, str | bytes) or getattr(blocks, "shape", None) is not None
    if whole or not isinstance(blocks, Iterable):
        raise TypeError(
            f"blocks must be an iterable of Blocks, or of tuples {_PARTS}, got {shown(blocks)}; "
            f"{cut}, say."
        )


def next_block(item: Any, k1: int, *, ended: bool) -> Block[Any]:
    """Return what a stream gave as a block; `ended` where the one before was the last.

    Raises
    ------
    TypeError
        If it is no block.
    ValueError
        If no block may follow.
    """
    if ended:
        raise ValueError(
            f"A block shorter than k1={k1} steps must be the last of its stream; begin another "
            "stream with the state that the last pass gave."
        )
    if not isinstance(item, tuple | list) or not 2 <= len(item) <= 4:
        size = f" of {len(item)}" if isinstance(item, tuple | list) else ""
        raise TypeError(
            f"Each of blocks must be a Block or a tuple {_PARTS}, got {type(item).__name__}{size}."
        )
    return Block(*item)


def check_block_shape(shape: tuple[int | None, ...], k1: int, batch: int | None) -> None:
    """Check the shape of a block's inputs; a batch that is not known yet, None, is not compared.

    Raises
    ------
    ValueError
        If the block is empty or too long, or its batch is not that of the state.
    """
    long = len(shape) >= 2 and shape[0] is not None and 1 <= shape[0] <= k1
    if not long or (None not in (shape[1], batch) and shape[1] != batch):
        raise ValueError(
            f"A block's inputs must be (steps, batch, ...) with 1 to k1={k1} steps and batch "
            f"{batch}, that of the state; got shape {shape}."
        )


def check_follows(now: tuple[Any, Any], before: tuple[Any, Any]) -> None:
    """Check that a block's inputs are like those before: a dtype, and the shape without the steps.

    Raises
    ------
    ValueError
        If they differ.
    """
    if now != before:
        (dtype, shape), (old_dtype, old_shape) = now, before
        raise ValueError(
            f"A block's inputs are {dtype} of shape (steps, {_sizes(shape)}), but those before "
            f"were {old_dtype} of shape (steps, {_sizes(old_shape)}): only the number of steps may "
            "change."
        )


def _sizes(shape: Any) -> str:
    return ", ".join(map(str, shape))
