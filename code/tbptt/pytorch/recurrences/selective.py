"""A selective state-space model: a short convolution, then channels whose rates the input sets.

Its state has three parts, and the second one is what people forget: the convolution looks at the
last steps of the input, so that those are carried and reset as everything else is.

Source: A. Gu and T. Dao, "Mamba: linear-time sequence modeling with selective state spaces", COLM
2024, arXiv:2312.00752, algorithm 2 and section 3.4; here without its projections and its gate.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from tbptt._checks import lengths
from tbptt.pytorch.diagonal import scan
from tbptt.pytorch.parallel import ParallelCell
from tbptt.pytorch.row_flags import RowFlags
from tbptt.pytorch.states import Parts


class SelectiveCell(ParallelCell[Parts]):
    """The core of a Mamba block [1]_; the state is ``output, tail, channels``.

    Parameters
    ----------
    features : int
        Width of the inputs and of the outputs.
    states : int
        Numbers a channel keeps, 16 in the paper.
    taps : int
        Steps that the causal convolution sees, 4 in the paper: this one and ``taps - 1`` before it,
        which are its tail. At least 2.

    Attributes
    ----------
    kernel, kernel_bias : Parameter, shapes (taps, features) and (features,)
        Of the convolution, the oldest step first.
    pace, pace_bias : Parameter, shapes (features, features) and (features,)
        What each channel's step size is made from.
    enter, leave : Parameter (states, features)
        What goes into a channel's numbers, and how they are read.
    decay : Parameter (features, states)
        Rates are ``-exp(decay)``, at first -1, -2, and so on for each channel.
    skip : Parameter (features,)
        What goes past the state.

    Raises
    ------
    TypeError, ValueError
        If a size is no integer of at least 1, or `taps` is 1.

    References
    ----------
    .. [1] A. Gu and T. Dao, "Mamba: linear-time sequence modeling with selective state spaces",
       COLM 2024, arXiv:2312.00752.

    Examples
    --------
    >>> import torch
    >>> from tbptt.pytorch.recurrences import SelectiveCell
    >>> cell = SelectiveCell(features=8, states=16, taps=4)
    >>> outputs, state = cell.at_once(torch.ones(40, 5, 8), cell.begin(batch=5))
    >>> [tuple(part.shape) for part in state]  # 8 outputs; 3 steps of 8; 8 times 16
    [(5, 8), (5, 24), (5, 128)]
    """

    def __init__(self, features: int, states: int = 16, taps: int = 4) -> None:
        features, states, taps = lengths(features=features, states=states, taps=taps)
        if taps < 2:
            raise ValueError("taps must be at least 2, got 1: one step has no tail.")
        super().__init__(features, (features, (taps - 1) * features, features * states))
        self.states, self.taps = states, taps
        self.kernel = nn.Parameter(torch.randn(taps, features) / taps**0.5)
        self.kernel_bias = nn.Parameter(torch.zeros(features))
        self.pace = nn.Parameter(torch.randn(features, features) / features**0.5)
        # Step sizes from 0.001 to 0.1, as in the paper: the inverse of softplus.
        size = torch.exp(torch.empty(features).uniform_(-6.9, -2.3))
        self.pace_bias = nn.Parameter(size + torch.log(-torch.expm1(-size)))
        self.enter, self.leave = (
            nn.Parameter(torch.randn(states, features) / features**0.5) for _ in range(2)
        )
        self.decay = nn.Parameter(torch.arange(1.0, states + 1).log().repeat(features, 1))
        self.skip = nn.Parameter(torch.ones(features))

    def forward(self, x: Tensor, state: Parts) -> Parts:
        """Return ``output, tail, channels`` after a step, flat for each row."""
        _, tail, channels = state
        window = torch.cat([tail, x], dim=1)
        x = self._activated((window.unflatten(1, (self.taps, -1)) * self.kernel).sum(dim=1))
        rates, driven, leave = self._selected(x)
        channels = rates * channels + driven
        return self._read(channels, leave, x), window[:, self.features :], channels

    def _activated(self, convolved: Tensor) -> Tensor:
        return functional.silu(convolved + self.kernel_bias)

    def _selected(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return rates and what is added, ``(..., features * states)``, and how it is read."""
        size = functional.softplus(functional.linear(x, self.pace, self.pace_bias))[..., None]
        rates = torch.exp(-size * self.decay.exp())
        driven = size * x[..., None] * (x @ self.enter.T)[..., None, :]
        return rates.flatten(-2), driven.flatten(-2), x @ self.leave.T

    def _read(self, channels: Tensor, leave: Tensor, x: Tensor) -> Tensor:
        by_channel = channels.unflatten(-1, (self.features, self.states))
        read: Tensor = (by_channel * leave[..., None, :]).sum(dim=-1)
        return read + self.skip * x

    def _states(self, inputs: Tensor, first: Parts, flags: RowFlags) -> tuple[Tensor, Parts]:
        _, tail, channels = first
        tail = tail.unflatten(1, (self.taps - 1, self.features)).transpose(0, 1)
        convolved, tail = convolve(inputs, tail, self.kernel, flags)
        x = self._activated(convolved)
        rates, driven, leave = self._selected(x)
        states = scan(*flags.pass_by(rates, driven), channels)
        return self._read(states, leave, x), (tail.transpose(0, 1).flatten(1), states[-1])


def convolve(
    inputs: Tensor, tail: Tensor, kernel: Tensor, flags: RowFlags
) -> tuple[Tensor, Tensor]:
    """Convolve each channel with the last steps that its row has, none from before a reset.

    Parameters
    ----------
    inputs : Tensor, shape (steps, batch, features)
        Time-major.
    tail : Tensor, shape (taps - 1, batch, features)
        What came before, the oldest first.
    kernel : Tensor, shape (taps, features)
        The oldest step's weights first.
    flags : RowFlags
        Resets and mask.

    Returns
    -------
    convolved, tail : Tensor
        Of every step, where a row without one has no meaning; and the tail for the next chunk.
    """
    steps, before = len(inputs), len(tail)
    begun = torch.zeros(inputs.shape[:2], dtype=torch.int64, device=inputs.device)
    if flags.resets is not None:
        begun = flags.resets.cumsum(dim=0)
    final, number, order = begun[-1], begun, None
    if flags.mask is not None:
        # Steps that a row has, moved together: the last ones of the convolution are among them.
        order = (~flags.mask).to(torch.uint8).argsort(dim=0, stable=True)
        inputs = inputs.gather(0, order[..., None].expand_as(inputs))
        number = begun.gather(0, order)
    line = torch.cat([tail, inputs])
    numbers = torch.cat([torch.zeros_like(begun[:1]).expand(before, -1), number])
    convolved = torch.zeros_like(inputs)
    for back in range(before + 1):
        at = slice(before - back, before - back + steps)
        same = (numbers[at] == number)[..., None]
        convolved = convolved + torch.where(same, line[at], 0) * kernel[before - back]
    if flags.mask is None:
        last, of_last = line[steps:], numbers[steps:]
    else:
        done = flags.mask.cumsum(dim=0)
        places = (done - 1).clamp(min=0)[..., None]
        convolved = convolved.gather(0, places.expand_as(convolved))
        ends = done[-1] + torch.arange(before, device=done.device)[:, None]
        last = line.gather(0, ends[..., None].expand(-1, -1, line.shape[2]))
        of_last = numbers.gather(0, ends)
    return convolved, torch.where((of_last == final)[..., None], last, 0)
