"""Networks of one kind side by side, each with its own learning rate, in a few large products.

The engines of the package run any cell and one network. A sweep over rates of one small kind of
network takes a twentieth of the time if all of them go through each product together; tests compare
gradients with those of the engines.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from truncated_time.experiments.shared.adam import Adam
from truncated_time.experiments.shared.echo import BATCH, CLIP, HIDDEN, WORDS


class Step(NamedTuple):
    """One step of all networks.

    Attributes
    ----------
    sent : Tensor, shape (networks, batch, weights of a unit)
        What the weights of a unit are multiplied by: inputs, states, and 1 for each bias.
    slope : Tensor, shape (networks, batch, hidden)
        Of the states after the step by what units are sent.
    recurrent : Tensor, shape (networks, hidden, hidden)
        The recurrent weights of this step.
    after : Tensor, shape (networks, batch, hidden)
        The states after the step.
    """

    sent: Tensor
    slope: Tensor
    recurrent: Tensor
    after: Tensor


class Fleet:
    """Leaky networks with a readout, all of the same initial weights, one for each learning rate.

    Parameters
    ----------
    rates : sequence of float
        Learning rates of Adam.
    seed : int
        Decides the initial weights.
    keep : float
        The share of a state that a unit keeps; 0 is a plain RNN.
    feedback : bool
        Whether errors come back through random weights and not the readout's.

    Attributes
    ----------
    units : Tensor, shape (networks, hidden, weights of a unit)
        ``weight_ih``, ``weight_hh``, ``bias_ih`` and ``bias_hh`` side by side.
    readouts : Tensor, shape (networks, words, hidden + 1)
        Weights and bias side by side.
    state : Tensor, shape (networks, batch, hidden)
        Carried on.
    recurrent : Tensor, shape (networks, hidden, hidden)
        A copy of the recurrent weights, which no update changes.
    """

    def __init__(
        self, rates: Sequence[float], seed: int, *, keep: float = 0.0, feedback: bool = False
    ) -> None:
        torch.manual_seed(seed)
        cell, readout, back = (
            nn.RNNCell(WORDS, HIDDEN), nn.Linear(HIDDEN, WORDS), nn.Linear(HIDDEN, WORDS)
        )  # fmt: skip
        biases = cell.bias_ih[:, None], cell.bias_hh[:, None]
        units = torch.cat([cell.weight_ih, cell.weight_hh, *biases], dim=1).detach()
        readouts = torch.cat([readout.weight, readout.bias[:, None]], dim=1).detach()
        self.keep, count = keep, len(rates)
        self.units, self.readouts = units.repeat(count, 1, 1), readouts.repeat(count, 1, 1)
        self._back = back.weight.detach().repeat(count, 1, 1) if feedback else None
        self.state = torch.zeros(count, BATCH, HIDDEN)
        self.recurrent = self._recurrent()
        self._adam = Adam(rates, (self.units, self.readouts))

    def _recurrent(self) -> Tensor:
        return self.units[:, :, WORDS : WORDS + HIDDEN].clone()

    def step(self, words: Tensor, state: Tensor, units: Tensor | None = None) -> Step:
        """Run one step.

        Parameters
        ----------
        words : Tensor of int64, shape (batch,)
            What all networks read.
        state : Tensor, shape (networks, batch, hidden)
            Before the step.
        units : Tensor, shape (networks, batch, hidden, weights of a unit), optional
            Other weights than the networks', for each row.
        """
        count, rows, _ = state.shape
        x = nn.functional.one_hot(words, WORDS).to(state).expand(count, rows, WORDS)
        sent = torch.cat([x, state, state.new_ones(count, rows, 2)], dim=2)
        heard = sent @ self.units.mT if units is None else (units @ sent[..., None]).squeeze(-1)
        new = torch.tanh(heard)
        slope = (1 - self.keep) * (1 - new**2)
        return Step(sent, slope, self.recurrent, self.keep * state + (1 - self.keep) * new)

    def by_state(self, slope: Tensor) -> Tensor:
        """Return the derivative of a step by the state before, ``(networks, batch, n, n)``."""
        own = self.keep * torch.eye(slope.shape[2], dtype=slope.dtype)
        return own + slope[..., None] * self.recurrent[:, None]

    def losses(self, state: Tensor, words: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Predict words ``(batch,)`` from states.

        Returns
        -------
        losses : Tensor, shape (networks, batch)
            In nats.
        errors : Tensor, shape (networks, batch, hidden)
            What they send to the states.
        readouts : Tensor, shape (networks, words, hidden + 1)
            Their gradient by the readouts, summed over rows.
        """
        read = torch.cat([state, torch.ones_like(state[..., :1])], dim=2)
        scores = (read @ self.readouts.mT).log_softmax(dim=2)
        target = nn.functional.one_hot(words, WORDS).to(scores)
        off = scores.exp() - target
        back = self.readouts[:, :, :-1] if self._back is None else self._back
        return -(scores * target).sum(dim=2), off @ back, off.mT @ read

    def advance(self, words: Tensor, following: Tensor) -> tuple[Step, Tensor, Tensor, Tensor]:
        """Read words, predict those that follow, and carry the state on.

        Returns
        -------
        step : Step
            What was done.
        loss : Tensor, shape (networks,)
            The mean over rows.
        errors, readouts : Tensor
            As from `losses`.
        """
        step = self.step(words, self.state)
        losses, errors, readouts = self.losses(step.after, following)
        self.state = step.after
        return step, losses.mean(dim=1), errors, readouts

    def update(self, units: Tensor, readouts: Tensor) -> None:
        """Clip the gradient of each network, and take a step of Adam."""
        self._adam.step((units, readouts), clip=CLIP)
        self.recurrent = self._recurrent()


def backpropagated(
    steps: Sequence[Step],
    errors: Sequence[Tensor],
    *,
    keep: float,
    beyond: Tensor | None = None,
    louder: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Go back through steps, each with the weights that it had.

    Parameters
    ----------
    steps, errors : sequence of Step and of Tensor
        In order, the errors of the last steps; the first ones may have none.
    keep : float
        The share of a state that a unit keeps.
    beyond : Tensor, shape (networks, batch, hidden), optional
        What comes back from beyond the last step.
    louder : float
        What errors are multiplied by at each step that they go back.

    Returns
    -------
    units : Tensor, shape (networks, hidden, weights of a unit)
        The gradient, summed over rows.
    before : Tensor, shape (networks, batch, hidden)
        What arrives at the state before the first step.
    """
    back = torch.zeros_like(errors[-1]) if beyond is None else beyond
    total = back.new_zeros(len(back), back.shape[2], steps[-1].sent.shape[2])
    for place, step in enumerate(reversed(steps), start=1):
        if place <= len(errors):
            back = back + errors[-place]
        pushed = back * step.slope
        total += pushed.mT @ step.sent
        back = louder * (keep * back + pushed @ step.recurrent)
    return total, back
