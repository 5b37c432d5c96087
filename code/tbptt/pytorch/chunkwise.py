r"""The full gradient in the room of one chunk: the error crosses the borders, the graph does not.

Go forward without a graph and keep the states at the borders of chunks. Then take the chunks from
the last to the first: run each again from its border, with a graph, and send back the errors of its
outputs together with the error of its last state. What arrives at its first state is the error of
the last state of the chunk before. Every step is run twice, nothing is cut, and no more than one
chunk's graph is there at a time.

Source: T. Chen et al., "Training deep nets with sublinear memory cost", 2016, arXiv:1604.06174, and
for recurrent networks A. Gruslys et al., "Memory-efficient backpropagation through time", NeurIPS
2016, arXiv:1606.03401.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from tbptt._checks import choice, positive_int
from tbptt.pytorch.adjoints import uncached_autocast
from tbptt.pytorch.alike import are_alike
from tbptt.pytorch.all_or_nothing import all_or_nothing
from tbptt.pytorch.checks import CUT_OFF, check_call, check_gradients_on, check_run
from tbptt.pytorch.parallel import ParallelCell
from tbptt.pytorch.row_flags import RowFlags
from tbptt.pytorch.sequences import Sequence, prepared, send_back
from tbptt.pytorch.slots import Slots
from tbptt.pytorch.states import Parts, PassResult, S, flatten, pack
from tbptt.pytorch.steps import run_in_graph
from tbptt.pytorch.unseen import unseen

__all__ = ["chunkwise"]


def chunkwise(
    cell: nn.Module,
    loss_fn: Callable[[Tensor], Tensor],
    inputs: Tensor,
    state: S,
    chunk: int,
    *,
    resets: Tensor | None = None,
    mask: Tensor | None = None,
    at_once: bool | None = None,
) -> PassResult[S]:
    """Accumulate the full gradient, with the graph of one chunk at a time.

    It is what ``backward`` gives with a reach over all steps, for twice the forward work [1]_.
    Between calls, states are carried and cut as ever: one call is one pass.

    Parameters
    ----------
    cell : nn.Module
        ``cell(x, state) -> state`` for one step, as for :func:`tbptt.pytorch.backward`. It gives
        the same answer twice; rows of the batch may mix.
    loss_fn : callable
        As for :func:`tbptt.pytorch.backward`: called once, with all outputs. These are kept whole;
        `chunked_loss` does not hold all that is read out of them.
    inputs : Tensor, shape (steps, batch, features)
        Time-major. Gradients flow into them where they require any.
    state : Tensor (batch, hidden), or tuple or list of them
        The state before the first step, a constant.
    chunk : int
        Steps whose graph is there at a time. As many states are kept as there are chunks: the
        square root of the steps is a good choice.
    resets, mask : Tensor of bool, shape (steps, batch), optional
        As for :func:`tbptt.pytorch.backward`.
    at_once : bool, optional
        Whether the steps of a chunk are taken at once, which a
        :class:`tbptt.pytorch.parallel.ParallelCell` can do; by default wherever it can.

    Returns
    -------
    PassResult
        ``loss, outputs, state``, as from :func:`tbptt.pytorch.backward`.

    Raises
    ------
    TypeError, ValueError
        If arguments are of the wrong kind or shape, a value is NaN or infinite, the cell uses
        weights that are not its own or does not repeat itself, the loss does not depend on the
        outputs, or `at_once` is True and the cell cannot. No gradient has been accumulated then.
    RuntimeError
        If gradients are switched off.

    References
    ----------
    .. [1] A. Gruslys et al., "Memory-efficient backpropagation through time", NeurIPS 2016,
       arXiv:1606.03401.

    Examples
    --------
    >>> import torch
    >>> from tbptt import Truncation
    >>> from tbptt.pytorch import backward
    >>> from tbptt.pytorch.chunkwise import chunkwise
    >>> cell, x, zero = torch.nn.GRUCell(1, 8), torch.ones(100, 4, 1), torch.zeros(4, 8)
    >>> loss, outputs, state = chunkwise(cell, torch.sum, x, zero, chunk=10)
    >>> exact, cell.weight_hh.grad = cell.weight_hh.grad, None
    >>> loss, outputs, state = backward(cell, torch.sum, x, zero, Truncation(100, 100))
    >>> torch.allclose(exact, cell.weight_hh.grad, rtol=1e-3)
    True
    """
    check_gradients_on()
    check_call(cell, loss_fn)
    chunk = positive_int("chunk", chunk)
    at_once = choice("at_once", at_once)
    if not isinstance(cell, nn.Module):
        raise TypeError(f"cell must be an nn.Module, got {type(cell).__name__}.")
    if at_once and not isinstance(cell, ParallelCell):
        raise ValueError(
            f"at_once=True, but a {type(cell).__name__} is no ParallelCell: it takes one step at a "
            "time. With at_once=None it is run step by step."
        )
    sequence = prepared(inputs, state, resets, mask)
    parallel = isinstance(cell, ParallelCell) and at_once is not False
    with all_or_nothing(inputs.device, cell) as keep:
        run = _Run(_Steps(cell, state, parallel), sequence, chunk)
        outputs = _outputs(run, sequence.inputs, *run.slots.weights.values())
        loss = send_back(loss_fn, outputs, keep, inputs=inputs)
    return PassResult(loss, run.outputs, pack(run.borders[-1], state))


class _Steps(nn.Module, Generic[S]):
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


class _Run:
    """A forward run that keeps outputs and the states at borders, and the way back through it."""

    @unseen()
    def __init__(self, steps: _Steps[Any], sequence: Sequence, chunk: int) -> None:
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
        behind = tuple(torch.zeros_like(part) for part in self.borders[-1])
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
                for part, error in zip((outputs, *last), (errors[at], *behind), strict=True)
                if part.requires_grad
            ]
            asked = [*leaves, *self._copies.values(), *([x] if wants_inputs else [])]
            shares = torch.autograd.grad(
                [part for part, _ in reached], asked, [error for _, error in reached],
                materialize_grads=True,
            )  # fmt: skip
            behind = shares[: len(leaves)]
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


class _Outputs(torch.autograd.Function):
    """A run's outputs, as autograd sees them: their errors go back chunk by chunk.

    So hooks of weights, and weights that the loss uses as well, are autograd's affair.
    """

    @staticmethod
    def forward(ctx: Any, run: _Run, inputs: Tensor, *weights: Tensor) -> Tensor:
        ctx.run = run
        # A copy: a loss that works in place must not write over the outputs.
        return run.outputs.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *errors: Tensor) -> tuple[Tensor | None, ...]:
        return None, *ctx.run.back(errors[0], ctx.needs_input_grad[1])


_outputs: Callable[..., Tensor] = _Outputs.apply
