"""Adjoints of one step, for all steps at once: derived by hand where that is faster, else generic.

What carries an adjoint through a step depends on the step and not on the lag. So the coefficients
are worked out once for all steps; every lag is then a few elementwise products and one matrix
multiplication, and the weights see only the sum over lags, once, at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor, nn

Parts = tuple[Tensor, ...]


class Adjoint(Protocol):
    """The adjoint of a cell's step, at every step of one forward run."""

    def back(self, errors: Parts) -> Parts:
        """Take errors of the states after the first `n` steps to the states before them.

        Each part is ``(n, batch, hidden)``.
        """

    def finish(self, sums: Parts) -> None:
        """Accumulate the gradients of weights and inputs from the errors summed over lags."""


class Generic:
    """Any cell: one graph over all steps, one vector-Jacobian product a lag."""

    def __init__(
        self, cell: Callable[[Tensor, Any], Any], inputs: Tensor, before: Parts, is_tuple: bool
    ) -> None:
        self._shapes = [part.shape for part in before]
        self._leaves = tuple(part.flatten(0, 1).requires_grad_() for part in before)
        after = cell(inputs.flatten(0, 1), self._leaves if is_tuple else self._leaves[0])
        self.after: Parts = tuple(after) if is_tuple else (after,)

    def back(self, errors: Parts) -> Parts:
        """Run one vector-Jacobian product; steps beyond the errors get none."""
        n = len(errors[0])
        full = []
        for error, shape in zip(errors, self._shapes, strict=True):
            padded = error.new_zeros(shape)
            padded[:n] = error
            full.append(padded.flatten(0, 1))
        found = torch.autograd.grad(
            self.after, self._leaves, full, retain_graph=True, materialize_grads=True
        )
        return tuple(
            part.reshape(shape)[:n] for part, shape in zip(found, self._shapes, strict=True)
        )

    def finish(self, sums: Parts) -> None:
        """Let autograd turn the sums into gradients."""
        torch.autograd.backward(self.after, tuple(part.flatten(0, 1) for part in sums))


class _Derived:
    """What the hand-derived cells share: two affine maps of PyTorch's layout."""

    def __init__(self, cell: nn.RNNCellBase, inputs: Tensor, before: Parts) -> None:
        self._cell, self._inputs, self._before = cell, inputs, before
        self._hh = cell.weight_hh.detach()

    def _affine(self) -> tuple[Tensor, Tensor]:
        cell = self._cell
        with torch.no_grad():
            return (
                nn.functional.linear(self._inputs, cell.weight_ih, cell.bias_ih),
                nn.functional.linear(self._before[0], cell.weight_hh, cell.bias_hh),
            )

    def _give(self, ih: Tensor, hh: Tensor) -> None:
        """Turn the errors of the two affine maps into gradients, as autograd accumulates them."""
        cell, x, h = self._cell, self._inputs, self._before[0]
        ih, hh = ih.flatten(0, 1), hh.flatten(0, 1)
        shares = [
            (cell.weight_ih, ih.T @ x.detach().flatten(0, 1)),
            (cell.weight_hh, hh.T @ h.flatten(0, 1)),
        ]
        if cell.bias:
            shares += [(cell.bias_ih, ih.sum(0)), (cell.bias_hh, hh.sum(0))]
        for weight, share in shares:
            if weight.requires_grad:
                weight.grad = share if weight.grad is None else weight.grad + share
        if x.requires_grad:
            x.backward((ih @ cell.weight_ih.detach()).view_as(x))  # type: ignore[no-untyped-call]


class PlainAdjoint(_Derived):
    """``nn.RNNCell``: ``h' = tanh(...)`` or ``relu(...)``."""

    def __init__(self, cell: nn.RNNCell, inputs: Tensor, before: Parts, after: Parts) -> None:
        super().__init__(cell, inputs, before)
        (h,) = after
        self._slope = 1 - h * h if cell.nonlinearity == "tanh" else (h > 0).to(h.dtype)

    def back(self, errors: Parts) -> Parts:
        """Through the nonlinearity, then the recurrent weights."""
        (error,) = errors
        return ((error * self._slope[: len(error)]) @ self._hh,)

    def finish(self, sums: Parts) -> None:
        """Accumulate; both affine maps see the same error."""
        through = sums[0] * self._slope
        self._give(through, through)


