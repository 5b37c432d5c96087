"""Units that leak: each keeps a fixed share of its state, and takes the rest from what it hears.

Source: J. M. Murray, "Local online learning in recurrent networks with random feedback", eLife 8,
2019, equation 1.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tbptt._checks import lengths, real

__all__ = ["LeakyCell"]


class LeakyCell(nn.Module):
    """A plain RNN's step, of which a unit takes only a share [1]_.

    ``h_t = keep h_{t-1} + (1 - keep) tanh(W x_t + b + U h_{t-1} + c)``.

    Parameters
    ----------
    features, hidden : int
        Widths of the inputs and of the state.
    keep : float
        The share that a unit keeps, at least 0 and below 1: ``1 - 1 / tau`` for a time constant of
        `tau` steps. 0 is a plain RNN.

    Attributes
    ----------
    weight_ih, weight_hh, bias_ih, bias_hh : Parameter
        ``W``, ``U``, ``b`` and ``c``, of the shapes and the initial sizes of ``nn.RNNCell``.

    Raises
    ------
    TypeError, ValueError
        If a width is no integer of at least 1, or `keep` no number of at least 0 and below 1.

    References
    ----------
    .. [1] J. M. Murray, "Local online learning in recurrent networks with random feedback", eLife
       8, 2019, e43299.

    Examples
    --------
    >>> import torch
    >>> from tbptt.pytorch.leaky import LeakyCell
    >>> cell = LeakyCell(features=1, hidden=4, keep=0.5)
    >>> for weight in cell.parameters():
    ...     weight.detach().zero_()  # nothing is heard, and half is kept
    tensor(...)
    >>> cell(torch.ones(1, 1), torch.ones(1, 4))
    tensor([[0.5000, 0.5000, 0.5000, 0.5000]], grad_fn=<AddBackward0>)
    """

    def __init__(self, features: int, hidden: int, keep: float) -> None:
        super().__init__()
        features, hidden = lengths(features=features, hidden=hidden)
        self.keep = real("keep", keep)
        if not 0 <= self.keep < 1:
            raise ValueError(f"keep must be at least 0 and below 1, got {self.keep}; 0.9, say.")
        most = hidden**-0.5
        self.weight_ih = nn.Parameter(torch.empty(hidden, features).uniform_(-most, most))
        self.weight_hh = nn.Parameter(torch.empty(hidden, hidden).uniform_(-most, most))
        self.bias_ih = nn.Parameter(torch.empty(hidden).uniform_(-most, most))
        self.bias_hh = nn.Parameter(torch.empty(hidden).uniform_(-most, most))

    def forward(self, x: Tensor, state: Tensor) -> Tensor:
        """Return the state after a step, ``(batch, hidden)``."""
        heard = nn.functional.linear(x, self.weight_ih, self.bias_ih)
        heard = heard + nn.functional.linear(state, self.weight_hh, self.bias_hh)
        return self.keep * state + (1 - self.keep) * torch.tanh(heard)
