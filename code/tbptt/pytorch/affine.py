"""What adjoints by hand share: two affine maps, one of the input and one of the state."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from tbptt.pytorch.fused import fused, rounds_as_the_cell, weights_of
from tbptt.pytorch.row_flags import RowFlags
from tbptt.pytorch.states import Parts, State
from tbptt.pytorch.steps import run_cell


class HandDerived(ABC):
    """What the three share: two affine maps in PyTorch's layout, and buffers that lags reuse."""

    after: Parts
    divisible = True

    def __init__(
        self, cell: nn.RNNCellBase, inputs: Tensor, first: Parts, flags: RowFlags, *, like: State
    ) -> None:
        self._cell, self._inputs = cell, inputs
        self._ih, self._hh = cell.weight_ih.detach(), cell.weight_hh.detach()
        with torch.no_grad():
            plain = flags.resets is None and flags.mask is None
            if plain and rounds_as_the_cell(inputs):
                # Of an LSTM only the outputs: `_prepare` adds the cell's part of the state.
                self.after = (fused(cell, inputs, first),)
            else:
                self.after = run_cell(cell, inputs, first, flags, like=like)
            (self._before,) = flags.used(first[:1], self.after[:1])
            self._prepare(first, flags)
        # For `_to_state_before`: a product, and two results in turn. Fresh memory for each of so
        # many lags would cost more than the arithmetic.
        self._product, self._result, self._next_result = (
            torch.empty_like(self.after[0]) for _ in range(3)
        )

    @abstractmethod
    def back(self, errors: Parts, at: slice, below: Tensor | None = None) -> Parts:
        """Take errors back through steps, as :class:`tbptt.pytorch.adjoints.Adjoint` has it.

        Those of the steps' inputs are added to `below`, (steps at, batch, features), if it is
        there.
        """

    @abstractmethod
    def finish(self, sums: Parts) -> tuple[Tensor | None, ...]:
        """Turn the sums of errors into gradients of the sources."""

    @abstractmethod
    def _prepare(self, first: Parts, flags: RowFlags) -> None:
        """Work out, for all steps at once, the slopes that carry errors through a step."""

    def _map_inputs(self) -> Tensor:
        """Return ``W_ih x + b_ih`` of all steps."""
        cell = self._cell
        return nn.functional.linear(self._inputs, cell.weight_ih, cell.bias_ih)

    def _add_mapped_state(self, onto: Tensor) -> None:
        """Add ``W_hh h + b_hh`` of all steps."""
        cell = self._cell
        onto.flatten(0, 1).addmm_(self._before.flatten(0, 1), cell.weight_hh.T)
        if cell.bias:
            onto += cell.bias_hh

    def _to_state_before(
        self,
        errors: list[Tensor],
        slopes: list[Tensor],
        below: Tensor | None,
        *,
        of_inputs: list[Tensor] | None = None,
    ) -> Tensor:
        """Return ``dh``: the sum over gates of ``(error * slope) @ W_hh``, gate by gate.

        To `below` goes ``(error * slope) @ W_ih``, with the slopes `of_inputs` where the two maps
        see different errors.
        """
        n = len(errors[0])
        product, result = self._product[:n], self._result[:n]
        # `errors` may be the result of the lag before. This lag must not write over it while gates
        # still read it; with the next lag it is free.
        self._result, self._next_result = self._next_result, self._result
        flat = result.view(-1, result.shape[2])
        # One multiplication for each gate, added up in place, rather than one for all gates with
        # their errors side by side: putting those together would be one more pass over memory.
        gates = len(slopes)
        of_inputs = slopes if of_inputs is None else of_inputs
        for gate, (error, slope, of_input, weight, of_x) in enumerate(
            zip(
                errors,
                slopes,
                of_inputs,
                self._hh.chunk(gates),
                self._ih.chunk(gates),
                strict=True,
            )
        ):
            torch.mul(error, slope, out=product)
            if gate:
                flat.addmm_(product.view_as(flat), weight)
            else:
                torch.mm(product.view_as(flat), weight, out=flat)
            if below is None:
                continue
            if of_input is not slope:
                torch.mul(error, of_input, out=product)
            below.view(-1, below.shape[2]).addmm_(product.view_as(flat), of_x)
        return result

    def sources(self) -> tuple[Tensor, ...]:
        """Return the inputs and the weights."""
        return self._inputs, *weights_of(self._cell)

    def leaves(self) -> tuple[Tensor, ...]:
        """Return none: every gradient is of a source."""
        return ()

    def _gradients(self, ih: Tensor, hh: Tensor) -> tuple[Tensor | None, ...]:
        """Turn the errors of the two affine maps into gradients of the sources.

        ``dx = ih W_ih``, ``dW_ih = ih^T x``, ``dW_hh = hh^T h``, and each bias the sum of its
        map's errors.
        """
        cell, x, is_same = self._cell, self._inputs.detach(), ih is hh
        ih, hh = ih.flatten(0, 1), hh.flatten(0, 1)
        gradients = [
            (ih @ cell.weight_ih.detach()).view_as(x) if self._inputs.requires_grad else None,
            ih.T @ x.flatten(0, 1),
            hh.T @ self._before.flatten(0, 1),
        ]
        if cell.bias:
            of_ih = ih.sum(0)
            # A clone: two parameters must not share the memory of their gradients.
            gradients += [of_ih, of_ih.clone() if is_same else hh.sum(0)]
        return tuple(gradients)
