"""PyTorch's own cells by hand: a fused run forward, and adjoints that are a few products a lag.

What carries an adjoint through a step depends on the step and not on the lag. So its coefficients
are worked out once for all steps; a lag is then a few elementwise products and a matrix
multiplication for each gate, and the weights see only the sum over lags, once, at the end.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tbptt.pytorch.adjoints import Adjoint, forward
from tbptt.pytorch.checks import Parts
from tbptt.pytorch.rows import Rows


class _Derived(ABC):
    """What the three share: two affine maps in PyTorch's layout, and room that lags reuse."""

    after: Parts

    def __init__(self, cell: nn.RNNCellBase, inputs: Tensor, first: Parts, rows: Rows) -> None:
        self._cell, self._inputs = cell, inputs
        self._hh = cell.weight_hh.detach()
        with torch.no_grad():
            if rows.resets is None and rows.mask is None:
                self.after = (_fused(cell, inputs, first),)  # an LSTM's cells are still to come
            else:
                self.after = forward(cell, inputs, first, rows, is_tuple=len(first) > 1)
            (self._before,) = rows.used(first[:1], self.after[:1])
            self._work_out(first, rows)
        self._room = [torch.empty_like(self.after[0]) for _ in range(3)]

    @abstractmethod
    def _work_out(self, first: Parts, rows: Rows) -> None:
        """Work out, for all steps at once, what carries errors through a step."""

    def _from_inputs(self) -> Tensor:
        cell = self._cell
        return nn.functional.linear(self._inputs, cell.weight_ih, cell.bias_ih)

    def _add_from_state(self, onto: Tensor) -> None:
        cell = self._cell
        onto.flatten(0, 1).addmm_(self._before.flatten(0, 1), cell.weight_hh.T)
        if cell.bias:
            onto += cell.bias_hh

    def _through(self, errors: list[Tensor], slopes: list[Tensor]) -> Tensor:
        """Sum over gates ``(error * slope) @ weights``: through the gates and recurrent weights."""
        n = len(errors[0])
        product, found = self._room[0][:n], self._room[1][:n]
        # The room that these errors lie in is free for the next lag.
        self._room[1], self._room[2] = self._room[2], self._room[1]
        for gate, (error, slope, weight) in enumerate(
            zip(errors, slopes, self._hh.chunk(len(slopes)), strict=True)
        ):
            torch.mul(error, slope, out=product)
            flat = found.view(-1, found.shape[2])
            if gate:
                flat.addmm_(product.view_as(flat), weight)
            else:
                torch.mm(product.view_as(flat), weight, out=flat)
        return found

    def sources(self) -> tuple[Tensor, ...]:
        """Return the inputs and the weights."""
        cell = self._cell
        biases = (cell.bias_ih, cell.bias_hh) if cell.bias else ()
        return self._inputs, cell.weight_ih, cell.weight_hh, *biases

    def _gradients(self, ih: Tensor, hh: Tensor) -> tuple[Tensor | None, ...]:
        """Turn the errors of the two affine maps into gradients of the sources."""
        cell, x, same = self._cell, self._inputs.detach(), ih is hh
        ih, hh = ih.flatten(0, 1), hh.flatten(0, 1)
        wanted = self._inputs.requires_grad
        found = [
            (ih @ cell.weight_ih.detach()).view_as(x) if wanted else None,
            ih.T @ x.flatten(0, 1),
            hh.T @ self._before.flatten(0, 1),
        ]
        if cell.bias:
            of_ih = ih.sum(0)
            found += [of_ih, of_ih.clone() if same else hh.sum(0)]
        return tuple(found)


def _fused(cell: nn.RNNCellBase, inputs: Tensor, first: Parts) -> Tensor:
    """Run a cell over all steps in one call of PyTorch's own fused loop; return the outputs."""
    weights = [cell.weight_ih, cell.weight_hh]
    if cell.bias:
        weights += [cell.bias_ih, cell.bias_hh]
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


# In one pass over memory each: an error times the slope of a function, given the function's value.
_sigmoid_back: Callable[[Tensor, Tensor], Tensor] = torch.ops.aten.sigmoid_backward
_tanh_back: Callable[[Tensor, Tensor], Tensor] = torch.ops.aten.tanh_backward


class PlainAdjoint(_Derived):
    """``nn.RNNCell``: ``h' = tanh(...)`` or ``relu(...)``."""

    def _work_out(self, first: Parts, rows: Rows) -> None:
        (h,) = self.after
        if rows.mask is not None:  # a row that waits shows its last state, not this step's
            h = self._from_inputs()
            self._add_from_state(h)
            h = h.relu_() if self._cell.nonlinearity == "relu" else h.tanh_()
        self._slope = (h > 0).to(h.dtype) if self._cell.nonlinearity == "relu" else 1 - h * h

    def back(self, errors: Parts, at: slice) -> Parts:
        """Through the nonlinearity, then the recurrent weights."""
        return (self._through([errors[0]], [self._slope[at]]),)

    def finish(self, sums: Parts) -> tuple[Tensor | None, ...]:
        """Return the gradients; both affine maps see the same error."""
        through = sums[0] * self._slope
        return self._gradients(through, through)


