"""Which way gradients are worked out: by what the cell does, not by what it looks like."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from tbptt._calling import called
from tbptt.pytorch.adjoints import Adjoint, GenericAdjoint
from tbptt.pytorch.alike import are_alike
from tbptt.pytorch.checks import check_cell, check_run
from tbptt.pytorch.derived import DERIVED
from tbptt.pytorch.row_flags import RowFlags
from tbptt.pytorch.states import Cell, Parts, S, State, flatten, pack
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
    if derived not in (None, True, False):
        raise TypeError(f"derived must be True, False or None, got {derived!r}.")
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
    # A class made of one of these may do in a step to come what it does not do in a trial.
    kinds = [kind for kind in DERIVED if type(cell) is kind or (asked and isinstance(cell, kind))]
    if not kinds:
        return f"a {type(cell).__name__} is none of nn.RNNCell, nn.GRUCell and nn.LSTMCell"
    if torch.is_autocast_enabled(inputs.device.type):
        return "autocast is on"
    try:
        check_cell(cell, inputs, like)
    except (AttributeError, TypeError, ValueError) as error:
        # What is hooked or patched may take more; else a step of the generic route says the same.
        return f"inputs or state do not fit: {error}"
    x, used = inputs.detach()[0].clone(), flags.at(0).enter(first)
    with _Calls() as calls:
        returned = flatten(called("cell", "(x, state)", cell, x, pack(used, like)))
    name = _KERNELS[kinds[0]]
    weights = [cell.weight_ih, cell.weight_hh, *((cell.bias_ih, cell.bias_hh) if cell.bias else ())]
    if not calls.are_one(name, [x, *used, *weights], returned):
        return f"a step of the cell is more than torch.{name} of its weights, as with a hook"
    adjoint = DERIVED[kinds[0]](cell, inputs, first, flags, like=like)
    check_run(adjoint.after)
    after = tuple(part[0] for part in adjoint.after)
    if not are_alike(after, flags.at(0).leave(used, returned)):
        return "the cell answers otherwise than its weights say"
    return adjoint


class _Calls(TorchFunctionMode):
    """What is called of PyTorch while this is active."""

    def __init__(self) -> None:
        super().__init__()
        self._calls: list[tuple[Any, tuple[Any, ...], Any]] = []

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        # How many axes a tensor has changes nothing, whoever asks.
        if func is not Tensor.dim:
            self._calls.append((func, args, result))
        return result

    def are_one(self, name: str, handed: list[Any], returned: Parts) -> bool:
        """Say whether it was this function alone, of these tensors, and what it gave returned."""
        if len(self._calls) != 1:
            return False
        ((func, args, result),) = self._calls
        given = [part for argument in args for part in flatten(argument) if part is not None]
        return (
            func.__name__.startswith(name)
            and [id(part) for part in given] == [id(part) for part in handed]
            and [id(part) for part in flatten(result)] == [id(part) for part in returned]
        )
