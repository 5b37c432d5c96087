r"""Gradients without going back at all: weights are moved at random, and losses say which way.

Each row of the batch reads its sequence twice, with weights ``w + e`` and ``w - e``, one unroll
after another, and both states are carried. What the losses of an unroll owe to the weights of
earlier ones is in the moves that were made there, so that the sum of them is what counts::

    gradient = sum over rows  m (loss(+) - loss(-)) / (2 spread^2).

With moves drawn for each unroll, `m` is the sum of all of them since the sequence began (PES), and
its variance grows with every unroll; with one for the whole sequence it is that one (NRES), which
is quieter late in a sequence, where early moves matter little. Both are unbiased for the loss as it
is on average over moves, which comes near the loss itself as `spread` goes to 0.

Sources: P. Vicol, L. Metz and J. Sohl-Dickstein, "Unbiased gradient estimation in unrolled
computation graphs with persistent evolution strategies", ICML 2021, arXiv:2112.13835 (PES);
O. Li et al., "Variance-reduced gradient estimation via noise-reuse in online evolution strategies",
NeurIPS 2023, arXiv:2304.12180 (NRES).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from tbptt._calling import called
from tbptt._checks import shown
from tbptt.pytorch.all_or_nothing import all_or_nothing
from tbptt.pytorch.arguments import check_tensor, check_tensors
from tbptt.pytorch.checks import NO_ERROR, check_call, check_gradients_on, check_run
from tbptt.pytorch.graphs import graph_of
from tbptt.pytorch.jacobians import StepJacobians
from tbptt.pytorch.moves import NRES, PES
from tbptt.pytorch.sequences import prepared
from tbptt.pytorch.states import S

__all__ = ["NRES", "PES", "EvolutionResult", "evolve"]

Pair = tuple[Tensor, ...]


class EvolutionResult(NamedTuple):
    """What :func:`evolve` returns; gradients are in ``.grad``.

    Attributes
    ----------
    loss : Tensor
        Detached scalar: the mean of both sides, summed over rows.
    carried : tuple of Tensor
        States of both sides ``(batch, state)`` and moves ``(batch, weights)``, for the next call.

    Examples
    --------
    >>> import torch
    >>> from tbptt.pytorch.evolution import PES, evolve
    >>> cell, x, zero = torch.nn.RNNCell(1, 2), torch.ones(5, 3, 1), torch.zeros(3, 2)
    >>> strategy, loss_fn = PES(0.1, torch.Generator()), lambda out: out.square().sum(dim=(0, 2))
    >>> first = evolve(cell, loss_fn, x, zero, strategy)
    >>> second = evolve(cell, loss_fn, x, zero, strategy, first.carried)
    >>> [tuple(part.shape) for part in second.carried]
    [(3, 2), (3, 2), (3, 10)]
    """

    loss: Tensor
    carried: Pair


def evolve(
    cell: nn.Module,
    loss_fn: Callable[[Tensor], Tensor],
    inputs: Tensor,
    state: S,
    strategy: PES,
    carried: Pair | None = None,
    *,
    begins: Tensor | None = None,
) -> EvolutionResult:
    """Run a cell over an unroll with moved weights; estimate the gradient from the losses [1]_.

    Parameters
    ----------
    cell : nn.Module
        ``cell(x, state) -> state`` for one step, rows apart, as ``torch.func`` can call it with
        other weights.
    loss_fn : callable
        ``loss_fn(outputs) -> losses``: of outputs ``(steps, batch, hidden)`` the loss of each row,
        ``(batch,)``. It is called once for each side. What it uses gets the gradient of the mean
        of both sides, by autograd.
    inputs : Tensor, shape (steps, batch, features)
        One unroll, time-major; they get no gradient.
    state : Tensor (batch, hidden), or tuple or list of them
        The state before a sequence.
    strategy : PES or NRES
        How weights are moved.
    carried : tuple of Tensor, optional
        What the call before returned; None where all sequences begin.
    begins : Tensor of bool, shape (batch,), optional
        Rows whose sequence begins with this unroll: both sides start from `state`, and earlier
        moves no longer count.

    Returns
    -------
    EvolutionResult
        ``loss, carried``.

    Raises
    ------
    TypeError, ValueError
        If arguments are of the wrong kind or shape, a value is NaN or infinite, or the losses do
        not depend on the outputs. No gradient has been accumulated and nothing drawn then.
    RuntimeError
        If gradients are switched off.

    References
    ----------
    .. [1] P. Vicol, L. Metz and J. Sohl-Dickstein, "Unbiased gradient estimation in unrolled
       computation graphs with persistent evolution strategies", ICML 2021, arXiv:2112.13835,
       algorithm 2, with a pair for each row of the batch.

    Examples
    --------
    Many rows that read the same are many pairs for one gradient.

    >>> import torch
    >>> from tbptt import Truncation
    >>> from tbptt.pytorch import backward
    >>> from tbptt.pytorch.evolution import NRES, evolve
    >>> cell, rows = torch.nn.RNNCell(1, 1, bias=False), 20_000
    >>> loss_fn = lambda outputs: outputs.sum(dim=(0, 2))
    >>> x, zero = torch.ones(6, rows, 1), torch.zeros(rows, 1)
    >>> strategy, carried = NRES(0.01, torch.Generator().manual_seed(0)), None
    >>> for unroll in x.split(2):
    ...     loss, carried = evolve(cell, loss_fn, unroll, zero, strategy, carried)
    >>> estimated, cell.weight_hh.grad = cell.weight_hh.grad / rows, None
    >>> loss, outputs, state = backward(cell, torch.sum, x, zero, Truncation.true(6))
    >>> bool((estimated - cell.weight_hh.grad / rows).abs() < 0.2)
    True
    """
    check_gradients_on()
    check_call(cell, loss_fn)
    filled, first, _ = prepared(inputs, state, None, None)
    if inputs.requires_grad:
        raise ValueError("inputs get no gradient here: pass inputs.detach(), or use backward.")
    if not isinstance(strategy, PES):
        raise TypeError(f"strategy must be PES(spread, generator) or NRES, got {shown(strategy)}.")
    jacobians = StepJacobians(cell, inputs.shape[2], state)
    start = torch.cat(first, dim=1)
    plus, minus, summed, begins = _begun(jacobians, start, carried, begins)
    weights = torch.cat([weight.detach().flatten() for weight in jacobians.learned.values()])
    with all_or_nothing(inputs.device, cell, generator=strategy.generator) as keep, torch.no_grad():
        move, summed = strategy.draw(summed, begins)
        jacobians.check(filled[-1], start)
        width = first[0].shape[1]
        outputs, (plus, minus) = _both(jacobians, filled, (plus, minus), weights, move)
        check_run((plus, minus, outputs))
        losses = _losses(loss_fn, outputs[..., :width], keep)
        share = (losses[0] - losses[1]) / (2 * strategy.spread**2)
        gradient = jacobians.split(torch.einsum("b,bw->w", share, summed))
        keep(jacobians.learned.values())
        torch.autograd.backward(list(jacobians.learned.values()), list(gradient))
    return EvolutionResult(losses.sum() / 2, (plus, minus, summed))


def _begun(
    jacobians: StepJacobians[Any], start: Tensor, carried: Any, begins: Any
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the states of both sides and the moves before this unroll, and which rows begin."""
    rows = len(start)
    everywhere = torch.ones(rows, dtype=torch.bool, device=start.device)
    if begins is not None:
        check_tensor("begins", begins, (rows,), dtype="bool")
    if carried is None:
        return start, start, start.new_zeros(rows, jacobians.size), everywhere
    wanted = ((rows, jacobians.width), (rows, jacobians.width), (rows, jacobians.size))
    check_tensors("carried", carried, wanted, like=start)
    plus, minus, summed = carried
    if begins is None:
        return plus, minus, summed, ~everywhere
    here = begins[:, None]
    return torch.where(here, start, plus), torch.where(here, start, minus), summed, begins


