r"""A linear diagonal recurrence: the state of state-space models, as a cell and as a scan.

Each channel is one complex number that turns and shrinks by itself,
``h_t = a h_{t-1} + (B x_t)``, so that all states of a chunk come out of one associative scan,
and the influence of a weight stays with its own channel.

Sources: A. Orvieto et al., "Resurrecting recurrent neural networks for long sequences", ICML 2023,
arXiv:2303.06349 (the linear recurrent unit, here without its normalisation); G. E. Blelloch,
"Prefix sums and their applications", Carnegie Mellon University, 1990.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tbptt._checks import finite, lengths
from tbptt.pytorch.arguments import check_tensor
from tbptt.pytorch.parallel import ParallelCell
from tbptt.pytorch.row_flags import RowFlags
from tbptt.pytorch.states import Parts

__all__ = ["DiagonalCell", "scan"]


class DiagonalCell(ParallelCell[Tensor]):
    """One step of the recurrence, ``cell(x, state) -> state``, for every PyTorch engine [1]_.

    ``at_once`` takes all steps by one scan, with resets and a mask.

    Parameters
    ----------
    features, channels : int
        Width of the inputs, and number of complex channels.
    slowest : float
        Channels start between ``slowest ** 2`` and `slowest` in modulus, turned by anything up to
        half a circle. Below 1, so that nothing grows.

    Attributes
    ----------
    decay, angle : Parameter (channels,)
        ``a = exp(-exp(decay) + i angle)``: below 1 in modulus whatever they are.
    drive : Parameter (2 * channels, features)
        `B`; real parts of all channels, then imaginary parts. The state
        ``(batch, 2 * channels)`` is laid out alike.

    Raises
    ------
    TypeError, ValueError
        If `features` or `channels` is no integer of at least 1, or `slowest` no number between 0
        and 1.

    References
    ----------
    .. [1] A. Orvieto et al., "Resurrecting recurrent neural networks for long sequences", ICML
       2023, arXiv:2303.06349.

    Examples
    --------
    >>> import torch
    >>> from tbptt.pytorch.diagonal import DiagonalCell
    >>> cell = DiagonalCell(features=1, channels=4)
    >>> bool((cell.rates().abs() < 1).all())
    True
    >>> x, state = torch.ones(100, 2, 1), torch.zeros(2, 8)
    >>> states, last = cell.at_once(x, state)  # in seven rounds
    >>> for step in x:
    ...     state = cell(step, state)
    >>> torch.allclose(states[-1], state, atol=1e-4)
    True
    """

    def __init__(self, features: int, channels: int, *, slowest: float = 0.99) -> None:
        features, channels = lengths(features=features, channels=channels)
        super().__init__(features, (2 * channels,))
        self.channels = channels
        slowest = finite("slowest", slowest)
        if not 0 < slowest < 1:
            raise ValueError(f"slowest must be between 0 and 1, got {slowest}; 0.99, say.")
        modulus = slowest ** (1 + torch.rand(channels))
        self.decay = nn.Parameter(torch.log(-torch.log(modulus)))
        self.angle = nn.Parameter(torch.pi * torch.rand(channels))
        self.drive = nn.Parameter(torch.randn(2 * channels, features) / features**0.5)

    def rates(self) -> Tensor:
        """Return `a`, complex ``(channels,)``."""
        return torch.polar(torch.exp(-torch.exp(self.decay)), self.angle)

    def forward(self, x: Tensor, state: Tensor) -> Tensor:
        """Return the state after a step, ``(batch, 2 * channels)``."""
        real, imaginary = torch.chunk(state, 2, dim=1)
        size = torch.exp(-torch.exp(self.decay))
        a, b = size * torch.cos(self.angle), size * torch.sin(self.angle)
        turned = torch.cat([a * real - b * imaginary, b * real + a * imaginary], dim=1)
        return turned + x @ self.drive.T

    def _by_step(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return of every step what a channel is multiplied by, and what is added, complex."""
        driven = torch.complex(*torch.chunk(inputs @ self.drive.T, 2, dim=-1))
        return self.rates().expand_as(driven), driven

    def _states(self, inputs: Tensor, first: Parts, flags: RowFlags) -> tuple[Tensor, Parts]:
        start = torch.complex(*torch.chunk(first[0], 2, dim=1))
        states = scan(*flags.pass_by(*self._by_step(inputs)), start)
        return torch.cat([states.real, states.imag], dim=2), ()


def scan(rates: Tensor, driven: Tensor, state: Tensor) -> Tensor:
    r"""Return ``h_t = rates_t * h_{t-1} + driven_t`` for all steps, in ``log2(steps)`` rounds.

    Two steps after one another are again one such step, ``(a, u)`` then ``(b, v)`` being
    ``(b a, b u + v)``. So each round doubles the stretch that is done [1]_.
    Rates that depend on the input make it a selective model; they may be complex.

    Parameters
    ----------
    rates, driven : Tensor, shape (steps, batch, channels)
        What the state is multiplied by, and what is added.
    state : Tensor, shape (batch, channels)
        The state before the first step.

    Returns
    -------
    Tensor, shape (steps, batch, channels)
        The states after every step.

    Raises
    ------
    TypeError, ValueError
        If one of them is no Tensor, or shapes do not fit.

    References
    ----------
    .. [1] G. E. Blelloch, "Prefix sums and their applications", Carnegie Mellon University, 1990.

    Examples
    --------
    >>> import torch
    >>> from tbptt.pytorch.diagonal import scan
    >>> half, ones = torch.full((4, 1, 1), 0.5), torch.ones(4, 1, 1)
    >>> scan(half, ones, torch.zeros(1, 1)).ravel()
    tensor([1.0000, 1.5000, 1.7500, 1.8750])
    """
    check_tensor("driven", driven, ("steps", "batch", "channels"), dtype="complex")
    check_tensor("rates", rates, driven.shape, dtype="complex")
    check_tensor("state", state, driven.shape[1:], dtype="complex")
    if not driven.device == rates.device == state.device:
        raise TypeError(
            f"rates, driven and state must be on one device, got {rates.device}, {driven.device} "
            f"and {state.device}."
        )
    return _scanned(rates, driven, state)


class _Scan(torch.autograd.Function):
    """The scan, and on the way back another one: no round is kept, but rates and states alone."""

    generate_vmap_rule = True

    @staticmethod
    def forward(rates: Tensor, driven: Tensor, state: Tensor) -> Tensor:
        done = 1
        total = torch.cat([driven[:1] + rates[:1] * state, driven[1:]])
        while done < len(driven):
            total = torch.cat([total[:done], total[done:] + rates[done:] * total[:-done]])
            rates = torch.cat([rates[:done], rates[done:] * rates[:-done]])
            done *= 2
        return total

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        rates, _, state = inputs
        ctx.real = [not part.is_complex() for part in inputs]
        ctx.save_for_backward(rates, state, output)

    @staticmethod
    def backward(ctx: Any, *errors: Tensor) -> tuple[Tensor, ...]:
        rates, state, states = ctx.saved_tensors
        # What arrives at a step is its own error, and what the next one's rate lets through.
        ahead = torch.cat([rates[1:], torch.zeros_like(rates[:1])]).conj()
        arrived = scan(ahead.flip(0), errors[0].flip(0), torch.zeros_like(errors[0][0])).flip(0)
        before = torch.cat([state[None], states[:-1]])
        shares = arrived * before.conj(), arrived, rates[0].conj() * arrived[0]
        return tuple(
            share.real if real and share.is_complex() else share
            for share, real in zip(shares, ctx.real, strict=True)
        )


_scanned: Callable[..., Tensor] = _Scan.apply
