"""PyTorch's own cells by hand: forward once, and adjoints that are a few products a lag.

What carries an adjoint through a step depends on the step and not on the lag. So its coefficients
are worked out once for all steps; a lag is then a few elementwise products and a matrix
multiplication for each gate, and the weights see only the sum over lags, once, at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tbptt.pytorch.adjoints import Adjoint
from tbptt.pytorch.checks import Parts
from tbptt.pytorch.rows import Rows


class _Derived:
    """What the three share: two affine maps in PyTorch's layout, and room that lags reuse."""

    after: Parts
    # Both maps are only ever added up, so one may carry both biases.
    _joined = True

    def __init__(self, cell: nn.RNNCellBase, inputs: Tensor, first: Parts, rows: Rows) -> None:
        self._cell, self._inputs = cell, inputs
        self._hh = cell.weight_hh.detach()
        steps, batch = inputs.shape[:2]
        with torch.no_grad():
            # (steps, batch, gates * hidden); the steps add the recurrent map, and make gates of it.
            self._maps = nn.functional.linear(inputs, cell.weight_ih, cell.bias_ih)
            if cell.bias and self._joined:
                self._maps += cell.bias_hh
            # The same memory by gate and step: slicing in the loop would cost as much as the steps.
            gates = len(cell.weight_hh) // cell.hidden_size
            self._gates = [gate.unbind() for gate in self._maps.chunk(gates, dim=2)]
            self.after = tuple(part.new_empty(steps, batch, cell.hidden_size) for part in first)
            for t in range(steps):
                used = rows.enter(t, first)
                first = tuple(part[t] for part in self.after)
                self._step(t, used, first)
                if rows.mask is not None:
                    for part, kept in zip(first, rows.leave(t, used, first), strict=True):
                        part.copy_(kept)
        self._room = [torch.empty_like(self.after[0]) for _ in range(3)]

    def _step(self, t: int, used: Parts, after: Parts) -> None:
        """Write the state after step `t`, and turn ``self._maps[t]`` into the gates."""
        raise NotImplementedError

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

    def _give(self, before: Tensor, ih: Tensor, hh: Tensor) -> None:
        """Turn the errors of the two affine maps into gradients, as autograd accumulates them."""
        cell, x, h = self._cell, self._inputs, before
        ih, hh = ih.flatten(0, 1), hh.flatten(0, 1)
        shares = [
            (cell.weight_ih, ih.T @ x.detach().flatten(0, 1)),
            (cell.weight_hh, hh.T @ h.flatten(0, 1)),
        ]
        if cell.bias:
            of_ih = ih.sum(0)
            of_hh = of_ih.clone() if self._joined else hh.sum(0)
            shares += [(cell.bias_ih, of_ih), (cell.bias_hh, of_hh)]
        for weight, share in shares:
            if weight.requires_grad:
                weight.grad = share if weight.grad is None else weight.grad + share
        if x.requires_grad:
            x.backward((ih @ cell.weight_ih.detach()).view_as(x))  # type: ignore[no-untyped-call]


# In one pass over memory each: an error times the slope of a function, given the function's value.
_sigmoid_back: Callable[[Tensor, Tensor], Tensor] = torch.ops.aten.sigmoid_backward
_tanh_back: Callable[[Tensor, Tensor], Tensor] = torch.ops.aten.tanh_backward


class PlainAdjoint(_Derived):
    """``nn.RNNCell``: ``h' = tanh(...)`` or ``relu(...)``."""

    def __init__(self, cell: nn.RNNCell, inputs: Tensor, first: Parts, rows: Rows) -> None:
        self._relu = cell.nonlinearity == "relu"
        super().__init__(cell, inputs, first, rows)
        (self._before,) = rows.used(first, self.after)
        a = self._maps
        self._slope = (a > 0).to(a.dtype) if self._relu else 1 - a * a

    def _step(self, t: int, used: Parts, after: Parts) -> None:
        a = self._maps[t]
        a.addmm_(used[0], self._cell.weight_hh.T)
        after[0].copy_(a.relu_() if self._relu else a.tanh_())

    def back(self, errors: Parts, at: slice) -> Parts:
        """Through the nonlinearity, then the recurrent weights."""
        return (self._through([errors[0]], [self._slope[at]]),)

    def finish(self, sums: Parts) -> None:
        """Accumulate; both affine maps see the same error."""
        through = sums[0] * self._slope
        self._give(self._before, through, through)


