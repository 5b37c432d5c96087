"""What every engine asks of a sequence, and what it does with the loss of one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from torch import Tensor

from tbptt._calling import called
from tbptt.pytorch.checks import NO_ERROR, check_finite, check_flags, check_shapes, scalar_loss
from tbptt.pytorch.graphs import graph_of
from tbptt.pytorch.row_flags import RowFlags
from tbptt.pytorch.states import Parts, State, parts_of


class Sequence(NamedTuple):
    """A sequence, checked.

    Attributes
    ----------
    inputs : Tensor, shape (steps, batch, features)
        Filled where a row has no step.
    first : tuple of Tensor, each (batch, hidden)
        The state before the first step, a copy without a graph.
    flags : RowFlags
        Resets and mask.
    """

    inputs: Tensor
    first: Parts
    flags: RowFlags


def prepared(inputs: Tensor, state: State, resets: Tensor | None, mask: Tensor | None) -> Sequence:
    """Check a sequence.

    Raises
    ------
    TypeError, ValueError
        If a kind, dtype, device or shape does not fit, or NaN or infinity is among the values.
    """
    first = tuple(part.detach().clone() for part in parts_of(state))
    check_shapes(inputs, first)
    check_flags("resets", resets, inputs)
    check_flags("mask", mask, inputs)
    inputs = filled(inputs, mask)
    check_finite("inputs", inputs)
    check_finite("state", *first)
    return Sequence(inputs, first, RowFlags(resets, mask))


def filled(inputs: Tensor, mask: Tensor | None) -> Tensor:
    """Return inputs that are 1 where a row has no step; token 0 where they are whole numbers.

    Padding may hold anything; what it holds must not get into a product with zero. Cells other than
    PyTorch's own are handed stand-ins, by `RowFlags.stand_in` and `StandIns`, unless there is
    nothing but padding. Ones and not zeros: a cell may divide by a norm.
    """
    if mask is None:
        return inputs
    value = 1 if inputs.is_floating_point() else 0
    return inputs.masked_fill(~mask.view(*mask.shape, *[1] * (inputs.ndim - 2)), value)


def send_back(
    loss_fn: Callable[[Tensor], Any],
    outputs: Tensor,
    keep: Callable[[Iterable[Tensor]], None],
    *,
    inputs: Tensor | None = None,
    own: Iterable[Tensor] = (),
) -> Tensor:
    """Call a loss, and backpropagate it; return its value.

    Parameters
    ----------
    loss_fn : callable
        It may work in place: `outputs` must be no memory that is needed afterwards.
    outputs : Tensor, shape (steps, batch, hidden)
        With their graph.
    keep : callable
        From :func:`tbptt.pytorch.all_or_nothing.all_or_nothing`.
    inputs : Tensor, optional
        What the caller passed: if they are no leaf, and keep their gradient, it counts as well.
    own : iterable of Tensor
        Leaves of the graph that are none of the caller's.

    Raises
    ------
    TypeError, ValueError
        If the loss is no finite scalar, or there is nothing that would get a gradient.
    """
    node = outputs.grad_fn
    loss = scalar_loss(called("loss_fn", "(outputs)", loss_fn, outputs))
    graph = graph_of(loss)
    if node is not None and node not in graph.nodes:
        raise ValueError(NO_ERROR)
    ours = {id(leaf) for leaf in own}
    if all(id(leaf) in ours for leaf in graph.leaves):
        raise ValueError(
            "Nothing requires a gradient: neither the cell's weights, nor the inputs, nor anything "
            "that loss_fn uses."
        )
    keep(graph.leaves)
    if inputs is not None and inputs.retains_grad:
        keep([inputs])
    loss.backward()
    return loss.detach()
