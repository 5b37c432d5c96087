"""Models of one shape along the first axis of each tensor: their weights, and errors sent back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from tbptt.schedule import Truncation
from truncated_time.experiments.text import LanguageModel

ALIGNED = 8  # columns of a weight: products run fast where rows begin at multiples of 32 bytes


class Weights(NamedTuple):
    """Weights of all models, or their gradients.

    The recurrent map takes the input, the state and 1 twice, for PyTorch's cell has two biases,
    and with Adam each moves at the learning rate. The readout takes the output, 1, and zeros up to
    an aligned width; their weights stay at zero.
    """

    embedding: Tensor  # (models, words, features)
    cell: Tensor  # (models, hidden, features + hidden + 2)
    readout: Tensor  # (models, words, hidden + 1, aligned)


def stack_weights(models: Sequence[LanguageModel], device: torch.device) -> Weights:
    """Copy the weights of some models, one after the other, to a device."""
    parts = []
    for model in models:
        of = model.get_parameter
        biases = torch.stack([of("cell.bias_ih"), of("cell.bias_hh")], dim=1)
        cell = torch.cat([of("cell.weight_ih"), of("cell.weight_hh"), biases], dim=1)
        readout = torch.cat([of("readout.1.weight"), of("readout.1.bias")[:, None]], dim=1)
        readout = functional.pad(readout, (0, -readout.shape[1] % ALIGNED))
        parts.append((of("embed.0.weight"), cell, readout))
    return Weights(*(torch.stack(part).detach().to(device) for part in zip(*parts, strict=True)))


def carried_back(
    errors: Tensor, slope: Tensor, weights: Tensor, truncation: Truncation, *, first: int = 0
) -> Tensor:
    """Move the errors of all passes back together, one lag at a time, and add up where they land.

    Parameters
    ----------
    errors, slope : Tensor, shape (models, steps, batch, hidden)
        Of the states, and of the nonlinearity.
    weights : Tensor, shape (models, hidden, hidden)
        From state to state.
    truncation : Truncation
        Passes end at `k1`, `2 k1` and so on after `first`, and at the last step.
    first : int
        First step that has an error.

    Returns
    -------
    Tensor
        The sums, shaped like the errors.
    """
    sums, steps = torch.zeros_like(errors), errors.shape[1]
    whole = range(first + truncation.k1, steps + 1, truncation.k1)
    rest = (steps - first) % truncation.k1
    for stops, owned in ((whole, truncation.k1), (range(steps, steps + 1), rest)):
        if not stops or not owned:
            continue
        at = slice(stops[0] - 1, stops[-1], stops.step)
        moving = errors[:, at]
        sums[:, at] += moving
        for lag in range(1, min(truncation.k2, stops[-1])):
            through = moving * slope[:, at]
            moving = torch.bmm(through.flatten(1, 2), weights).view_as(through)
            # Passes that have arrived at the first step go no further.
            steps_now = [stop - 1 - lag for stop in stops if stop > lag]
            at = slice(steps_now[0], steps_now[-1] + 1, stops.step)
            moving = moving[:, -len(steps_now) :]
            if lag < owned:
                moving += errors[:, at]
            sums[:, at] += moving
    return sums
