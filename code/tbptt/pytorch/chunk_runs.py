"""A sequence run in chunks without a graph, and the way back through it, one chunk at a time."""

from __future__ import annotations

from typing import Any, Generic

import torch
from torch import Tensor, nn

from tbptt.pytorch.adjoints import uncached_autocast
from tbptt.pytorch.alike import are_alike
from tbptt.pytorch.checks import CUT_OFF, check_run
from tbptt.pytorch.parallel import ParallelCell
from tbptt.pytorch.row_flags import RowFlags
from tbptt.pytorch.sequences import Sequence
from tbptt.pytorch.slots import Slots
from tbptt.pytorch.states import Parts, S, flatten, pack
from tbptt.pytorch.steps import run_in_graph
from tbptt.pytorch.unseen import unseen


class Steps(nn.Module, Generic[S]):
    """A cell over the steps of a chunk, as one module: it can be called with other weights."""

    def __init__(self, cell: nn.Module, like: S, parallel: bool) -> None:
        super().__init__()
        self.cell, self._like, self.parallel = cell, like, parallel

    def forward(self, inputs: Tensor, first: Parts, flags: RowFlags) -> tuple[Tensor, Parts]:
        """Return all outputs and the last state."""
        if self.parallel and isinstance(self.cell, ParallelCell):
            outputs, last = self.cell.at_once(
                inputs, pack(first, self._like), resets=flags.resets, mask=flags.mask
            )
            return outputs, flatten(last)
        return self.by_steps(inputs, first, flags)

    def by_steps(self, inputs: Tensor, first: Parts, flags: RowFlags) -> tuple[Tensor, Parts]:
        """Return the same from a loop over steps."""
        _, after = run_in_graph(self.cell, inputs, first, flags, like=self._like)
        return torch.stack([now[0] for now in after]), after[-1]


class Run:
    """A forward run that keeps outputs and the states at borders, and the way back through it."""

    @unseen()
    def __init__(self, steps: Steps[Any], sequence: Sequence, chunk: int) -> None:
        self._steps, (self._inputs, first, self._flags) = steps, sequence
        self._inputs = self._inputs.detach()
        self.slots = Slots(steps)
        self._autocast = uncached_autocast(self._inputs.device.type)
        self._chunks = [
            slice(at, min(at + chunk, len(self._inputs)))
            for at in range(0, len(self._inputs), chunk)
        ]
        # Copies: hooks of the weights are to see the whole gradient, once.
        self._copies = {
            name: weight.detach().requires_grad_() for name, weight in self.slots.weights.items()
        }
        with self._autocast:
            self._try(first)
            self.borders = [first]
            self.outputs = first[0].new_empty(len(self._inputs), *first[0].shape)
            with torch.no_grad():
                for at in self._chunks:
                    made, last = steps(self._inputs[at], self.borders[-1], self._flags.at(at))
                    self.borders.append(tuple(part.clone() for part in last))
                    self.outputs[at] = made
        check_run((self.outputs, *(part for border in self.borders for part in border)))

    def _try(self, first: Parts) -> None:
        """Check on the first step what would else give a wrong gradient, and say nothing."""
        x, flags = self._inputs[:1], self._flags.at(slice(1))
        leaves = tuple(part.clone().requires_grad_() for part in first)
        with torch.enable_grad():
            outputs, last = self.slots.call(self._copies, x, leaves, flags)
        if not any(part.requires_grad for part in (outputs, *last)):
            raise ValueError(CUT_OFF)
        check_run((outputs, *last))
        others = self.slots.strangers(torch.cat(last, dim=1), [*leaves, *self._copies.values()])
        if others:
            raise ValueError(
                f"The cell uses {', '.join(others)}, to which no gradient would come: make it a "
                "parameter of the cell's, or use backward."
            )
        if self._steps.parallel:
            with torch.no_grad():
                one, _ = self._steps.by_steps(x, first, flags)
            if not are_alike((one,), (outputs.detach(),)):
                raise ValueError(
                    "The cell's at_once gives another first step than the cell itself, as where "
                    "the cell is hooked or patched. Pass at_once=False to run it step by step."
                )

    @unseen()
    def back(self, errors: Tensor, wants_inputs: bool) -> tuple[Tensor | None, ...]:
        """Turn the errors of all outputs into gradients of the inputs and of each weight."""
        errors = self._flags.own(errors)
        beyond = tuple(torch.zeros_like(part) for part in self.borders[-1])
        of_inputs = torch.zeros_like(self._inputs) if wants_inputs else None
        of_weights = [torch.zeros_like(weight) for weight in self._copies.values()]
        for number in reversed(range(len(self._chunks))):
            at = self._chunks[number]
            x = self._inputs[at].clone().requires_grad_(wants_inputs)
            leaves = tuple(part.clone().requires_grad_() for part in self.borders[number])
            with self._autocast, torch.enable_grad():
                outputs, last = self.slots.call(self._copies, x, leaves, self._flags.at(at))
            self._check_again(outputs, last, number)
            reached = [
                (part, error)
                for part, error in zip((outputs, *last), (errors[at], *beyond), strict=True)
                if part.requires_grad
            ]
            asked = [*leaves, *self._copies.values(), *([x] if wants_inputs else [])]
            shares = torch.autograd.grad(
                [part for part, _ in reached], asked, [error for _, error in reached],
                materialize_grads=True,
            )  # fmt: skip
            beyond = shares[: len(leaves)]
            for total, share in zip(of_weights, shares[len(leaves) :], strict=False):
                total += share
            if of_inputs is not None:
                of_inputs[at] = shares[-1]
        return of_inputs, *of_weights

    def _check_again(self, outputs: Tensor, last: Parts, number: int) -> None:
        """Check that the cell repeats itself."""
        again = (outputs.detach(), *(part.detach() for part in last))
        if not are_alike(again, (self.outputs[self._chunks[number]], *self.borders[number + 1])):
            raise ValueError(
                "The cell gave another answer when a chunk was run again. Take dropout out of it: "
                "before the inputs or in loss_fn it does no harm."
            )
