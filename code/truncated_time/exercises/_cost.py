"""What truncation costs: a recipe held against the oracle."""

from __future__ import annotations

from typing import Any

import numpy as np

from tbptt.schedule import Truncation
from truncated_time.exercises._form import AnswerError, function, require


def _bug(answer: Any) -> None:
    """Run the recipe with the reader's line, and the oracle beside it."""
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


CHECKS = {
    "bug": _bug,
}
