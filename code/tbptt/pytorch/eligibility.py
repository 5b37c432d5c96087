r"""Eligibility traces: of the influence, what stays inside the unit that a weight belongs to.

A state changes through what its unit keeps of itself, and through what units hear of each other
along recurrent weights. With `M` one step, `s` what a unit keeps and `z` what it hears::

    h_t = M(s = h_{t-1}, z = h_{t-1}, x_t),    trace_t = (dM / ds) trace_{t-1} + dM / dw.

The whole influence takes ``dM/ds + dM/dz``, and needs a row for each unit. Here what comes back
along recurrent weights is left out, a unit's connection to itself included, so that a weight needs
no more numbers than its unit's state has. An error becomes a gradient at once, ``e_t trace_t``.

Sources: G. Bellec et al., "A solution to the learning dilemma for recurrent networks of spiking
neurons", Nature Communications 11, 2020, equations 3 and 14 (e-prop); J. M. Murray, "Local online
learning in recurrent networks with random feedback", eLife 8, 2019 (RFLO).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, jacrev, vjp, vmap

from tbptt._calling import called
from tbptt._checks import length, real
from tbptt.pytorch.alike import are_alike
from tbptt.pytorch.arguments import check_tensors
from tbptt.pytorch.influence import Carried
from tbptt.pytorch.influence_checks import check_state
from tbptt.pytorch.jacobians import StepJacobians
from tbptt.pytorch.states import State, flatten, parts_of
from tbptt.pytorch.unit_traces import UnitTraces, one_number_each

Own = Callable[[Tensor, Any, Any], State]
TRIES = 4  # random states at which a cell is looked at


class EProp(UnitTraces):
    r"""Traces through what each unit keeps of itself, as the cell keeps it [1]_.

    Errors are those that the loss sends to the states, the paper's *symmetric* e-prop; with a
    :class:`tbptt.pytorch.feedback.RandomFeedback` for a readout it is its *random* e-prop.

    It differs from ``SnAp(1)`` in each unit's recurrent connection to itself, which SnAp-1 keeps
    and e-prop leaves out with all others. Where those are zero, both are the same. What it is:

    * a plain RNN, whose units keep nothing: a reach of one step;
    * a :class:`tbptt.pytorch.leaky.LeakyCell`: ``RFLO(keep)``;
    * an LSTM: full backpropagation through the memory cells, cut where ``h`` enters the gates;
    * a GRU: the update gate's share of the state, which the paper does not treat;
    * a diagonal recurrence: exact, the whole influence, if `own` is the whole step.

    Parameters
    ----------
    own : callable, optional
        ``own(x, heard, state) -> state``, the cell's step with both roles of the state before it
        apart: what units hear of each other, and what each keeps. It gives the cell's own answer
        where both are the same. Without it the cell must have `weight_hh`, which reads the first
        part of the state, and `bias_hh`, as PyTorch's cells do.
    units : int, optional
        Number of units, if a part of the state holds several numbers for each.

    Raises
    ------
    TypeError, ValueError
        If `own` is no function, or `units` no integer of at least 1; by the methods, if an argument
        does not fit the cell and its state, or as `begin` says.

    References
    ----------
    .. [1] G. Bellec et al., "A solution to the learning dilemma for recurrent networks of spiking
       neurons", Nature Communications 11, 2020, 3625, equations 3 and 14.

    Examples
    --------
    >>> import torch
    >>> from tbptt import Truncation
    >>> from tbptt.pytorch import backward
    >>> from tbptt.pytorch.forward_mode import EProp, accumulate
    >>> cell, x, zero = torch.nn.RNNCell(1, 2), torch.ones(5, 1, 1), torch.zeros(1, 2)
    >>> loss, outputs, state, carried = accumulate(cell, torch.sum, x, zero, EProp())
    >>> carried[0].shape  # one row, one number for each of ten weights
    torch.Size([1, 1, 10])
    >>> ahead, cell.weight_hh.grad = cell.weight_hh.grad, None
    >>> loss, outputs, state = backward(cell, torch.sum, x, zero, Truncation.true(1))
    >>> torch.allclose(ahead, cell.weight_hh.grad, atol=1e-4)  # a plain unit keeps nothing
    True
    """

    def __init__(self, own: Own | None = None, *, units: int | None = None) -> None:
        if own is not None and not callable(own):
            raise TypeError(f"own must be a function own(x, heard, state) -> state, got {own!r}.")
        self.own = own
        self.units = None if units is None else length("units", units)

    def _layout(self, jacobians: StepJacobians[Any], state: Tensor) -> tuple[int, int]:
        """Return how many numbers a unit has, and how many units there are."""
        if self.units is None:
            return super()._layout(jacobians, state)
        if jacobians.width % self.units:
            raise ValueError(
                f"units must divide the width of the state, {jacobians.width}, got {self.units}."
            )
        return jacobians.width // self.units, self.units

    def begin(self, jacobians: StepJacobians[Any], state: Tensor) -> Carried:
        """Return zeros, and the unit of each weight.

        Raises
        ------
        TypeError, ValueError
            If an argument does not fit, a weight touches several units in its own step, or `own` is
            not the cell's step or mixes units.
        """
        carried = super().begin(jacobians, state)
        numbers, units = self._layout(jacobians, state)
        step = self._step(jacobians)
        generator = torch.Generator().manual_seed(0)
        x, at = (
            torch.randn(TRIES, size, generator=generator, device="cpu").to(state)
            for size in (jacobians.features, jacobians.width)
        )
        after = torch.stack([step(*row) for row in zip(x, at, at, strict=True)])
        if not are_alike((after,), (jacobians.step(x, at),)):
            raise ValueError(
                "With the same state in both roles own(x, heard, state) gives another state than "
                "the cell. Pass EProp(own=...) the cell's own step, or use SnAp(1)."
            )
        moves = torch.stack(
            [jacrev(step, argnums=2)(*row) for row in zip(x, at, at, strict=True)]
        ).view(-1, numbers, units, numbers, units)
        across = ~torch.eye(units, dtype=torch.bool, device=state.device)[:, None]
        if bool((moves * across).any()):
            raise ValueError(
                "What a unit keeps depends on other units: a trace for each weight is not enough. "
                "Let own(x, heard, state) take that from `heard`, name `units`, or use SnAp."
            )
        return carried

    def _kept(self, jacobians: StepJacobians[Any], x: Tensor, state: Tensor) -> Tensor:
        """Return ``dM / ds`` inside each unit, ``(batch, numbers, numbers, units)``."""
        check_state(jacobians, state)
        numbers, _ = self._layout(jacobians, state)
        step, parts = self._step(jacobians), one_number_each(numbers, state)

        def of_row(x: Tensor, heard: Tensor, state: Tensor) -> Tensor:
            pull = vjp(lambda state: step(x, heard, state), state)[1]
            rows: Tensor = vmap(lambda part: pull(part)[0])(parts[:, 0])
            return rows

        derivatives: Tensor = vmap(of_row)(x, state, state).unflatten(2, (numbers, -1))
        return derivatives

    def _step(self, jacobians: StepJacobians[Any]) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
        """Return the step of one row, flat, with both roles of its state apart."""
        own = _by_recurrent_weights(jacobians.cell) if self.own is None else self.own

        def step(x: Tensor, heard: Tensor, state: Tensor) -> Tensor:
            roles = [jacobians.pack(flat[None].clone()) for flat in (heard, state)]
            after = parts_of(called("own", "(x, heard, state)", own, x[None].clone(), *roles))
            wanted = [tuple(part.shape) for part in jacobians.parts(state[None])]
            check_tensors("What own returns", after, wanted, like=state)
            return torch.cat(after, dim=1)[0]

        return step


class RFLO(UnitTraces):
    """Traces that fade at a fixed rate, whatever the cell does [1]_.

    For leaky units, ``h_t = decay h_{t-1} + (1 - decay) tanh(...)``, it is the paper's ``p``, and
    the same as :class:`EProp`. The paper's errors come through random weights: take a
    :class:`tbptt.pytorch.feedback.RandomFeedback` for a readout.

    Parameters
    ----------
    decay : float
        What is left of a trace a step later, at least 0 and below 1: ``1 - 1 / tau`` for units
        with time constant `tau`.

    Raises
    ------
    TypeError, ValueError
        If `decay` is no number of at least 0 and below 1; by the methods, if an argument does not
        fit, units have several numbers, or a weight touches several units in its own step.

    References
    ----------
    .. [1] J. M. Murray, "Local online learning in recurrent networks with random feedback", eLife
       8, 2019, e43299: the RFLO learning rule.

    Examples
    --------
    >>> import torch
    >>> from tbptt.pytorch.forward_mode import RFLO, accumulate
    >>> from tbptt.pytorch.leaky import LeakyCell
    >>> cell, x, zero = LeakyCell(1, 4, keep=0.9), torch.ones(5, 2, 1), torch.zeros(2, 4)
    >>> loss, outputs, state, carried = accumulate(cell, torch.sum, x, zero, RFLO(0.9))
    >>> carried[0].shape  # two rows, a number for each weight
    torch.Size([2, 1, 28])
    """

    def __init__(self, decay: float) -> None:
        self.decay = real("decay", decay)
        if not 0 <= self.decay < 1:
            raise ValueError(f"decay must be at least 0 and below 1, got {self.decay}; 0.9, say.")

    def _layout(self, jacobians: StepJacobians[Any], state: Tensor) -> tuple[int, int]:
        """Return 1, and how many units there are."""
        numbers, units = super()._layout(jacobians, state)
        if numbers > 1:
            raise ValueError(
                f"RFLO is for units with one number each, but the state has {numbers} parts: use "
                "EProp()."
            )
        return numbers, units

    def _kept(self, jacobians: StepJacobians[Any], x: Tensor, state: Tensor) -> Tensor:
        """Return the decay, for every unit."""
        check_state(jacobians, state)
        return state.new_full((len(state), 1, 1, jacobians.width), self.decay)


def _by_recurrent_weights(cell: nn.Module) -> Own:
    """Return a cell's step in which what recurrent weights bring is a constant, in the bias."""
    weight, bias = getattr(cell, "weight_hh", None), getattr(cell, "bias_hh", None)
    if not isinstance(weight, Tensor) or not isinstance(bias, Tensor):
        raise ValueError(
            f"EProp cannot tell what a unit of {type(cell).__name__} keeps from what it hears: "
            "that takes weight_hh and bias_hh, as in PyTorch's cells with a bias. Pass "
            "EProp(own=...), own(x, heard, state) -> state."
        )
    weight, bias = weight.detach(), bias.detach()

    def own(x: Tensor, heard: Any, state: Any) -> State:
        brought = flatten(heard)[0] @ weight.T
        fixed = {"weight_hh": torch.zeros_like(weight), "bias_hh": bias + brought[0]}
        after: State = functional_call(cell, fixed, (x, state))
        return after

    return own
