"""An autograd graph, walked: what it goes through, and what it goes back to."""

from __future__ import annotations

from typing import NamedTuple

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


def graph_of(tensor: Tensor) -> Graph:
    """Walk back from a tensor."""
    if tensor.grad_fn is None:
        return Graph(set(), [tensor] if tensor.requires_grad else [])
    leaves = []
    todo = [tensor.grad_fn]
    nodes = set(todo)
    while todo:
        node = todo.pop()
        edges = node.next_functions
        if not edges and hasattr(node, "variable"):  # the node that accumulates into a leaf
            leaves.append(node.variable)
        for earlier, _ in edges:
            if earlier is not None and earlier not in nodes:
                nodes.add(earlier)
                todo.append(earlier)
    return Graph(nodes, leaves)
