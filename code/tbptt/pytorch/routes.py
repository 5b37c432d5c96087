"""Which way gradients are worked out: by what the cell does, not by what it looks like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from tbptt._calling import called
from tbptt._checks import choice
from tbptt.pytorch.adjoints import Adjoint, GenericAdjoint
from tbptt.pytorch.affine import HandDerived
from tbptt.pytorch.alike import are_alike
from tbptt.pytorch.checks import check_cell, check_run
from tbptt.pytorch.derived import DERIVED
from tbptt.pytorch.fused import weights_of
from tbptt.pytorch.layers import StackedCell
from tbptt.pytorch.row_flags import RowFlags
from tbptt.pytorch.stacked import StackedAdjoint
from tbptt.pytorch.states import Cell, Parts, S, State, bare, by_layer, flatten, pack
from tbptt.pytorch.unseen import unseen

# What a step of each calls; an RNN's name goes on with its nonlinearity.
_KERNELS = {nn.RNNCell: "rnn_", nn.GRUCell: "gru_cell", nn.LSTMCell: "lstm_cell"}


@unseen()
def run_adjoint(
    cell: Cell[S],
    inputs: Tensor,
    first: Parts,
    flags: RowFlags,
    *,
    stride: int,
    like: S,
    derived: bool | None,
) -> Adjoint:
    """Run a cell forward; return the adjoint by hand where it is this cell's, else the generic one.

    Parameters
    ----------
    cell, inputs, first, flags, stride, like
        As for :class:`tbptt.pytorch.adjoints.GenericAdjoint`.
    derived : bool or None
        True or False where the caller has chosen.

    Raises
    ------
    TypeError
        If `derived` is something else.
    ValueError
        If the caller asks for the adjoint by hand, and the cell does something else.
    """
    derived = choice("derived", derived)
    if derived is not False:
        by_hand = _by_hand(cell, inputs, first, flags, like=like, asked=bool(derived))
        if not isinstance(by_hand, str):
            return by_hand
        if derived:
            raise ValueError(
                f"derived=True, but {by_hand}. With derived=None the generic route would run."
            )
    return GenericAdjoint(cell, inputs, first, flags, stride=stride, like=like)


def _by_hand(
    cell: Any, inputs: Tensor, first: Parts, flags: RowFlags, *, like: State, asked: bool
) -> Adjoint | str:
    """Return the adjoint by hand, or the reason why it is not this cell's."""
    is_stack = _is(cell, StackedCell, asked)
    layers = list(cell.cells) if is_stack else [cell]
    kinds: list[type[HandDerived]] = []
    for layer in layers:
        kind = next((DERIVED[kind] for kind in DERIVED if _is(layer, kind, asked)), None)
        if kind is None:
            name, more = type(layer).__name__, "" if is_stack else ", nor a StackedCell of them"
            where = "in the stack, " if is_stack else ""
            return f"{where}a {name} is none of nn.RNNCell, nn.GRUCell and nn.LSTMCell{more}"
        kinds.append(kind)
    if torch.is_autocast_enabled(inputs.device.type):
        return "autocast is on"
    x, used = inputs.detach()[0].clone(), flags.at(0).enter(first)
    try:
        states = by_layer(used, len(layers))[::-1]  # from the lowest to the top one, as the layers
        below = inputs
        for layer, state in zip(layers, states, strict=True):
            check_cell(layer, below, bare(state) if is_stack else like)
            below = state[0]
    except (AttributeError, TypeError, ValueError) as error:
        # What is hooked or patched may take more; else a step of the generic route says the same.
        return f"inputs or state do not fit: {error}"
    with _Calls() as calls:
        returned = flatten(called("cell", "(x, state)", cell, x, pack(used, like)))
    if not calls.are_those_of(layers, x, states, returned):
        whose = "the layers' functions" if is_stack else f"torch.{_kernel(cell)}"
        return f"a step of the cell is more than {whose} of its weights, as with a hook"
    adjoint: Adjoint = (
        StackedAdjoint(layers, kinds, inputs, first, flags)
        if is_stack
        else kinds[0](cell, inputs, first, flags, like=like)
    )
    check_run(adjoint.after)
    after = tuple(part[0] for part in adjoint.after)
    if not are_alike(after, flags.at(0).leave(used, returned)):
        return "the cell answers otherwise than its weights say"
    return adjoint


def _is(cell: Any, kind: type[nn.Module], asked: bool) -> bool:
    # A class made of one of these may do in a step to come what it does not do in a trial.
    return type(cell) is kind or (asked and isinstance(cell, kind))


def _kernel(cell: nn.RNNCellBase) -> str:
    """Return the name of what a step of one of PyTorch's own cells calls."""
    return next(name for kind, name in _KERNELS.items() if isinstance(cell, kind))


class _Calls(TorchFunctionMode):
    """What is called of PyTorch while this is active."""

    def __init__(self) -> None:
        super().__init__()
        self._calls: list[tuple[Any, tuple[Any, ...], Any]] = []

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        # How many axes a tensor has changes nothing, whatever asks.
        if func is not Tensor.dim:
            self._calls.append((func, args, result))
        return result

    def are_those_of(
        self, cells: Sequence[nn.RNNCellBase], x: Tensor, states: Sequence[Parts], returned: Parts
    ) -> bool:
        """Say whether each cell's function alone was called, and what they gave was returned.

        The first is handed `x`, each other one the output of the one before it, together with the
        cell's state and weights.
        """
        if len(self._calls) != len(cells):
            return False
        gave: Parts = ()
        for (func, args, result), cell, state in zip(self._calls, cells, states, strict=True):
            handed = (gave[0] if gave else x, *state, *weights_of(cell))
            given = [part for argument in args for part in flatten(argument) if part is not None]
            if not func.__name__.startswith(_kernel(cell)) or not _are_same(given, handed):
                return False
            gave = flatten(result) + gave
        return _are_same(gave, returned)


def _are_same(parts: Sequence[Tensor], others: Sequence[Tensor]) -> bool:
    """Say whether these are the same tensors, and not others with the same values."""
    return [id(part) for part in parts] == [id(other) for other in others]
