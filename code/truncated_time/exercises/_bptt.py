"""Backpropagation through time: factors counted one by one, shares made from copies of weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from truncated_time.exercises._form import integers, numbers, pair, require


def _factors(answer: Any) -> None:
    """Write every path and every sweep out, and count."""
    tables, sweep, tables_long, sweep_long = numbers(
        answer, ("Jacobians in the tables", "in the sweep", "both again for 100 steps", "")
    )

    def written(steps: int) -> int:
        return sum(1 for t in range(steps) for s in range(t) for _ in range(s, t))

    def borders(steps: int) -> int:
        return sum(1 for _ in zip(range(steps), range(1, steps), strict=False))

    require(
        tables != sum(t - s + 1 for t in range(5) for s in range(t + 1)),
        "You counted one factor too many in every product: a loss meets its own step's state "
        "without any Jacobian.",
    )
    require(
        tables != 5 * 4 / 2,
        "That is the number of products. Most of them have more than one factor.",
    )
    require(tables == written(5), "The tables hold one product for every loss and earlier step: "
            "how many factors has each? Write the table of the third loss down.")  # fmt: skip
    require(sweep != 5, "The sweep multiplies at borders between steps, not at steps.")
    require(sweep == borders(5), "In one sweep errors join on the way: what has arrived at a step "
            "goes on as one vector. How many borders does it cross?")  # fmt: skip
    require(
        (tables_long, sweep_long) == (written(100), borders(100)),
        "Five steps are right. For 100 the tables grow with the cube of the length, the sweep with "
        "the length: let a loop count.",
    )


def _rate(answer: Any) -> None:
    """Step size: rate times the size of a gradient of equal shares."""
    summed, averaged = numbers(answer, ("the rate for a sum", "the rate for a mean"))
    share = np.ones(40)  # of each step's loss, all alike
    for_sum = 0.01 * share.sum() / share[:20].sum()
    for_mean = 0.01 * share.mean() / share[:20].mean()
    require(
        summed >= for_sum / 1.25,
        "With a sum, half as many losses add up to a smaller gradient. Does your rate make up for "
        "that, or make the step smaller still?",
    )
    require(summed <= for_sum * 1.25, "With a sum, your rate makes up for more than was lost.")
    require(
        abs(averaged / for_mean - 1) < 0.25,
        "A mean does not grow with the number of steps: what would you make up for?",
    )


def _which_steps(answer: Any) -> None:
    """Move a copy of the weights at one step, and see whether the loss moves."""
    chosen = [set(integers(sorted(steps) if isinstance(steps, set) else steps, "steps"))
              for steps in pair(answer, "the steps of W", "the steps of U")]  # fmt: skip
    inputs, loss_at = (0.0, 0.0, 1.0, 0.0, 1.0), 4
    rng = np.random.default_rng(2)
    input_weights, across, bias = rng.normal(size=4), rng.normal(size=(4, 4)), rng.normal(size=4)

    def loss(moved: str, step: int) -> float:
        state = np.zeros(4)
        for t, x_t in enumerate(inputs[:loss_at], start=1):
            move = 1e-3 * (t == step)
            state = np.tanh(
                (input_weights + move * (moved == "W")) * x_t
                + (across + move * (moved == "U")) @ state
                + bias
            )
        return float(state.sum())

    def told(name: str) -> set[int]:
        return {step for step in range(1, 6) if loss(name, step) != loss(name, 0)}

    for_w, for_u = told("W"), told("U")
    require(
        all(5 not in steps for steps in chosen),
        "Step 5 comes after the loss. An error walks back, and never forward.",
    )
    require(
        all(0 not in steps for steps in chosen), "Steps are counted from 1, as in this chapter."
    )
    require(
        chosen[0] != {1, 2, 3, 4},
        "W: an error arrives at each of these. What was W multiplied with there?",
    )
    require(chosen[0] == for_w, "W: at which steps up to the loss is the input not zero?")
    require(
        chosen[1] != {1, 2, 3, 4},
        "U: an error arrives at each of these. With which state was U multiplied at step 1?",
    )
    require(chosen[1] == for_u, "U: before which steps up to the loss is the state not zero?")


def _shapes(answer: Any) -> None:
    """Run one, and look."""
    import torch
    from torch import nn

    shapes = [tuple(integers(shape, "a shape"))
              for shape in pair(answer, "the shape of output", "the shape of h_n")]  # fmt: skip
    gru = nn.GRU(3, 8, num_layers=2, batch_first=True)
    output, h_n = (tuple(result.shape) for result in gru(torch.zeros(6, 5, 3)))
    require(shapes[0] != (5, 6, 8), "With batch_first=True the rows of the output come first.")
    require(
        shapes[0] != (6, 5, 16),
        "The output is that of the top layer alone; two directions would lie side by side.",
    )
    require(shapes[0] == output, "output has all steps of each row, and the units of a layer.")
    require(
        shapes[1] != (6, 2, 8),
        "batch_first=True does not concern the state: what stands in front of its rows?",
    )
    require(
        shapes[1] != (1, 6, 8), "h_n has the last state of every layer, and there are two layers."
    )
    require(shapes[1] == h_n, "h_n has the last state of every layer and row.")


CHECKS = {
    "factors": _factors,
    "rate": _rate,
    "which-steps": _which_steps,
    "shapes": _shapes,
}