class GatedAdjoint(_Derived):
    """``nn.GRUCell``: ``h' = (1 - z) n + z h``."""

    _joined = False

    def __init__(self, cell: nn.GRUCell, inputs: Tensor, first: Parts, rows: Rows) -> None:
        self._from_h = inputs.new_empty(*inputs.shape[:2], 3 * cell.hidden_size)
        if cell.bias:
            self._from_h[:] = cell.bias_hh.detach()
        else:
            self._from_h.zero_()
        super().__init__(cell, inputs, first, rows)
        (self._before,) = rows.used(first, self.after)
        r, z, n = self._maps.chunk(3, dim=2)
        through = self._from_h.chunk(3, dim=2)[2]
        new = _tanh_back(1 - z, n)
        self._keep = z.contiguous()
        # Errors of the reset, update and new gates, for an error of 1 in the state after.
        update = _sigmoid_back(self._before - n, z)
        self._recurrent = [_sigmoid_back(new * through, r), update, new * r]
        self._new = new

    def _step(self, t: int, used: Parts, after: Parts) -> None:
        from_h, size = self._from_h[t], self._cell.hidden_size
        from_h.addmm_(used[0], self._cell.weight_hh.T)
        self._maps[t, :, : 2 * size].add_(from_h[:, : 2 * size]).sigmoid_()
        r, z, n = (gate[t] for gate in self._gates)
        n.addcmul_(r, from_h[:, 2 * size :]).tanh_()
        torch.lerp(n, used[0], z, out=after[0])

    def back(self, errors: Parts, at: slice) -> Parts:
        """Through the gates, and past them by what is kept."""
        (error,) = errors
        found = self._through([error] * 3, [slope[at] for slope in self._recurrent])
        return (found.addcmul_(error, self._keep[at]),)

    def finish(self, sums: Parts) -> None:
        """Accumulate; the recurrent map sees the new gate through the reset gate."""
        reset, update, new = (sums[0] * slope for slope in self._recurrent)
        ih = torch.cat([reset, update, sums[0] * self._new], dim=2)
        self._give(self._before, ih, torch.cat([reset, update, new], dim=2))


class LongAdjoint(_Derived):
    """``nn.LSTMCell``: ``c' = f c + i g``, ``h' = o tanh(c')``."""

    def __init__(self, cell: nn.LSTMCell, inputs: Tensor, first: Parts, rows: Rows) -> None:
        self._tanh = inputs.new_empty(*inputs.shape[:2], cell.hidden_size)
        super().__init__(cell, inputs, first, rows)
        self._before, cells = rows.used(first, self.after)
        i, f, g, o = self._maps.chunk(4, dim=2)
        t = self._tanh
        self._into_cell, self._keep = _tanh_back(o, t), f.contiguous()
        # Errors of the gates, for an error of 1 in the cell (input, forget, new) or the output.
        self._slopes = [
            _sigmoid_back(g, i), _sigmoid_back(cells, f), _tanh_back(i, g), _sigmoid_back(t, o)
        ]  # fmt: skip

    def _step(self, t: int, used: Parts, after: Parts) -> None:
        (h, c), (out, cell) = used, after
        self._maps[t].addmm_(h, self._cell.weight_hh.T)
        i, f, g, o = (gate[t] for gate in self._gates)
        i.sigmoid_(), f.sigmoid_(), g.tanh_(), o.sigmoid_()
        torch.mul(f, c, out=cell).addcmul_(i, g)
        torch.tanh(cell, out=self._tanh[t])
        torch.mul(o, self._tanh[t], out=out)

    def back(self, errors: Parts, at: slice) -> Parts:
        """Through the four gates to the output, and by the forget gate to the cell."""
        output, cell = errors
        cell = cell.addcmul_(output, self._into_cell[at])
        slopes = [slope[at] for slope in self._slopes]
        found = self._through([cell, cell, cell, output], slopes)
        return found, cell.mul_(self._keep[at])

    def finish(self, sums: Parts) -> None:
        """Accumulate; both affine maps see the same errors."""
        output, cell = sums
        cell = torch.addcmul(cell, output, self._into_cell)
        gates = self._maps  # already turned into slopes, and large: used again
        for error, slope, gate in zip(
            [cell, cell, cell, output], self._slopes, gates.chunk(4, dim=2), strict=True
        ):
            torch.mul(error, slope, out=gate)
        self._give(self._before, gates, gates)


_DERIVED: dict[type[nn.Module], Callable[..., Adjoint]] = {
    nn.RNNCell: PlainAdjoint,
    nn.GRUCell: GatedAdjoint,
    nn.LSTMCell: LongAdjoint,
}


def derived(cell: Any) -> Callable[..., Adjoint] | None:
    """Return the hand-derived adjoint of a cell, or None where only the generic one is safe.

    A subclass, a hook or a parametrisation may change what the cell computes.
    """
    hooked = getattr(cell, "_forward_hooks", None) or getattr(cell, "_forward_pre_hooks", None)
    if hooked or getattr(cell, "parametrizations", None):
        return None
    return _DERIVED.get(type(cell))
