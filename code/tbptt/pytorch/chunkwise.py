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
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from tbptt._checks import choice, positive_int
from tbptt.pytorch.all_or_nothing import all_or_nothing
from tbptt.pytorch.checks import check_call, check_gradients_on
from tbptt.pytorch.chunk_runs import Run, Steps
from tbptt.pytorch.parallel import ParallelCell
from tbptt.pytorch.sequences import prepared, send_back
from tbptt.pytorch.states import PassResult, S, pack

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
        run = Run(Steps(cell, state, parallel), sequence, chunk)
        outputs = _outputs(run, sequence.inputs, *run.slots.weights.values())
        loss = send_back(loss_fn, outputs, keep, inputs=inputs)
    return PassResult(loss, run.outputs, pack(run.borders[-1], state))


class _Outputs(torch.autograd.Function):
    """A run's outputs, as autograd sees them: their errors go back chunk by chunk.

    So hooks of weights, and weights that the loss uses as well, are autograd's affair.
    """

    @staticmethod
    def forward(ctx: Any, run: Run, inputs: Tensor, *weights: Tensor) -> Tensor:
        ctx.run = run
        # A copy: a loss that works in place must not write over the outputs.
        return run.outputs.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *errors: Tensor) -> tuple[Tensor | None, ...]:
        return None, *ctx.run.back(errors[0], ctx.needs_input_grad[1])


_outputs: Callable[..., Tensor] = _Outputs.apply
