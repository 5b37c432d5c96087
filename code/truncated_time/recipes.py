"""What the engine is compared with: other ways to a truncated gradient, right and wrong.

All accumulate into ``.grad`` as ``loss.backward()`` does. ``loss_at(t, output)`` is the loss of one
step, and its gradient is the error that travels.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tbptt.pytorch.states import S, State, flatten, pack
from tbptt.schedule import Truncation

Cell = Callable[[Tensor, S], S]
Loss = Callable[[int, Tensor], Tensor]
Trail = list[tuple[Tensor, Tensor]]


def detached(state: S) -> S:
    """Cut a state, or every part of it, from its graph.

    Examples
    --------
    >>> import torch
    >>> from truncated_time.recipes import detached
    >>> state = torch.ones(1, 4, requires_grad=True)
    >>> [part.requires_grad for part in detached((state * 2, state * 3))]
    [False, False]
    """
    return pack(tuple(part.detach() for part in flatten(state)), state)


def output(state: State) -> Tensor:
    """Return the part of a state that is read out.

    Examples
    --------
    >>> import torch
    >>> from truncated_time.recipes import output
    >>> h, c = torch.zeros(1, 4), torch.ones(1, 4)
    >>> output((h, c)) is h, output(h) is h
    (True, True)
    """
    return flatten(state)[0]


def loop_over_errors(
    cell: Cell[S], loss_at: Loss, inputs: Tensor, state: S, truncation: Truncation
) -> None:
    """Make one backward pass for each error, over the steps that it reaches: right, and slow.

    Examples
    --------
    >>> import torch
    >>> from tbptt import Truncation
    >>> from truncated_time.recipes import loop_over_errors
    >>> cell, x = torch.nn.GRUCell(1, 4), torch.zeros(10, 1, 1, requires_grad=True)
    >>> last = lambda t, output: output.sum() * (t == 9)  # the loss is at the last step alone
    >>> loop_over_errors(cell, last, x, torch.zeros(1, 4), Truncation.true(3))
    >>> x.grad.count_nonzero()  # its error has travelled three steps
    tensor(3)
    """
    before = [state]
    with torch.no_grad():
        for x in inputs:
            before.append(cell(x, before[-1]))
    for t, reached in enumerate(truncation.reach(len(inputs))):
        first = int(reached.argmax())
        now = before[first]
        for x in inputs[first : t + 1]:
            now = cell(x, now)
        loss_at(t, output(now)).backward()


def chunked_loop(cell: Cell[S], loss_at: Loss, inputs: Tensor, state: S, k: int) -> None:
    """Run `k` steps, one backward pass, detach, go on: epochwise truncation.

    Examples
    --------
    >>> import torch
    >>> from truncated_time.recipes import chunked_loop
    >>> cell, x = torch.nn.GRUCell(1, 4), torch.zeros(10, 1, 1, requires_grad=True)
    >>> fifth = lambda t, output: output.sum() * (t == 4)
    >>> chunked_loop(cell, fifth, x, torch.zeros(1, 4), k=4)
    >>> x.grad.count_nonzero()  # the fifth step is the first of its chunk
    tensor(1)
    """
    for begin in range(0, len(inputs), k):
        total = torch.zeros((), dtype=inputs.dtype, device=inputs.device)
        for t in range(begin, min(begin + k, len(inputs))):
            state = cell(inputs[t], state)
            total = total + loss_at(t, output(state))
        total.backward()
        state = detached(state)


def forum_recipe(
    cell: Cell[Tensor], loss_at: Loss, inputs: Tensor, state: Tensor, truncation: Truncation,
    *, before_walk: Callable[[Trail], None] | None = None,
) -> None:  # fmt: skip
    """Walk each error back by hand over states that are leaves: the recipe of the PyTorch forum.

    The source is discuss.pytorch.org, topic 15500. As it is copied, the leaves keep the ``.grad``
    of the pass before, so errors are counted again and again. With :func:`forget` before each walk
    it is right for ``k1 = 1``. For ``k1 > 1`` it takes the loss of every `k1`-th step and no other.

    Parameters
    ----------
    cell, loss_at, inputs, state, truncation
        As for the others; one Tensor of state.
    before_walk : callable, optional
        Called with the trail of leaves and states before an error walks over it.

    Examples
    --------
    >>> import torch
    >>> from tbptt import Truncation
    >>> from truncated_time.recipes import forget, forum_recipe, loop_over_errors
    >>> cell, x, zero = torch.nn.GRUCell(1, 4), torch.ones(10, 1, 1), torch.zeros(1, 4)
    >>> def gradient(recipe, **options):
    ...     cell.zero_grad()
    ...     loss = lambda t, output: output.sum()
    ...     recipe(cell, loss, x, zero, Truncation.true(3), **options)
    ...     return cell.weight_hh.grad
    >>> right = gradient(loop_over_errors)
    >>> torch.allclose(right, gradient(forum_recipe), rtol=1e-3)
    False
    >>> torch.allclose(right, gradient(forum_recipe, before_walk=forget), rtol=1e-3)
    True
    """
    trail: Trail = []  # (leaf before, state after) of the last k2 steps
    for t, x in enumerate(inputs):
        leaf = state.detach().requires_grad_()
        state = cell(x, leaf)
        trail = [*trail, (leaf, state)][-truncation.k2 :]
        if (t + 1) % truncation.k1:
            continue
        if before_walk:
            before_walk(trail)
        torch.autograd.backward(loss_at(t, state), retain_graph=True)
        for step in range(len(trail) - 1, 0, -1):
            error, earlier = trail[step][0].grad, trail[step - 1][1]
            torch.autograd.backward(earlier, error, retain_graph=True)


def forget(trail: Trail) -> None:
    """Set the gradients of the leaves back: the line that the copied recipe lacks.

    Examples
    --------
    >>> import torch
    >>> from truncated_time.recipes import forget
    >>> leaf = torch.ones(1, requires_grad=True)
    >>> state = leaf * 2
    >>> state.backward()
    >>> forget([(leaf, state)])
    >>> leaf.grad is None
    True
    """
    for leaf, _ in trail:
        leaf.grad = None
