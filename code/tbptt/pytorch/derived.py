r"""PyTorch's own cells by hand: a fused run forward, and adjoints that are a few products a lag.

What carries an adjoint through a step depends on the step and not on the lag. So its coefficients
are worked out once for all steps; a lag is then a few elementwise products and a matrix
multiplication for each gate, and the weights see only the sum over lags, once, at the end.

Notation of the classes below, for one step: `x` is its input, `h` (and `c`) the state that it uses,
`h'` (and `c'`) the state after it; `dv` is the derivative of the loss by `v`, its error. Every gate
is a function of an affine map of the input, ``W_ih x + b_ih``, and one of the state,
``W_hh h + b_hh``; a gate's index at `W` means its block of rows. Products of vectors are
elementwise. A gate's **slope** is the error of its affine maps for an error of 1 after the step:
`back` multiplies by slopes and by ``W_hh``, `finish` by slopes alone.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from tbptt.pytorch.affine import HandDerived
from tbptt.pytorch.row_flags import RowFlags
from tbptt.pytorch.states import Parts

# An error times the slope of a function at the function's value: `d s (1 - s)` and `d (1 - t * t)`,
# each in one pass over memory.
_sigmoid_back: Callable[[Tensor, Tensor], Tensor] = torch.ops.aten.sigmoid_backward
_tanh_back: Callable[[Tensor, Tensor], Tensor] = torch.ops.aten.tanh_backward


class RNNAdjoint(HandDerived):
    r"""``nn.RNNCell``: ``h' = f(a)`` with ``a = W_ih x + b_ih + W_hh h + b_hh``.

    The function `f` is tanh or relu, and its slope is known from its value, ``1 - h'^2`` or
    ``h' > 0``. So::

        da = dh' f'(a)
        dh = da W_hh
    """

    def _prepare(self, first: Parts, flags: RowFlags) -> None:
        is_relu = self._cell.nonlinearity == "relu"
        (h,) = self.after
        if flags.mask is not None:
            # A row that waits shows its last state here, not what this step would have made of it.
            h = self._map_inputs()
            self._add_mapped_state(h)
            h = h.relu_() if is_relu else h.tanh_()
        self._slope = (h > 0).to(h.dtype) if is_relu else 1 - h * h

    def back(self, errors: Parts, at: slice, below: Tensor | None = None) -> Parts:
        """Return ``dh``: through the nonlinearity, then the recurrent weights."""
        return (self._to_state_before([errors[0]], [self._slope[at]], below),)

    def finish(self, sums: Parts) -> tuple[Tensor | None, ...]:
        """Return the gradients; both affine maps see the same error."""
        of_maps = sums[0] * self._slope
        return self._gradients(of_maps, of_maps)


class GRUAdjoint(HandDerived):
    r"""``nn.GRUCell``, with reset gate `r`, update gate `z` and new state `n`.

    Forward::

        r = sigmoid(W_ir x + b_ir + W_hr h + b_hr)
        z = sigmoid(W_iz x + b_iz + W_hz h + b_hz)
        m = W_hn h + b_hn
        n = tanh(W_in x + b_in + r m)
        h' = (1 - z) n + z h

    Back, where `da_r`, `da_z` and `da_n` are the errors of what stands inside the three functions::

        da_n = dh' (1 - z) (1 - n^2)
        da_z = dh' (h - n) z (1 - z)
        da_r = da_n m r (1 - r)
        dh   = da_r W_hr + da_z W_hz + (da_n r) W_hn + dh' z

    The new state's map of `h` sees its error through the reset gate, its map of `x` does not.
    """

    def _prepare(self, first: Parts, flags: RowFlags) -> None:
        gates = self._map_inputs()
        from_h = torch.zeros_like(gates)
        self._add_mapped_state(from_h)
        size = self._cell.hidden_size
        # In place: `r`, `z` and `n` are views of `gates`, as `m` is of `from_h`.
        gates[..., : 2 * size].add_(from_h[..., : 2 * size]).sigmoid_()
        r, z, n = gates.chunk(3, dim=2)
        m = from_h[..., 2 * size :]
        n.addcmul_(r, m).tanh_()
        self._keep = z.contiguous()
        self._new = _tanh_back(1 - z, n)
        # In PyTorch's order of the gates' rows: reset, update, new.
        self._recurrent = [
            _sigmoid_back(self._new * m, r), _sigmoid_back(self._before - n, z), self._new * r
        ]  # fmt: skip

    def back(self, errors: Parts, at: slice, below: Tensor | None = None) -> Parts:
        """Return ``dh``: through the gates, and past them by what is kept."""
        (error,) = errors
        reset, update, new = (slope[at] for slope in self._recurrent)
        before = self._to_state_before(
            [error] * 3, [reset, update, new], below, of_inputs=[reset, update, self._new[at]]
        )
        return (before.addcmul_(error, self._keep[at]),)

    def finish(self, sums: Parts) -> tuple[Tensor | None, ...]:
        """Return the gradients of the two maps, which differ in the new state's rows."""
        reset, update, new = (sums[0] * slope for slope in self._recurrent)
        ih = torch.cat([reset, update, sums[0] * self._new], dim=2)
        return self._gradients(ih, torch.cat([reset, update, new], dim=2))