class GatedAdjoint(_Derived):
    """``nn.GRUCell``: ``h' = (1 - z) n + z h``."""

    def _work_out(self, first: Parts, rows: Rows) -> None:
        gates = self._from_inputs()
        from_h = torch.zeros_like(gates)
        self._add_from_state(from_h)
        size = self._cell.hidden_size
        gates[..., : 2 * size].add_(from_h[..., : 2 * size]).sigmoid_()
        r, z, n = gates.chunk(3, dim=2)
        through = from_h[..., 2 * size :]
        n.addcmul_(r, through).tanh_()
        new = _tanh_back(1 - z, n)
        self._keep = z.contiguous()
        # Errors of the reset, update and new gates, for an error of 1 in the state after.
        update = _sigmoid_back(self._before - n, z)
        self._recurrent = [_sigmoid_back(new * through, r), update, new * r]
        self._new = new

    def back(self, errors: Parts, at: slice) -> Parts:
        """Through the gates, and past them by what is kept."""
        (error,) = errors
        found = self._through([error] * 3, [slope[at] for slope in self._recurrent])
        return (found.addcmul_(error, self._keep[at]),)

    def finish(self, sums: Parts) -> tuple[Tensor | None, ...]:
        """Return the gradients; the recurrent map sees the new gate through the reset gate."""
        reset, update, new = (sums[0] * slope for slope in self._recurrent)
        ih = torch.cat([reset, update, sums[0] * self._new], dim=2)
        return self._gradients(ih, torch.cat([reset, update, new], dim=2))


class LongAdjoint(_Derived):
    """``nn.LSTMCell``: ``c' = f c + i g``, ``h' = o tanh(c')``."""

    def _work_out(self, first: Parts, rows: Rows) -> None:
        self._gates = self._from_inputs()
        self._add_from_state(self._gates)
        i, f, g, o = self._gates.chunk(4, dim=2)
        i.sigmoid_(), f.sigmoid_(), g.tanh_(), o.sigmoid_()
        new = i * g
        if len(self.after) == 1:
            # The fused loop tells its outputs only.
            cells, c = torch.empty_like(self.after[0]), first[1]
            for after, kept, added in zip(cells, f, new, strict=True):
                c = torch.addcmul(added, kept, c, out=after)
            self.after = (*self.after, cells)
        (used,) = rows.used(first[1:], self.after[1:])
        # Not `after`, which shows the last cell again where a row waits.
        t = new.addcmul_(f, used).tanh_()
        self._into_cell, self._keep = _tanh_back(o, t), f.contiguous()
        # Errors of the gates, for an error of 1 in the cell (input, forget, new) or the output.
        self._slopes = [
            _sigmoid_back(g, i), _sigmoid_back(used, f), _tanh_back(i, g), _sigmoid_back(t, o)
        ]  # fmt: skip

    def back(self, errors: Parts, at: slice) -> Parts:
        """Through the four gates to the output, and by the forget gate to the cell."""
        output, cell = errors
        cell = cell.addcmul_(output, self._into_cell[at])
        slopes = [slope[at] for slope in self._slopes]
        found = self._through([cell, cell, cell, output], slopes)
        return found, cell.mul_(self._keep[at])

    def finish(self, sums: Parts) -> tuple[Tensor | None, ...]:
        """Return the gradients; both affine maps see the same errors."""
        output, cell = sums
        cell = torch.addcmul(cell, output, self._into_cell)
        gates = self._gates  # already turned into slopes, and large: used again
        for error, slope, gate in zip(
            [cell, cell, cell, output], self._slopes, gates.chunk(4, dim=2), strict=True
        ):
            torch.mul(error, slope, out=gate)
        return self._gradients(gates, gates)


_DERIVED: dict[type[nn.Module], Callable[..., Adjoint]] = {
    nn.RNNCell: PlainAdjoint,
    nn.GRUCell: GatedAdjoint,
    nn.LSTMCell: LongAdjoint,
}


def derived(cell: Any) -> Callable[..., Adjoint] | None:
    """Return the hand-derived adjoint of a cell, or None where only the generic one is safe.

    A subclass, a hook, a forward of the instance's own, a parametrisation or autocast may change
    what the cell computes.
    """
    if type(cell) not in _DERIVED or "forward" in vars(cell):
        return None
    if torch.is_autocast_enabled(cell.weight_hh.device.type):
        return None
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    if any(getattr(cell, name, None) for name in (*hooks, "parametrizations")):
        return None
    return _DERIVED[type(cell)]