def _both(
    jacobians: StepJacobians[Any], inputs: Tensor, sides: Pair, weights: Tensor, move: Tensor
) -> tuple[Tensor, Pair]:
    """Run both sides; return their states ``(2, steps, batch, state)``, and the last ones."""
    rows = inputs.shape[1]
    moved = torch.cat([weights + move, weights - move])
    now, after = torch.cat(sides), []
    for x in inputs:
        now = jacobians.step_apart(moved, torch.cat([x, x]), now)
        after.append(now)
    stacked = torch.stack(after).unflatten(1, (2, rows)).transpose(0, 1)
    return stacked, (stacked[0, -1], stacked[1, -1])


def _losses(
    loss_fn: Callable[[Tensor], Tensor], outputs: Tensor, keep: Callable[[Any], None]
) -> Tensor:
    """Return the losses of both sides ``(2, batch)``; what they use gets its gradient."""
    with torch.enable_grad():
        leaves = [side.clone().requires_grad_() for side in outputs]
        # Copies: the loss may work in place.
        losses = [called("loss_fn", "(outputs)", loss_fn, leaf.clone()) for leaf in leaves]
        for leaf, values in zip(leaves, losses, strict=True):
            check_tensor("The value of loss_fn", values, (outputs.shape[2],), like=outputs)
            if not torch.isfinite(values.detach()).all():
                raise ValueError(
                    "loss_fn returned NaN or infinity; no gradient was accumulated. Look for a "
                    "learning rate or a spread that is too high, or for a logarithm of zero."
                )
            if not any(found is leaf for found in graph_of(values).leaves):
                raise ValueError(NO_ERROR)
        both = torch.stack(losses)
        keep(graph_of(both).leaves)
        (both.sum() / 2).backward()
    return both.detach()