class LSTMAdjoint(HandDerived):
    r"""``nn.LSTMCell``, with input gate `i`, forget gate `f`, candidate `g` and output gate `o`.

    Forward, where each gate's `a` is ``W_ih x + b_ih + W_hh h + b_hh`` in its rows::

        i, f, o = sigmoid(a_i), sigmoid(a_f), sigmoid(a_o)
        g  = tanh(a_g)
        c' = f c + i g
        t  = tanh(c')
        h' = o t

    Back, where ``dc`` after the first line is the whole error of `c'`, its own and that through
    the output::

        dc   = dc' + dh' o (1 - t^2)
        da_i = dc g i (1 - i)
        da_f = dc c f (1 - f)
        da_g = dc i (1 - g^2)
        da_o = dh' t o (1 - o)
        dh   = da_i W_hi + da_f W_hf + da_g W_hg + da_o W_ho
        dc   = dc f
    """

    def _prepare(self, first: Parts, flags: RowFlags) -> None:
        self._gates = self._map_inputs()
        self._add_mapped_state(self._gates)
        # Views, in PyTorch's order of the gates' rows, and turned into their values in place.
        i, f, g, o = self._gates.chunk(4, dim=2)
        i.sigmoid_(), f.sigmoid_(), g.tanh_(), o.sigmoid_()
        added = i * g
        if len(self.after) == 1:
            # The fused loop returns the outputs of all steps, but the cells of the last one alone.
            cells, c = torch.empty_like(self.after[0]), first[1]
            for after, kept, new in zip(cells, f, added, strict=True):
                c = torch.addcmul(new, kept, c, out=after)
            self.after = (*self.after, cells)
        (used,) = flags.used(first[1:], self.after[1:])
        # From f, c, i and g, and not from `after`, which shows the last cell again where a row
        # waits.
        t = added.addcmul_(f, used).tanh_()
        self._into_cell, self._keep = _tanh_back(o, t), f.contiguous()
        # The first three for an error of 1 in the cell, the last for one in the output.
        self._slopes = [
            _sigmoid_back(g, i), _sigmoid_back(used, f), _tanh_back(i, g), _sigmoid_back(t, o)
        ]  # fmt: skip

    def back(self, errors: Parts, at: slice, below: Tensor | None = None) -> Parts:
        """Return ``dh, dc``: through the four gates, and past them by the forget gate."""
        output, cell = errors
        cell = cell.addcmul_(output, self._into_cell[at])
        slopes = [slope[at] for slope in self._slopes]
        before = self._to_state_before([cell, cell, cell, output], slopes, below)
        return before, cell.mul_(self._keep[at])

    def finish(self, sums: Parts) -> tuple[Tensor | None, ...]:
        """Return the gradients; both affine maps see the same errors."""
        output, cell = sums
        cell = torch.addcmul(cell, output, self._into_cell)
        # The gates' values have become slopes and are not needed any more: their memory, four times
        # that of the outputs, takes the errors.
        of_maps = self._gates
        for error, slope, gate in zip(
            [cell, cell, cell, output], self._slopes, of_maps.chunk(4, dim=2), strict=True
        ):
            torch.mul(error, slope, out=gate)
        return self._gradients(of_maps, of_maps)


DERIVED: dict[type[nn.Module], type[HandDerived]] = {
    nn.RNNCell: RNNAdjoint,
    nn.GRUCell: GRUAdjoint,
    nn.LSTMCell: LSTMAdjoint,
}
