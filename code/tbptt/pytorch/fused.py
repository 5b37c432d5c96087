"""All steps of one of PyTorch's own cells in one call of its fused loops."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tbptt.pytorch.states import Parts

_LAYERS: dict[type[nn.Module], Any] = {
    nn.RNNCell: nn.RNN, nn.GRUCell: nn.GRU, nn.LSTMCell: nn.LSTM,
}  # fmt: skip


def weights_of(cell: nn.RNNCellBase) -> list[Tensor]:
    """Return the weights of one of PyTorch's own cells, in the order of PyTorch's functions."""
    biases = [cell.bias_ih, cell.bias_hh] if cell.bias else []
    return [cell.weight_ih, cell.weight_hh, *biases]


def rounds_as_the_cell(inputs: Tensor) -> bool:
    """Say whether a fused loop over `inputs` rounds as the products of a cell do.

    On a GPU the loops are cuDNN's, which rounds float32 to TF32's ten bits unless it is told not
    to, and matrix products do not unless they are told to.
    """
    cudnn: Any = torch.backends.cudnn
    products: Any = torch.backends.cuda.matmul
    if inputs.device.type != "cuda" or inputs.dtype != torch.float32 or not cudnn.enabled:
        return True
    if hasattr(cudnn, "rnn"):  # PyTorch 2.9 and later: what was set there is told there alone
        return bool(cudnn.rnn.fp32_precision != "tf32" or products.fp32_precision == "tf32")
    return bool(not cudnn.allow_tf32 or products.allow_tf32)


def fused(cell: nn.RNNCellBase, inputs: Tensor, first: Parts) -> Tensor:
    """Run a cell over all steps in one call of PyTorch's own fused loop; return the outputs."""
    states = tuple(part[None].contiguous() for part in first)
    if inputs.device.type == "cuda":
        layer = _layer(cell, inputs)
        outputs: Tensor = layer(inputs, states if isinstance(cell, nn.LSTMCell) else states[0])[0]
        return outputs
    weights = weights_of(cell)
    layers, dropout = 1, 0.0
    training = bidirectional = batch_first = False
    options = (cell.bias, layers, dropout, training, bidirectional, batch_first)
    if isinstance(cell, nn.LSTMCell):
        outputs, *_ = torch.lstm(inputs, states, weights, *options)
        return outputs
    if isinstance(cell, nn.GRUCell):
        loop = torch.gru
    else:
        loop = torch.rnn_relu if cell.nonlinearity == "relu" else torch.rnn_tanh
    outputs, _ = loop(inputs, states[0], weights, *options)
    return outputs


def _layer(cell: nn.RNNCellBase, like: Tensor) -> nn.RNNBase:
    """Make a layer of the cell's weights, side by side in memory: cuDNN warns of others."""
    kind = next(layer for cells, layer in _LAYERS.items() if isinstance(cell, cells))
    own = {"nonlinearity": cell.nonlinearity} if isinstance(cell, nn.RNNCell) else {}
    # On the meta device nothing is drawn from the caller's generator.
    there: nn.RNNBase = kind(
        cell.input_size, cell.hidden_size, bias=cell.bias, device="meta", dtype=like.dtype, **own
    )
    layer = there.to_empty(device=like.device)
    for copy, weight in zip(layer.parameters(), weights_of(cell), strict=True):
        copy.copy_(weight)
    return layer.eval()
