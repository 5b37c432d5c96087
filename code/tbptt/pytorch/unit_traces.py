"""What eligibility traces share: for each weight the numbers of the unit that it belongs to."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tbptt.pytorch.arguments import check_tensor, check_tensors
from tbptt.pytorch.influence import Carried
from tbptt.pytorch.influence_checks import check_rows, check_state
from tbptt.pytorch.jacobians import StepJacobians, pattern


class UnitTraces:
    """Carry traces on, and turn errors into gradients; a method says what a unit keeps.

    Carried are ``(batch, numbers, weights)``, and for each weight the place of its unit.
    """

    _axes: tuple[tuple[str, ...], ...] = (("batch", "numbers", "weights"), ("weights",))

    def _layout(self, jacobians: StepJacobians[Any], state: Tensor) -> tuple[int, int]:
        """Return how many numbers a unit has, and how many units there are."""
        widths = {part.shape[1] for part in jacobians.parts(state)}
        if len(widths) > 1:
            raise ValueError(
                f"The parts of the state are {sorted(widths)} wide, so that units cannot be told "
                "apart: use SnAp(1)."
            )
        (units,) = widths
        return jacobians.width // units, units

    def _kept(self, jacobians: StepJacobians[Any], x: Tensor, state: Tensor) -> Tensor:
        """Return ``dM / ds`` inside each unit, ``(batch, numbers, numbers, units)``."""
        raise NotImplementedError

    def begin(self, jacobians: StepJacobians[Any], state: Tensor) -> Carried:
        """Return zeros, and the unit of each weight.

        Raises
        ------
        TypeError, ValueError
            If an argument does not fit, or a weight touches several units in its own step.
        """
        check_state(jacobians, state)
        numbers, units = self._layout(jacobians, state)
        touched = pattern(jacobians, state, 1).view(numbers, units, -1).any(dim=0)
        if bool((touched.sum(dim=0) > 1).any()):
            raise ValueError(
                "A weight of the cell touches several units in its own step, and a trace belongs "
                "to one: use SnAp(1), which keeps all of them."
            )
        unit = touched.to(torch.uint8).argmax(dim=0).to(state.dtype)
        return state.new_zeros(len(state), numbers, jacobians.size), unit

    def advance(
        self, carried: Carried, jacobians: StepJacobians[Any], x: Tensor, state: Tensor
    ) -> Carried:
        """Return ``(dM / ds) trace + dM / dw``."""
        check_state(jacobians, state)
        numbers, _ = self._layout(jacobians, state)
        wanted = ((len(state), numbers, jacobians.size), (jacobians.size,))
        check_tensors("carried", carried, wanted, like=state)
        traces, unit = carried
        # A weight touches one unit, so a product with ones is its whole derivative.
        parts = one_number_each(numbers, state).unbind(dim=0)
        fresh = torch.stack(
            [jacobians.pull(part.expand_as(state), x, state) for part in parts], dim=1
        )
        kept = self._kept(jacobians, x, state)[..., unit.long()]
        return torch.einsum("bpqw,bqw->bpw", kept, traces) + fresh, unit

    def read(self, carried: Carried, error: Tensor) -> Tensor:
        """Return each unit's error times its traces, summed over rows of the batch."""
        check_tensors("carried", carried, self._axes)
        traces, unit = carried
        check_tensor("error", error, (len(traces), "state"), like=traces)
        numbers, where = traces.shape[1], unit.long()
        if error.shape[1] % numbers or int(where.max()) >= error.shape[1] // numbers:
            raise ValueError(
                f"error must be (batch, state) with {numbers} numbers for each unit of `carried`, "
                f"got shape {tuple(error.shape)}."
            )
        of_weights = error.unflatten(1, (numbers, -1))[..., where]
        return torch.einsum("bpw,bpw->w", of_weights, traces)

    def select(self, rows: Tensor, carried: Carried, others: Carried) -> Carried:
        """Return the traces, row by row, and the units, which are the same for all."""
        check_rows(rows, carried, others, self._axes)
        return torch.where(rows[:, None, None], carried[0], others[0]), carried[1]


def one_number_each(numbers: int, state: Tensor) -> Tensor:
    """Return ``(numbers, 1, state)``: ones in one number of each unit, zeros in the others."""
    units = state.shape[1] // numbers
    ones = torch.eye(numbers, dtype=state.dtype, device=state.device)
    return ones.repeat_interleave(units, dim=1)[:, None]
