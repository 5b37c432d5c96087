"""An autograd graph, walked: what it goes back to, and what an error in the middle would spoil."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.graph import Node


class Graph(NamedTuple):
    """Part of an autograd graph.

    Attributes
    ----------
    nodes : set of Node
        All that an error goes through.
    leaves : list of Tensor
        Where it ends: the tensors that get a ``.grad``.
    """

    nodes: set[Node]
    leaves: list[Tensor]


def graph_of(tensors: Iterable[Tensor], *, ends: Collection[Node] = ()) -> Graph:
    """Walk back from tensors, and no further than the nodes `ends`."""
    leaves = {id(part): part for part in tensors if part.grad_fn is None and part.requires_grad}
    todo = [part.grad_fn for part in tensors if part.grad_fn is not None]
    nodes = set(todo)
    while todo:
        node = todo.pop()
        if node in ends:
            continue
        # Only the node that accumulates into a leaf knows its variable.
        leaf = getattr(node, "variable", None)
        if leaf is not None:
            leaves[id(leaf)] = leaf
        for earlier, _ in node.next_functions:
            if earlier is not None and earlier not in nodes:
                nodes.add(earlier)
                todo.append(earlier)
    return Graph(nodes, list(leaves.values()))


@contextmanager
def all_or_nothing(
    device: torch.device, *generators: torch.Generator
) -> Iterator[Callable[[Iterable[Tensor]], None]]:
    """Put back what was there if anything is raised: random states, and gradients.

    Yields
    ------
    callable
        ``keep(leaves)``, to be called before anything is accumulated into their ``.grad``.
    """
    state = torch.get_rng_state()
    on_device = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    drawn = [generator.get_state() for generator in generators]
    kept: list[tuple[Tensor, Tensor | None, Tensor | None]] = []

    def keep(leaves: Iterable[Tensor]) -> None:
        for leaf in leaves:
            grad = leaf.grad
            # A copy, because gradients accumulate in place.
            kept.append((leaf, grad, None if grad is None else grad.detach().clone()))

    try:
        yield keep
    except BaseException:
        torch.set_rng_state(state)
        if on_device is not None:
            torch.cuda.set_rng_state(on_device, device)
        for generator, old in zip(generators, drawn, strict=True):
            generator.set_state(old)
        for leaf, grad, values in kept:
            leaf.grad = grad
            if grad is not None and values is not None:
                with torch.no_grad():
                    grad.copy_(values)
        raise
