"""What a recurrent module takes and returns: cells, layers, and a reader's own cell."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from tbptt.pytorch.states import State, flatten

_ONE = torch.ones(1, dtype=torch.bool, device="cpu")


class Came(NamedTuple):
    """What a call was given.

    Attributes
    ----------
    inputs : Tensor
        As they came; of packed sequences, their data.
    steps, rows : int
        Of the call.
    state : tuple of Tensor, or None
        Parts of the state, each with its rows along `axis`.
    axis : int
        0 for cells, 1 for layers, whose first axis is the layer.
    time : int or None
        The axis of the inputs that is time; None for a cell's.
    sizes : Tensor or None
        Of packed sequences, how many rows each step has.
    """

    inputs: Tensor
    steps: int
    rows: int
    state: tuple[Tensor, ...] | None
    axis: int
    time: int | None = None
    sizes: Tensor | None = None

    def time_major(self) -> Tensor:
        """Return the inputs as (steps, rows, ...): a view."""
        if self.time is None:
            return self.inputs.detach()[None]
        return self.inputs.detach().movedim(self.time, 0)


def is_recurrent(module: nn.Module) -> bool:
    """Tell whether a module is one of PyTorch's recurrent cells or layers."""
    return isinstance(module, nn.RNNBase | nn.RNNCellBase)


def check(name: str, module: nn.Module) -> None:
    """Refuse what cannot be seen.

    Raises
    ------
    ValueError
        If the module reads its sequence in both directions.
    """
    if isinstance(module, nn.RNNBase) and module.bidirectional:
        raise ValueError(
            f"{name} is bidirectional: its second half reads each window from the end, so that "
            "errors travel forward as well and no truncation describes it. Watch the rest of the "
            "model, or a copy of the layer with bidirectional=False."
        )


def came(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Came:
    """Read the arguments of a call.

    Raises
    ------
    TypeError
        If a reader's own cell is not called as ``cell(x, state)``.
    """
    inputs, given = (*args, None, None)[:2]
    if kwargs:
        inputs = kwargs.get("input", inputs)
        others = [value for name, value in kwargs.items() if name != "input"]
        given = others[0] if given is None and others else given
    state = None if given is None else flatten(given)
    if isinstance(module, nn.RNNBase):
        return _layer(module, inputs, state)
    if not isinstance(inputs, Tensor):
        raise TypeError(
            f"cell must be called as cell(x, state), with a Tensor x; got {type(inputs).__name__}."
        )
    if inputs.ndim == 1 and isinstance(module, nn.RNNCellBase):
        return Came(inputs[None], 1, 1, _with_row(state, 0), 0)
    return Came(inputs, 1, len(inputs) if inputs.ndim else 1, state, 0)


def _layer(module: nn.RNNBase, inputs: Any, state: tuple[Tensor, ...] | None) -> Came:
    if isinstance(inputs, PackedSequence):
        sizes = inputs.batch_sizes
        return Came(inputs.data, len(sizes), int(sizes[0]), state, 1, 0, sizes)
    if inputs.ndim == 2:  # a sequence without a batch
        return Came(inputs[:, None], len(inputs), 1, _with_row(state, 1), 1, 0)
    time = int(module.batch_first)
    return Came(inputs, inputs.shape[time], inputs.shape[1 - time], state, 1, time)


def left(module: nn.Module, result: Any) -> tuple[Tensor | None, tuple[Tensor, ...]]:
    """Return a layer's outputs, if it has any apart from the state, and the parts of its state."""
    if not isinstance(module, nn.RNNBase):
        return None, flatten(result)
    outputs, state = result
    return outputs.data if isinstance(outputs, PackedSequence) else outputs, flatten(state)


def steps_of(module: nn.Module, errors: Tensor, *, sizes: Tensor | None) -> Tensor:
    """Return at which steps of a layer's outputs there are errors: bool, (steps,)."""
    if sizes is not None:  # packed: the rows of step 0, then those of step 1, …
        by_step = errors.flatten(1).ne(0).any(1).split(sizes.tolist())
        return torch.stack([rows.any() for rows in by_step])
    time = 1 if isinstance(module, nn.RNNBase) and module.batch_first and errors.ndim == 3 else 0
    return errors.movedim(time, 0).flatten(1).ne(0).any(1)


def last_steps(steps: int, sizes: Tensor | None) -> Tensor:
    """Return the steps at which a row ends, of sequences of equal length or packed: bool."""
    if steps == 1:
        return _ONE
    if sizes is None:
        return torch.arange(steps, device="cpu") == steps - 1
    return sizes > torch.cat([sizes[1:], sizes.new_zeros(1)])


def _with_row(state: State | None, axis: int) -> tuple[Tensor, ...] | None:
    return None if state is None else tuple(part.unsqueeze(axis) for part in flatten(state))
