"""One step of a cell, called as a loop of the reader's own calls it, and a run of such steps."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tbptt._calling import called
from tbptt.pytorch.checks import check_cell
from tbptt.pytorch.row_flags import RowFlags, StandIns
from tbptt.pytorch.states import Cell, Parts, S, State, flatten, pack, parts_of


def step(cell: Cell[S], x: Tensor, parts: Parts, like: S) -> Parts:
    """Call a cell, and return the parts of its state.

    Under autocast a cell may return another dtype than that of the state it was given. The state
    then takes the wider of the two, in which all values of both are exact.

    Parameters
    ----------
    cell : callable
        Handed a state of the kind of `like`.
    x : Tensor, shape (batch, ...)
        Its input.
    parts : tuple of Tensor
        The state before the step.

    Raises
    ------
    TypeError, ValueError
        If what it returns is no state like the one it is given, or, for PyTorch's own cells, input
        and state do not fit the weights.
    """
    try:
        state: State = called("cell", "(x, state)", cell, x, pack(parts, like))
        if torch.is_autocast_enabled(x.device.type):
            return parts_of(_widened(state, parts), like=_widened(parts, state))
        return parts_of(state, like=parts)
    except Exception:
        # PyTorch's cells say less about what does not fit, or take rows for parts of a state.
        check_cell(cell, x, pack(parts, like))
        raise


def _widened(state: State, other: State) -> Parts:
    """Return the parts of a state, each in the wider of its own and the other's dtype."""
    parts, others = flatten(state), flatten(other)
    if len(parts) != len(others) or not all(isinstance(p, Tensor) for p in (*parts, *others)):
        return parts
    return tuple(
        part.to(torch.promote_types(part.dtype, other.dtype))
        for part, other in zip(parts, others, strict=True)
    )


def run_cell(cell: Cell[S], inputs: Tensor, first: Parts, flags: RowFlags, *, like: S) -> Parts:
    """Run a cell over a sequence; return the states after every step, without a graph.

    The cell is handed states of the kind of `like`, and copies of everything: it may work in place.
    Unless gradients are switched off, they require one, because hooks may count on it.
    """
    now, after, wanted = first, [], torch.is_grad_enabled()
    stand_ins = StandIns(flags, inputs, first)
    for t, given in enumerate(inputs):
        here = flags.at(t)
        used = here.enter(now)
        x, states = stand_ins.fill(here, given, used)
        handed = tuple(part.detach().requires_grad_(wanted).clone() for part in states)
        now = here.leave(used, tuple(part.detach() for part in step(cell, x.clone(), handed, like)))
        after.append(now)
    return tuple(torch.stack(part) for part in zip(*after, strict=True))


def run_in_graph(
    cell: Cell[S],
    inputs: Tensor,
    first: Parts,
    flags: RowFlags,
    *,
    like: S,
    enter: Callable[[int, Parts], Parts] | None = None,
) -> tuple[list[Parts], list[Parts]]:
    """Run a cell over a sequence as a loop of one's own does, with a graph through all steps.

    Parameters
    ----------
    cell, inputs, first, flags, like
        As for :func:`run_cell`.
    enter : callable, optional
        ``enter(t, state)`` returns what goes on of the state before step `t`.

    Returns
    -------
    used, after : list of tuples of Tensor, each (batch, hidden)
        For every step the state before it, detached, and the state after it.
    """
    now, all_used, after = first, [], []
    stand_ins = StandIns(flags, inputs, first)
    for t, given in enumerate(inputs):
        here = flags.at(t)
        used = here.enter(now if enter is None else enter(t, now))
        x, states = stand_ins.fill(here, given, used)
        # Copies: the cell may work in place.
        returned = step(cell, x.clone(), tuple(part.clone() for part in states), like)
        now = here.leave(used, returned)
        all_used.append(tuple(part.detach() for part in used))
        after.append(now)
    return all_used, after
