"""All steps of one of PyTorch's own cells in one call of its fused loops."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tbptt.pytorch.states import Parts


def weights_of(cell: nn.RNNCellBase) -> list[Tensor]:
    """Return the weights of one of PyTorch's own cells, in the order of PyTorch's functions."""
    biases = [cell.bias_ih, cell.bias_hh] if cell.bias else []
    return [cell.weight_ih, cell.weight_hh, *biases]


def fused(cell: nn.RNNCellBase, inputs: Tensor, first: Parts) -> Tensor:
    """Run a cell over all steps in one call of PyTorch's own fused loop; return the outputs."""
    weights = weights_of(cell)
    layers, dropout = 1, 0.0
    training = bidirectional = batch_first = False
    options = (cell.bias, layers, dropout, training, bidirectional, batch_first)
    outputs: Tensor
    if isinstance(cell, nn.LSTMCell):
        outputs, *_ = torch.lstm(
            inputs, [part[None].contiguous() for part in first], weights, *options
        )
        return outputs
    if isinstance(cell, nn.GRUCell):
        loop = torch.gru
    else:
        loop = torch.rnn_relu if cell.nonlinearity == "relu" else torch.rnn_tanh
    outputs, _ = loop(inputs, first[0][None].contiguous(), weights, *options)
    return outputs