class GatedAdjoint(_Derived):
    """``nn.GRUCell``: ``h' = (1 - z) n + z h``."""

    def __init__(self, cell: nn.GRUCell, inputs: Tensor, before: Parts, after: Parts) -> None:
        super().__init__(cell, inputs, before)
        (x_r, x_z, x_n), (h_r, h_z, h_n) = (part.chunk(3, dim=2) for part in self._affine())
        r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
        n = torch.tanh(x_n + r * h_n)
        new = (1 - z) * (1 - n * n)
        self._reset, self._keep = r, z
        # Errors of the reset, update and new gates, for an error of 1 in the state after:
        # (steps, batch, gates, hidden), so that they are multiplied by an error without copies.
        reset, update = new * h_n * r * (1 - r), (before[0] - n) * z * (1 - z)
        self._ih = torch.stack([reset, update, new], dim=2)
        self._recurrent = torch.stack([reset, update, new * r], dim=2)

    def back(self, errors: Parts) -> Parts:
        """Through the gates, and past them by what is kept."""
        (error,) = errors
        n = len(error)
        gates = (self._recurrent[:n] * error.unsqueeze(2)).flatten(2)
        return (torch.addcmul(gates @ self._hh, error, self._keep[:n]),)

    def finish(self, sums: Parts) -> None:
        """Accumulate; the recurrent map sees the new gate through the reset gate."""
        error = sums[0].unsqueeze(2)
        self._give((self._ih * error).flatten(2), (self._recurrent * error).flatten(2))


class LongAdjoint(_Derived):
    """``nn.LSTMCell``: ``c' = f c + i g``, ``h' = o tanh(c')``."""

    def __init__(self, cell: nn.LSTMCell, inputs: Tensor, before: Parts, after: Parts) -> None:
        super().__init__(cell, inputs, before)
        from_x, from_h = self._affine()
        i, f, g, o = (from_x + from_h).chunk(4, dim=2)
        i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
        t = torch.tanh(after[1])
        self._into_cell, self._keep = o * (1 - t * t), f
        # Errors of the gates, for an error of 1 in the cell (input, forget, new) or the output:
        # (steps, batch, gates, hidden), and a buffer of that shape that every lag writes anew.
        self._of_cell = torch.stack(
            [g * i * (1 - i), before[1] * f * (1 - f), i * (1 - g * g)], dim=2
        )
        self._of_output = t * o * (1 - o)
        self._buffer = g.new_empty(*g.shape[:2], 4, g.shape[2])

    def _gates(self, errors: Parts) -> tuple[Tensor, Tensor]:
        output, cell = errors
        n = len(output)
        cell = torch.addcmul(cell, output, self._into_cell[:n])
        gates = self._buffer[:n]
        torch.mul(self._of_cell[:n], cell.unsqueeze(2), out=gates[:, :, :3])
        torch.mul(self._of_output[:n], output, out=gates[:, :, 3])
        return gates.flatten(2), cell

    def back(self, errors: Parts) -> Parts:
        """Through the four gates to the output, and by the forget gate to the cell."""
        gates, cell = self._gates(errors)
        return gates @ self._hh, cell * self._keep[: len(cell)]

    def finish(self, sums: Parts) -> None:
        """Accumulate; both affine maps see the same errors."""
        gates, _ = self._gates(sums)
        self._give(gates, gates)


_DERIVED: dict[type[nn.Module], Callable[..., Adjoint]] = {
    nn.RNNCell: PlainAdjoint,
    nn.GRUCell: GatedAdjoint,
    nn.LSTMCell: LongAdjoint,
}


def fused_outputs(cell: nn.RNNCell | nn.GRUCell, inputs: Tensor, state: Tensor) -> Tensor:
    """Run a plain or gated cell over all steps in one call of PyTorch's own fused loop."""
    weights = [cell.weight_ih, cell.weight_hh]
    if cell.bias:
        weights += [cell.bias_ih, cell.bias_hh]
    if isinstance(cell, nn.GRUCell):
        loop = torch.gru
    else:
        loop = torch.rnn_tanh if cell.nonlinearity == "tanh" else torch.rnn_relu
    layers, dropout = 1, 0.0
    training = bidirectional = batch_first = False
    outputs: Tensor
    outputs, _ = loop(
        inputs, state[None], weights, cell.bias, layers, dropout, training, bidirectional,
        batch_first,
    )  # fmt: skip
    return outputs


def derived(cell: Any) -> Callable[..., Adjoint] | None:
    """Return the hand-derived adjoint of a cell, or None where only the generic one is safe.

    A subclass, a hook or a parametrisation may change what the cell computes.
    """
    hooked = getattr(cell, "_forward_hooks", None) or getattr(cell, "_forward_pre_hooks", None)
    if hooked or getattr(cell, "parametrizations", None):
        return None
    return _DERIVED.get(type(cell))
