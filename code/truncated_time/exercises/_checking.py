"""Loops that are watched: their gradients made by other means, and their inputs disturbed."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from tbptt.schedule import Truncation
from truncated_time.exercises._form import function, integers, numbers, pair, require

if TYPE_CHECKING:
    from torch import Tensor, nn

    from truncated_time.planted import Planted


def _gradient(cell: nn.RNNCellBase) -> Tensor:
    """Return what was left in ``.grad``, and clear it."""
    import torch

    parts = [weight.grad for weight in cell.parameters() if weight.grad is not None]
    gradient = torch.cat([part.flatten() for part in parts]) if parts else torch.zeros(0)
    cell.zero_grad()
    return gradient


def _by_engine(
    cell: nn.RNNCellBase, inputs: Tensor, truncation: Truncation, weights: Tensor | None = None
) -> Tensor:
    """Return the gradient that a truncation has, of the losses that planted loops have."""
    import torch

    from tbptt.pytorch import backward

    by_step = torch.ones(len(inputs)) if weights is None else weights

    def loss(outputs: Tensor) -> Tensor:
        return (by_step[:, None, None] * outputs.square()).sum()

    cell.zero_grad()
    state = torch.zeros(inputs.shape[1], cell.hidden_size)
    backward(cell, loss, inputs, state, truncation)
    return _gradient(cell)


def _agree(gradient: Tensor, other: Tensor) -> bool:
    if gradient.shape != other.shape:
        return False
    return bool((gradient - other).norm() < 1e-4 * other.norm())


def _what_it_is(answer: Any) -> None:
    """Hold the loop's gradient against the engine's, for the answer and for its neighbours."""
    import torch

    from truncated_time.planted import planted

    require(isinstance(answer, Truncation), "Give a Truncation(k1, k2).")
    loop = planted("north")
    inputs = torch.randn(18, 3, 1, generator=torch.Generator().manual_seed(5))
    loop.train(inputs)
    gradient = _gradient(loop.model)
    if _agree(gradient, _by_engine(loop.model, inputs, answer)):
        return
    require(
        answer != loop.intended,
        "That is what its author says. Look at the column of numbers on the right of the picture: "
        "would every error after the first ones reach the same number of steps?",
    )
    right_reach = any(
        _agree(gradient, _by_engine(loop.model, inputs, Truncation(k1, answer.k2)))
        for k1 in range(1, answer.k2 + 1)
    )
    require(
        not right_reach,
        "The reach is right. The interval is the number of steps between two backward passes: how "
        "many passes are there, for how many steps?",
    )
    require(False, "Its gradient is another one. How far does the error go that goes furthest?")


def _remembers(loop: Planted, step: int, row: int) -> bool:
    """Tell whether an output still depends on the inputs before its step."""
    import torch

    inputs = torch.randn(20, 3, 1, generator=torch.Generator().manual_seed(6))
    other = inputs.clone()
    other[:step] += 1
    first, second = loop.train(inputs)[step, row], loop.train(other)[step, row]
    return not torch.equal(first, second)


def _lost_row(answer: Any) -> None:
    """Disturb the inputs before the step, and see whether the row's output moves."""
    from truncated_time.planted import planted

    step, row = integers(pair(answer, "the step", "the row"), "a step and a row")
    loop = planted("east")
    require(0 < step < 20, "The step lies between 1 and 19, where 0 is the first one.")
    require(0 <= row < 3, "There are three rows, 0 to 2. First the step, then the row.")
    if not _remembers(loop, step, row):
        return
    require(
        _remembers(loop, step - 1, row),
        "Steps are counted from 0, as seen.borders counts them.",
    )
    at_step = [other for other in range(3) if not _remembers(loop, step, other)]
    require(not at_step, "The step is right. Which row?")
    require(
        False, "There, this row still knows what came before. Print border.rows of each border."
    )


