"""States, one tensor or several: taken apart for the engines, and put together again.

The engines work on a tuple of parts. A cell is handed a state of the kind that the caller chose,
and the caller gets that kind back: a Tensor, a tuple, a NamedTuple or a list.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar, cast

from torch import Tensor

from tbptt import _states

State = Tensor | Sequence[Tensor]
S = TypeVar("S", bound=State)
Parts = tuple[Tensor, ...]
# What a cell returns may be of another kind than what it is given: `nn.LSTMCell` makes a tuple of
# whatever it gets.
Cell = Callable[[Tensor, S], State]


class PassResult(NamedTuple, Generic[S]):
    """What a backward pass returns, apart from the gradients that it left in ``.grad``.

    Attributes
    ----------
    loss : Tensor
        Detached scalar.
    outputs : Tensor, shape (steps, batch, hidden)
        Detached.
    state : Tensor, or tuple or list of Tensor
        After the last step, detached, of the kind that was handed in: ready for the next chunk.

    Examples
    --------
    >>> import torch
    >>> from tbptt import Truncation
    >>> from tbptt.pytorch import online
    >>> cell, blocks = torch.nn.RNNCell(1, 8), [(torch.zeros(5, 4, 1), None)] * 3
    >>> error = lambda outputs, targets: outputs.square().sum()
    >>> *_, last = online(cell, error, blocks, torch.zeros(4, 8), Truncation(k1=5, k2=20))
    >>> last.outputs.shape, last.state.shape, last.loss.requires_grad
    (torch.Size([5, 4, 8]), torch.Size([4, 8]), False)
    """

    loss: Tensor
    outputs: Tensor
    state: S


def flatten(state: State) -> Parts:
    """Return the parts of a state in order."""
    return _states.flatten(state)


def pack(parts: Parts, like: S) -> S:
    """Put parts together to a state of the kind of `like`."""
    return cast("S", _states.pack(parts, like))


def bare(parts: Parts) -> State:
    """Return a state as PyTorch's own cells take it: a single part alone, several as a tuple."""
    return parts if len(parts) > 1 else parts[0]


def by_layer(parts: Parts, layers: int) -> list[Parts]:
    """Return the parts of each layer of a stack, in the order of the state.

    Raises
    ------
    ValueError
        If there are not as many for each of them.
    """
    each, rest = divmod(len(parts), layers)
    if rest or not each:
        raise ValueError(
            f"state must have as many parts for each of {layers} cells, got {len(parts)}: "
            "split_state makes them from a layer's state."
        )
    return [parts[i : i + each] for i in range(0, len(parts), each)]


def parts_of(state: State, *, like: Parts | None = None) -> Parts:
    """Return the parts of a state, checked; `like` is the state that the cell was given.

    Raises
    ------
    TypeError
        If it is not made of Tensors, or of others in number or dtype than `like`.
    ValueError
        If a part is not ``(batch, hidden)``, or not shaped as in `like`.
    """
    parts = flatten(state)
    whose = "state" if like is None else "The cell's state"
    if not parts or not all(isinstance(part, Tensor) for part in parts):
        kinds = ", ".join(type(part).__name__ for part in parts)
        raise TypeError(f"{whose} must be a Tensor or a tuple of them, got {kinds or 'nothing'}.")
    if like is None:
        for part in parts:
            if part.ndim != 2:
                raise ValueError(f"state must be (batch, hidden), got shape {tuple(part.shape)}.")
        return parts
    if len(parts) != len(like) or any(
        part.shape != given.shape for part, given in zip(parts, like, strict=False)
    ):
        error = ValueError if len(parts) == len(like) else TypeError
        raise error(
            f"The cell must return a state like the one it is given, {_shapes(like)}; it returned "
            f"{_shapes(parts)}. cell(x, state) -> state: an output apart from the state belongs in "
            "loss_fn."
        )
    for part, given in zip(parts, like, strict=True):
        if (part.dtype, part.device) != (given.dtype, given.device):
            raise TypeError(
                f"The cell was given a state that is {given.dtype} on {given.device}, and returned "
                f"{part.dtype} on {part.device}: bring cell, inputs and state to one dtype and "
                "device, or use torch.autocast."
            )
    return parts


def _shapes(parts: Parts) -> str:
    return ", ".join(str(tuple(part.shape)) for part in parts)
