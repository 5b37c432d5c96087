"""Small training loops, most with a fault, to be watched: for the explorer and the exercises.

Every loop runs a GRU's cell over rows of random inputs, with a loss at every step that weighs as
`weights` says, and updates nothing: what it leaves in ``.grad`` is what its backward passes did.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tbptt._checks import positive_int
from tbptt.schedule import Truncation

ROWS, UNITS, CHUNK = 3, 4, 4
_STEPS = 12
_INTENDED = Truncation.epochwise(CHUNK)


@dataclass(frozen=True)
class Planted:
    """A loop of which only the interface is shown.

    Attributes
    ----------
    model : nn.RNNCellBase
        What is trained, a cell; give it to `tbptt.pytorch.watch`.
    train : callable
        ``train() -> outputs``, (steps, rows, units): runs the loop once, and leaves gradients.
        ``train(inputs, weights)`` takes other inputs (steps, rows, 1), and how much each step's
        loss weighs (steps,).
    intended : Truncation
        What its author says that it is.

    Examples
    --------
    >>> from tbptt.pytorch import watch
    >>> from truncated_time.planted import planted
    >>> loop = planted("sound")
    >>> with watch(loop.model) as seen:
    ...     outputs = loop.train()
    >>> outputs.shape, seen.truncation == loop.intended
    (torch.Size([12, 3, 4]), True)
    """

    model: nn.RNNCellBase
    train: Callable[..., Tensor]
    intended: Truncation


def planted(name: str) -> Planted:
    """Make a loop.

    Parameters
    ----------
    name : str
        One of `LOOPS`, whose names say what they do, or of `UNKNOWN`, whose names do not.

    Returns
    -------
    Planted
        The loop, with weights that are always the same.

    Raises
    ------
    ValueError
        If no loop has this name.

    Examples
    --------
    >>> from truncated_time.planted import LOOPS, UNKNOWN, planted
    >>> LOOPS[:3], UNKNOWN
    (('sound', 'zeros', 'random'), ('north', 'east', 'west'))
    >>> planted("north").intended
    Truncation(k1=1, k2=6)
    """
    if name not in _LOOPS:
        raise ValueError(f"No loop is called {name!r}; there are {', '.join(_LOOPS)}.")
    loop, steps, intended = _LOOPS[name]
    torch.manual_seed(0)
    cell = nn.LSTMCell(1, UNITS) if name == "only h" else nn.GRUCell(1, UNITS)
    given = torch.randn(steps, ROWS, 1)

    def train(inputs: Tensor = given, weights: Tensor | None = None) -> Tensor:
        torch.manual_seed(1)
        outputs: list[Tensor] = []
        loop(cell, inputs, torch.ones(len(inputs)) if weights is None else weights, outputs)
        return torch.stack(outputs).detach()

    return Planted(cell, train, intended)


def planted_batches(steps: int = 6, batches: int = 5) -> list[NDArray[np.int64]]:
    """Return the batches of a pipeline, with times in place of values.

    Three rows, which end and begin as their recordings do; recording `r` has times from
    ``1000 * r`` on.

    Parameters
    ----------
    steps : int
        Steps in a window.
    batches : int
        How many batches.

    Returns
    -------
    list of ndarray of int, shape (3, steps)
        The times.

    Raises
    ------
    TypeError, ValueError
        If a number is not an integer of at least 1.

    Examples
    --------
    >>> from truncated_time.planted import planted_batches
    >>> planted_batches(steps=2, batches=1)[0]
    array([[   0,    1],
           [1000, 1001],
           [2000, 2001]])
    """
    steps, batches = positive_int("steps", steps), positive_int("batches", batches)
    lanes = np.stack([1000 * row + np.arange(batches * steps) for row in range(ROWS)])
    for row, batch, recording in ((1, 2, 3), (2, 3, 4), (0, 3, 5)):
        begin = batch * steps
        lanes[row, begin:] = 1000 * recording + np.arange(max(batches * steps - begin, 0))
    return np.split(lanes, batches, axis=1)


_Loop = Callable[[nn.RNNCellBase, Tensor, Tensor, list[Tensor]], None]


def _in_chunks(begin: Callable[[int, Tensor], Tensor], k: int = CHUNK) -> _Loop:
    """Return a chunked loop; `begin` makes the state that a chunk begins with of the last one."""

    def loop(cell: nn.RNNCellBase, x: Tensor, weights: Tensor, outputs: list[Tensor]) -> None:
        state = x.new_zeros(ROWS, UNITS)
        for first in range(0, len(x), k):
            state = begin(first, state)
            loss = x.new_zeros(())
            for t in range(first, min(first + k, len(x))):
                state = cell(x[t], state)
                outputs.append(state)
                loss = loss + weights[t] * state.square().sum()
            loss.backward(retain_graph=True)

    return loop


def _detached(_: int, state: Tensor) -> Tensor:
    return state.detach()


def _zeros(_: int, state: Tensor) -> Tensor:
    return torch.zeros_like(state)


def _random(_: int, state: Tensor) -> Tensor:
    return torch.randn_like(state)


def _attached(_: int, state: Tensor) -> Tensor:
    return state


def _a_row_lost(first: int, state: Tensor) -> Tensor:
    """Lose the state of one row at one border."""
    state = state.detach().clone()
    if first == 2 * CHUNK:
        state[1] = 0
    return state


def _at_every_step(cell: nn.RNNCellBase, x: Tensor, weights: Tensor, outputs: list[Tensor]) -> None:
    state = x.new_zeros(ROWS, UNITS)
    for first in range(0, len(x), CHUNK):
        loss = x.new_zeros(())
        for t in range(first, first + CHUNK):
            state = cell(x[t], state.detach())
            outputs.append(state)
            loss = loss + weights[t] * state.square().sum()
        loss.backward()


def _only_h(cell: nn.RNNCellBase, x: Tensor, weights: Tensor, outputs: list[Tensor]) -> None:
    h, c = x.new_zeros(ROWS, UNITS), x.new_zeros(ROWS, UNITS)
    for first in range(0, len(x), CHUNK):
        loss = x.new_zeros(())
        for t in range(first, first + CHUNK):
            h, c = cell(x[t], (h, c))
            outputs.append(h)
            loss = loss + weights[t] * h.square().sum()
        loss.backward(retain_graph=True)
        h = h.detach()


def _counted_again(cell: nn.RNNCellBase, x: Tensor, weights: Tensor, outputs: list[Tensor]) -> None:
    """Sum the loss up over chunks, and go back over the sum after each."""
    state, loss = x.new_zeros(ROWS, UNITS), x.new_zeros(())
    for first in range(0, len(x), CHUNK):
        state = state.detach()
        for t in range(first, first + CHUNK):
            state = cell(x[t], state)
            outputs.append(state)
            loss = loss + weights[t] * state.square().sum()
        loss.backward(retain_graph=True)


def _last_loss(cell: nn.RNNCellBase, x: Tensor, weights: Tensor, outputs: list[Tensor]) -> None:
    state = x.new_zeros(ROWS, UNITS)
    for first in range(0, len(x), CHUNK):
        state = state.detach()
        for t in range(first, first + CHUNK):
            state = cell(x[t], state)
            outputs.append(state)
        (weights[t] * state.square().sum()).backward()


def _overlapping(every: int, back: int) -> _Loop:
    """Return a loop of one graph: a hook stops the errors of a pass `back` steps before its end."""

    def loop(cell: nn.RNNCellBase, x: Tensor, weights: Tensor, outputs: list[Tensor]) -> None:
        states = [x.new_zeros(ROWS, UNITS)]
        for t in range(len(x)):
            states.append(cell(x[t], states[-1]))
            outputs.append(states[-1])
            if (t + 1) % every:
                continue
            border = states[max(t + 1 - back, 0)]
            handle = border.register_hook(torch.zeros_like) if border.requires_grad else None
            owned = range(t + 1 - every, t + 1)
            losses = [weights[step] * states[step + 1].square().sum() for step in owned]
            torch.stack(losses).sum().backward(retain_graph=True)
            if handle:
                handle.remove()

    return loop


_LOOPS: dict[str, tuple[_Loop, int, Truncation]] = {
    "sound": (_in_chunks(_detached), _STEPS, _INTENDED),
    "zeros": (_in_chunks(_zeros), _STEPS, _INTENDED),
    "random": (_in_chunks(_random), _STEPS, _INTENDED),
    "each step": (_at_every_step, _STEPS, _INTENDED),
    "never": (_in_chunks(_attached), _STEPS, _INTENDED),
    "only h": (_only_h, _STEPS, _INTENDED),
    "summed": (_counted_again, _STEPS, _INTENDED),
    "last loss": (_last_loss, _STEPS, _INTENDED),
    "chunks": (_in_chunks(_detached), _STEPS, Truncation.true(CHUNK)),
    "north": (_overlapping(3, 6), 18, Truncation.true(6)),
    "east": (_in_chunks(_a_row_lost), 20, _INTENDED),
    "west": (_counted_again, 20, _INTENDED),
}
UNKNOWN = ("north", "east", "west")
LOOPS = tuple(name for name in _LOOPS if name not in UNKNOWN)
