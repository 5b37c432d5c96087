"""Language models of one style, trained side by side: one update of all is a few large products.

A model of the ``text`` experiment is small: one update keeps a GPU busy for less time than it takes
to launch it. So the models of a style, for every learning rate and seed, lie along the first axis
of each tensor. They read the same text at the same pace, each with its own weights and dropout.

The gradients are written out: a plain cell, batched by lag as in :mod:`tbptt.pytorch.engine`,
and a softmax. Tests hold them against that engine. Every step of an update works on the device and
waits for nothing, so that it can be captured once and replayed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from tbptt.schedule import Truncation
from truncated_time.experiments.shared.stacked import Weights, carried_back, stack_weights
from truncated_time.experiments.text import KEEP, LanguageModel, Style


class Window(NamedTuple):
    """The steps of an update: `old` ones that are run again, then `steps` whose losses count.

    The first state is the one before step `source` of the window before.
    """

    source: int
    old: int
    steps: int


def windows(style: Style, steps: int, *, once: bool = False) -> Iterator[Window]:
    """Yield the windows of one pass over a text, as ``text.updates`` makes them.

    With `once` no step is run twice, not even where a shorter last chunk leaves room for old ones.
    """
    again = style.chunk == style.k1 and not once  # an update every k1 steps
    done = before = 0
    while done < steps:
        chunk = min(style.chunk, steps - done)
        old = min(done, style.k2 - chunk) if again else 0
        yield Window(before - old, old, chunk)
        done, before = done + chunk, old + chunk


class SideBySide:
    """Models that differ in learning rate and seed, trained on one text in one style.

    Parameters
    ----------
    models : sequence of LanguageModel
        As initialised, one for each seed.
    rates : sequence of float
        Learning rates; every seed is trained at each.
    seeds : sequence of int
        Of dropout: at all rates the same units are dropped, as in runs one by one.
    style : Style
        How the gradient is truncated.
    texts : tuple of Tensor, (steps + 1, batch)
        To train on and to validate on, on the device of the computation.
    dropped : bool
        Carry the state with the units dropped that the readout saw dropped, as the published loop
        does. Only for styles that run no step twice.
    """

    # Steps read out at once: few on a CPU, where logits must fit the cache.
    READ = {"cpu": 5, "cuda": 64}  # noqa: RUF012

    def __init__(
        self,
        models: Sequence[LanguageModel],
        rates: Sequence[float],
        seeds: Sequence[int],
        style: Style,
        texts: tuple[Tensor, Tensor],
        *,
        dropped: bool = False,
    ) -> None:
        self.training, self.validation = texts
        self.style, self._dropped, self._seeds = style, dropped, seeds
        if dropped and style.k1 == style.chunk < style.k2:
            raise ValueError(f"{style.style} runs steps twice: their state has no one dropout.")
        device = self.training.device
        self._initial = stack_weights(models, device)
        self.weights = Weights(*(part.repeat(len(rates), 1, 1) for part in self._initial))
        self._gradients = Weights(*(torch.zeros_like(part) for part in self.weights))
        self.adam = self._optimizer(rates)
        self.generators = [torch.Generator(device) for _ in seeds]
        n, batch = len(rates) * len(seeds), self.training.shape[1]
        self.hidden = self.weights.cell.shape[1]
        self.features = self.weights.embedding.shape[2]
        self._read = self.READ[device.type]
        longest = max(self._read, *(window.old + window.steps for window in self.plan()))
        new = self.weights.cell.new_zeros
        # What the recurrent map takes at each step, and, one step further, what it gave.
        self._taken = new(n, longest + 1, batch, self.weights.cell.shape[2])
        self._taken[..., -2:] = 1
        self._outputs = new(n, longest, batch, self.weights.readout.shape[2])
        self._outputs[..., self.hidden] = 1
        self.masks = new(len(seeds), longest, batch, self.features + self.hidden)
        self._position = torch.zeros(1, dtype=torch.long, device=device)
        self._offsets = torch.arange(-style.k2, longest + 1, device=device)
        self.total = torch.zeros(n, dtype=torch.float64, device=device)
        self.reset()

    def _optimizer(self, rates: Sequence[float]) -> torch.optim.Adam:
        """Make one group of weights for each learning rate."""
        groups = []
        for rate, *parts in zip(
            rates, *(part.chunk(len(rates)) for part in (*self.weights, *self._gradients)),
            strict=True,
        ):  # fmt: skip
            weights, gradients = parts[:3], parts[3:]
            for weight, gradient in zip(weights, gradients, strict=True):
                weight.grad = gradient
            groups.append({"params": weights, "lr": rate})
        on_gpu = self.training.device.type == "cuda"
        return torch.optim.Adam(groups, fused=on_gpu, capturable=on_gpu)

    def reset(self) -> None:
        """Begin again: first weights, nothing learned, the text at its start."""
        for part, first in zip(self.weights, self._initial, strict=True):
            part.copy_(first.repeat(len(part) // len(first), 1, 1))
        for kept in self.adam.state.values():
            for value in kept.values():
                value.zero_()
        for generator, seed in zip(self.generators, self._seeds, strict=True):
            generator.manual_seed(seed)
        self.rewind()

    def rewind(self) -> None:
        """Go back to the start of a text, the state zero."""
        self._position.zero_()
        self.states.zero_()
        self.total.zero_()

    @property
    def states(self) -> Tensor:
        """The state before each step, and after the last."""
        return self._taken[..., self.features : self.features + self.hidden]

    def _by_seed(self, values: Tensor) -> Tensor:
        """View models as (rates, seeds), to fit the masks."""
        return values.view(-1, len(self._seeds), *values.shape[1:])

    def plan(self) -> list[Window]:
        """List the updates of an epoch."""
        return list(windows(self.style, len(self.training) - 1, once=self._dropped))

    def update(self, window: Window) -> None:
        """Take one step of Adam, and go on to the next chunk of the training text."""
        steps = window.old + window.steps
        here = self._offsets[self.style.k2 - window.old :][: steps + 1] + self._position
        tokens = self.training[here]
        self._draw(steps)
        if window.source:
            self.states[:, 0] = self.states[:, window.source]
        embedded = self.weights.embedding[:, tokens[:-1]]
        of_inputs = self.masks[:, :steps, :, : self.features]
        torch.mul(
            self._by_seed(embedded), of_inputs,
            out=self._by_seed(self._taken[:, :steps, :, : self.features]),
        )  # fmt: skip
        self._run(steps)
        errors = self._read_out(window, tokens[window.old + 1 :])
        self._send_back(window, errors, tokens[:-1], of_inputs)
        self.adam.step()
        self._position += window.steps
        if self._dropped:
            last = self._by_seed(self.states[:, steps])
            last *= self.masks[:, steps - 1, :, self.features :]

    def _draw(self, steps: int) -> None:
        """Draw which inputs and outputs are kept."""
        for mask, generator in zip(self.masks, self.generators, strict=True):
            mask[:steps].bernoulli_(KEEP, generator=generator)
        self.masks[:, :steps] /= KEEP

    def _run(self, steps: int) -> None:
        """Run the cell; its inputs are there, its outputs become part of them."""
        taken, weights, states = self._taken, self.weights.cell.mT, self.states
        for step in range(steps):
            torch.tanh(torch.bmm(taken[:, step], weights), out=states[:, step + 1])

    def _read_out(self, window: Window, targets: Tensor) -> Tensor:
        """Work out the readout's gradient; return the errors of the states, old steps included."""
        steps = window.old + window.steps
        kept = self.masks[:, window.old : steps, :, self.features :]
        outputs = self._outputs[:, : window.steps]
        torch.mul(
            self._by_seed(self.states[:, window.old + 1 : steps + 1]), kept,
            out=self._by_seed(outputs[..., : self.hidden]),
        )  # fmt: skip
        readout, scale = self.weights.readout, 1 / targets.numel()
        errors = torch.zeros_like(self.states[:, :steps])
        for first in range(0, window.steps, self._read):
            rows = outputs[:, first : first + self._read].flatten(1, 2)
            wanted = targets[first : first + self._read].reshape(1, -1, 1).expand(len(rows), -1, 1)
            # The softmax less 1 at the target: what the summed cross-entropy sends back.
            share = torch.bmm(rows, readout.mT).softmax(2)
            share.scatter_add_(2, wanted, share.new_full((1, 1, 1), -1).expand_as(wanted))
            self._gradients.readout.baddbmm_(share.mT, rows, beta=int(first > 0), alpha=scale)
            back = torch.bmm(share, readout[..., : self.hidden])
            here = errors[:, window.old + first :][:, : self._read]
            here.copy_(back.view_as(here)).mul_(scale)
        self._by_seed(errors[:, window.old :]).mul_(kept)
        return errors

    def _send_back(self, window: Window, errors: Tensor, tokens: Tensor, of_inputs: Tensor) -> None:
        """Work out the gradients of the cell and of the embedding, truncated."""
        steps = len(tokens)
        slope = 1 - self.states[:, 1 : steps + 1].square()
        again = self.style.chunk == self.style.k1
        truncation = Truncation(window.steps, steps) if again else Truncation(*self.style[1:3])
        through = carried_back(
            errors, slope, self.weights.cell[..., self.features : -2], truncation,
            first=window.old,
        ).mul_(slope).flatten(1, 2)  # fmt: skip
        taken = self._taken[:, :steps].flatten(1, 2)
        torch.bmm(through.mT, taken, out=self._gradients.cell)
        into = torch.bmm(through, self.weights.cell[..., : self.features])
        masked = self._by_seed(into.view(len(into), *tokens.shape, -1)) * of_inputs
        gradient = self._gradients.embedding.zero_()
        gradient.index_add_(1, tokens.flatten(), masked.flatten(0, 1).flatten(1, 2))

    def score(self, steps: int) -> None:
        """Add up the losses of the next steps of the validation text, without dropout."""
        here = self._offsets[self.style.k2 :][: steps + 1] + self._position
        tokens = self.validation[here]
        self.states[:, 0] = self.states[:, self._read]
        self._taken[:, :steps, :, : self.features] = self.weights.embedding[:, tokens[:-1]]
        self._run(steps)
        outputs = self._outputs[:, :steps]
        outputs[..., : self.hidden] = self.states[:, 1 : steps + 1]
        logits = torch.bmm(outputs.flatten(1, 2), self.weights.readout.mT)
        targets = tokens[1:].flatten().expand(len(logits), -1)
        losses = functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        self.total += losses.view_as(targets).sum(1, dtype=torch.float64)
        self._position += steps

    def scores(self) -> Iterator[int]:
        """Yield the steps to score at once, over the whole validation text."""
        left = len(self.validation) - 1
        for first in range(0, left, self._read):
            yield min(self._read, left - first)

    def means(self) -> list[float]:
        """Return the mean loss of each model over what was scored, in nats a word."""
        words = self.validation[1:].numel()
        return [total / words for total in self.total.tolist()]
