"""The layers that people have, as cells that share their weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from tbptt._checks import shown
from tbptt.pytorch.arguments import check_tensor
from tbptt.pytorch.states import State, bare, by_layer, flatten


def as_cell(layer: nn.RNNBase) -> nn.Module:
    """Return a cell that shares the weights of a recurrent layer, for every engine of this room.

    Parameters
    ----------
    layer : nn.RNN, nn.GRU or nn.LSTM
        Of any number of layers, with or without biases and ``proj_size``. Its weights stay its own:
        what the cell accumulates is in ``layer.weight_hh_l0.grad``, and an optimiser of
        ``layer.parameters()`` updates both.

    Returns
    -------
    nn.RNNCell, nn.GRUCell, nn.LSTMCell or StackedCell
        PyTorch's own cell for a single layer; its state is ``hidden[0]``, of an LSTM
        ``(hidden[0], cell[0])``. For a stack see `StackedCell`, `split_state` and `join_state`.

    Raises
    ------
    TypeError
        If it is no such layer.
    ValueError
        If it is bidirectional, or drops units between layers.

    Examples
    --------
    >>> import torch
    >>> from tbptt import Truncation
    >>> from tbptt.pytorch import as_cell, backward, split_state
    >>> lstm = torch.nn.LSTM(1, 8, num_layers=2)
    >>> zero = split_state((torch.zeros(2, 4, 8), torch.zeros(2, 4, 8)))
    >>> loss, outputs, state = backward(
    ...     as_cell(lstm), torch.sum, torch.ones(30, 4, 1), zero, Truncation(k1=1, k2=10)
    ... )
    >>> outputs.shape, len(state), lstm.weight_hh_l1.grad.shape
    (torch.Size([30, 4, 8]), 4, torch.Size([32, 8]))
    """
    _check_layer(layer)
    if layer.bidirectional:
        raise ValueError(
            "The layer is bidirectional: its second half begins at the end of the sequence, so "
            "that no step can be run before the last one is there. Truncate two layers, one of "
            "them on the reversed sequence."
        )
    if layer.dropout and layer.num_layers > 1:
        raise ValueError(
            f"The layer drops units between its layers (dropout={layer.dropout}): each call draws "
            "others, and an engine that runs a step twice would get two answers. Set "
            "layer.dropout = 0, and drop units of the inputs or in loss_fn."
        )
    cells = [_cell(layer, number) for number in range(layer.num_layers)]
    return cells[0] if len(cells) == 1 else StackedCell(cells)


class StackedCell(nn.Module):
    """Cells on top of one another: each one's output is the next one's input.

    Its state is a tuple of parts, from the top layer to the lowest, ``(h_top, ..., h_0)``, and of
    LSTMs ``(h_top, c_top, ..., h_0, c_0)``: the first part is the output. A stack of PyTorch's own
    cells goes back through :func:`tbptt.pytorch.backward` by hand.

    Parameters
    ----------
    cells : sequence of nn.Module
        ``cell(x, state) -> state``, from the lowest to the top one.
        All have as many parts of state.

    Raises
    ------
    TypeError
        If they are no modules, or there are none.

    Examples
    --------
    >>> import torch
    >>> from tbptt.pytorch import StackedCell
    >>> stack = StackedCell([torch.nn.GRUCell(1, 8), torch.nn.GRUCell(8, 5)])
    >>> top, lowest = stack(torch.ones(4, 1), (torch.zeros(4, 5), torch.zeros(4, 8)))
    >>> top.shape, lowest.shape
    (torch.Size([4, 5]), torch.Size([4, 8]))
    """

    def __init__(self, cells: Sequence[nn.Module]) -> None:
        super().__init__()
        given = list(cells) if isinstance(cells, Sequence | nn.ModuleList) else []
        if not given or not all(isinstance(cell, nn.Module) for cell in given):
            raise TypeError(
                f"cells must be a list of nn.Modules, at least one, got {shown(cells)}."
            )
        self.cells = nn.ModuleList(cells)

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, ...]:
        """Run one step."""
        after: tuple[Tensor, ...] = ()
        lowest_first = reversed(by_layer(flatten(state), len(self.cells)))
        for cell, before in zip(self.cells, lowest_first, strict=True):
            now = flatten(cell(x, bare(before)))
            x, after = now[0], now + after
        return after


class _Projected(nn.Module):
    """One step of an LSTM whose output is projected, as ``nn.LSTM(..., proj_size=...)`` has it."""

    def __init__(self, cell: nn.RNNCellBase, projection: nn.Parameter) -> None:
        super().__init__()
        self.weight_ih, self.weight_hh = cell.weight_ih, cell.weight_hh
        self.bias_ih, self.bias_hh = cell.bias_ih, cell.bias_hh
        self.weight_hr = projection

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        h, c = state
        gates = nn.functional.linear(x, self.weight_ih, self.bias_ih)
        gates = gates + nn.functional.linear(h, self.weight_hh, self.bias_hh)
        i, f, g, o = gates.chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return nn.functional.linear(o.sigmoid() * c.tanh(), self.weight_hr), c


def split_state(state: State) -> tuple[Tensor, ...]:
    """Turn a layer's state into that of `as_cell`'s cell.

    Parameters
    ----------
    state : Tensor (layers, batch, hidden), or the pair of an LSTM
        As ``nn.GRU`` or ``nn.LSTM`` takes and returns it.

    Returns
    -------
    tuple of Tensor, each (batch, hidden)
        From the top layer to the lowest; views of the same numbers.

    Raises
    ------
    TypeError, ValueError
        If a part is no Tensor, or has not three axes, or the pair's differ in layers.

    Examples
    --------
    >>> import torch
    >>> from tbptt.pytorch import split_state
    >>> top, lowest = split_state(torch.zeros(2, 4, 8))  # of a GRU of two layers
    >>> top.shape
    torch.Size([4, 8])
    """
    parts = flatten(state)
    if len(parts) not in (1, 2):
        raise ValueError(f"state must be a Tensor, or the pair of an LSTM, got {len(parts)} parts.")
    for place, part in enumerate(parts):
        layers = len(parts[0]) if place else "layers"
        check_tensor("state", part, (layers, "batch", "hidden"))
    top_first = reversed(range(len(parts[0])))
    return tuple(part[layer] for layer in top_first for part in parts)


def join_state(state: State, layer: nn.RNNBase) -> Tensor | tuple[Tensor, Tensor]:
    """Turn the state of `as_cell`'s cell into the layer's own.

    Parameters
    ----------
    state : Tensor, or tuple of Tensor
        As an engine returns it.
    layer : nn.RNN, nn.GRU or nn.LSTM
        The layer that the cell was made from.

    Returns
    -------
    Tensor (layers, batch, hidden), or the pair of an LSTM
        What the layer takes as its second argument.

    Raises
    ------
    TypeError, ValueError
        If `layer` is no such layer, a part is no Tensor ``(batch, hidden)``, or there are more
        parts or fewer than the layer has.

    Examples
    --------
    >>> import torch
    >>> from tbptt.pytorch import join_state
    >>> gru = torch.nn.GRU(1, 8, num_layers=2)
    >>> outputs, last = gru(torch.ones(5, 4, 1), join_state((torch.zeros(4, 8),) * 2, gru))
    >>> last.shape
    torch.Size([2, 4, 8])
    """
    _check_layer(layer)
    parts, each = flatten(state), 2 if layer.mode == "LSTM" else 1
    if len(parts) != each * layer.num_layers:
        raise ValueError(
            f"state must have {each * layer.num_layers} parts, {each} for each of "
            f"{layer.num_layers} layers, got {len(parts)}."
        )
    for place, part in enumerate(parts):
        # An LSTM's two parts differ in width where its output is projected.
        wanted = parts[place % each].shape if place >= each else ("batch", "hidden")
        check_tensor("state", part, wanted, like=parts[0] if place else None)
    joined = [torch.stack(parts[place::each][::-1]) for place in range(each)]
    return joined[0] if each == 1 else (joined[0], joined[1])


def _check_layer(layer: Any) -> None:
    if not isinstance(layer, nn.RNNBase):
        raise TypeError(
            f"layer must be an nn.RNN, nn.GRU or nn.LSTM, got {type(layer).__name__}. A cell of "
            "your own, cell(x, state) -> state, goes to the engines as it is."
        )


def _cell(layer: nn.RNNBase, number: int) -> nn.Module:
    """Make the cell of one layer, without weights of its own."""
    # Weights on the device "meta" take no memory, and are replaced at once.
    size, bias = layer.hidden_size, layer.bias
    cell: nn.RNNCellBase
    if layer.mode == "LSTM":
        cell = nn.LSTMCell(1, size, bias=bias, device="meta")
    elif layer.mode == "GRU":
        cell = nn.GRUCell(1, size, bias=bias, device="meta")
    else:
        activation = layer.mode.removeprefix("RNN_").lower()
        cell = nn.RNNCell(1, size, bias=bias, nonlinearity=activation, device="meta")
    names = ("weight_ih", "weight_hh", *(("bias_ih", "bias_hh") if bias else ()))
    for name in names:
        setattr(cell, name, getattr(layer, f"{name}_l{number}"))
    cell.input_size = getattr(layer, f"weight_ih_l{number}").shape[1]
    if layer.proj_size:
        return _Projected(cell, getattr(layer, f"weight_hr_l{number}"))
    return cell