def _begin_again(answer: Any) -> None:
    """Compare the ends of the batches, row by row."""
    from truncated_time.planted import planted_batches

    places = integers(answer, "a list of pairs (batch, row)")
    require(
        len(places) % 2 == 0 and len(places) > 0, "Give pairs, (batch, row), in a list of them."
    )
    chosen = {(places[i], places[i + 1]) for i in range(0, len(places), 2)}
    batches = planted_batches()
    right = {
        (number, row)
        for number, (now, then) in enumerate(pairwise(batches), start=1)
        for row in range(3)
        if then[row, 0] != now[row, -1] + 1
    }
    chosen -= {(0, row) for row in range(3)}  # the first batch begins again in any case
    require(
        chosen != {(batch - 1, row) for batch, row in right},
        "These are the batches after which a recording ends. Name those that begin one.",
    )
    require(
        chosen != {(row, batch) for batch, row in right},
        "First the batch, then the row.",
    )
    require(
        not chosen - right,
        "At one of these the row goes on where it was: a reset would throw away what it knows.",
    )
    require(
        chosen == right,
        "These are right, and not all: somewhere else a row goes on with another recording, and "
        "with the state of the one before.",
    )


def _how_often(answer: Any) -> None:
    """Let a single loss count, and hold its gradient against what one pass gives."""
    import torch

    from truncated_time.planted import CHUNK, planted

    first, last = numbers(answer, ("how often the first loss counts", "how often the last does"))
    loop = planted("west")
    inputs = torch.randn(20, 3, 1, generator=torch.Generator().manual_seed(7))
    right = []
    for step in (0, 19):
        weights = torch.eye(20)[step]
        loop.train(inputs, weights)
        gradient = _gradient(loop.model)
        once = _by_engine(loop.model, inputs, Truncation.epochwise(CHUNK), weights)
        right.append(float(gradient @ once / (once @ once)))
    require(
        (first, last) != (1.0, 1.0), "So often it stands in the sum. How often is it sent back?"
    )
    require(
        not np.allclose((last, first), right, atol=1e-3),
        "The other way round: which loss is already in the sum when the first pass runs?",
    )
    require(
        np.allclose((first, last), right, atol=1e-3),
        "Look at the diagonal of seen.counts(): its first and its last number.",
    )


def _fix_it(answer: Any) -> None:
    """Watch the reader's loop, and hold its gradient and its last state against the engine's."""
    import torch
    from torch import nn

    from tbptt.pytorch import watch

    run = function(answer, "train(cell, chunks)")
    torch.manual_seed(8)
    cell, inputs = nn.GRUCell(1, 4), torch.randn(24, 3, 1)
    with watch(cell) as seen:
        left = run(cell, inputs.split(4))
    require(
        isinstance(left, torch.Tensor) and left.shape == (3, 4),
        "Return the last state, a Tensor (rows, units): the next sequence may go on with it.",
    )
    require(seen.steps == 24, f"It has to run every step once; watch saw {seen.steps} of 24.")
    gradient = _gradient(cell)
    require(gradient.numel(), "No error came back: loss.backward() has to stay.")
    require(not seen.findings, f"watch says: {' '.join(seen.findings[:1])}")
    state = torch.zeros(3, 4)
    with torch.no_grad():
        for x in inputs:
            state = cell(x, state)
    require(
        torch.allclose(left, state, atol=1e-5),
        "The value of the state does not get through: detach cuts the errors and keeps the value.",
    )
    require(
        not left.requires_grad, "The state that you return still has its graph: detach that, too."
    )
    meant = _by_engine(cell, inputs, Truncation.epochwise(4))
    require(
        _agree(gradient, meant),
        f"What it does is {seen.truncation}, with counts up to {seen.counts().max()}; chunks of 4 "
        "that are counted once were asked for.",
    )


CHECKS = {
    "what-it-is": _what_it_is,
    "lost-row": _lost_row,
    "begin-again": _begin_again,
    "how-often": _how_often,
    "fix-it": _fix_it,
}
