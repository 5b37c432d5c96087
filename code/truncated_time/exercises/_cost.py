"""What truncation costs: a recipe held against the oracle, passes walked and counted."""

from __future__ import annotations

from typing import Any

import numpy as np

from tbptt.schedule import Truncation
from truncated_time.exercises._form import AnswerError, function, numbers, require


def _bug(answer: Any) -> None:
    """Run the recipe with the reader's line, and the oracle."""
    import torch
    from torch import nn

    from tbptt.reference import GRU, gradients
    from truncated_time.recipes import forum_recipe

    before_walk = function(answer, "before_walk(trail)")
    torch.manual_seed(5)
    cell = nn.GRUCell(2, 4).double()
    x, errors = torch.randn(6, 3, 2).double(), torch.randn(6, 3, 4).double()
    start, truncation = torch.zeros(3, 4).double(), Truncation.true(3)
    weights = {name: weight.detach().numpy() for name, weight in cell.named_parameters()}
    wanted = gradients(
        GRU(), weights, x.numpy(), (start.numpy(),), errors.numpy(), truncation
    ).weights

    def loss_at(t: int, output: torch.Tensor) -> torch.Tensor:
        return (errors[t] * output).sum()

    def distance(change: Any) -> float:
        cell.zero_grad()
        try:
            forum_recipe(cell, loss_at, x, start, truncation, before_walk=change)
        except RuntimeError as error:
            raise AnswerError(
                f"With your line the recipe cannot walk any more: {str(error)[:90]}"
            ) from None
        got = {n: w.grad.numpy() for n, w in cell.named_parameters() if w.grad is not None}
        return max(float(np.abs(got.get(n, 0) - wanted[n]).max()) for n in wanted)

    copied, cured = distance(None), distance(before_walk)
    require(
        abs(cured - copied) > 1e-9,
        "The gradient is as wrong as without it. What do the leaves of the trail still hold from "
        "the pass before?",
    )
    require(
        cured < 1e-12,
        f"The gradient changes, but is off by {cured:.1g}. Every leaf that an error is going to "
        "visit has to forget, and nothing else has to.",
    )


def _walked(k1: int, k2: int, steps: int) -> int:
    """Walk every pass of a stream back, and count the steps."""
    taken, end = 0, 0
    while end < steps:
        end = min(end + k1, steps)
        taken += end - max(0, end - k2)
    return taken


def _work(answer: Any) -> None:
    often, rarely, chain = numbers(answer, ("work for k1 = 1", "for k1 = 10", "longest chain"))
    require(
        (often, rarely) != (20 * 1000, 20 * 100),
        "The first passes are shorter than 20 steps: the stream begins there.",
    )
    require(often == _walked(1, 20, 1000), "k1 = 1: one pass for every step, of 20 at most.")
    require(rarely == _walked(10, 20, 1000), "k1 = 10: one pass for every tenth step.")
    require(chain != often, "The chain: all errors move back together, one lag at a time.")
    require(chain != 20, "The chain: from the first of 20 lags to the last, how many products?")
    require(chain == 19, "The chain: how many lags has the furthest error to go back?")


def _again(answer: Any) -> None:
    """Run windows over a stream, and count for each step how many of them hold it."""
    given = numbers(answer, ("times for k1 = 5", "for k1 = 20"))

    def times(k1: int, k2: int) -> int:
        return sum(max(0, end - k2) <= 500 < end for end in range(k1, 1001, k1))

    require(
        given[1] != times(20, 20) + 1,
        "k1 = k2: a window that was just run need not be run again for its pass.",
    )
    require(given[1] == times(20, 20), "k1 = k2: which steps does the next window share with this?")
    require(given[0] != 20, "k1 = 5: a window is run every 5 steps, not at each.")
    require(
        given[0] != times(5, 20) - 1, "k1 = 5: count the first run, too; it is one of the windows."
    )
    require(given[0] == times(5, 20), "k1 = 5: how many windows of 20 hold one step?")


CHECKS = {
    "bug": _bug,
    "work": _work,
    "again": _again,
}
