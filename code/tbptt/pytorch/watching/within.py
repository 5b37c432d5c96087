"""Errors that go from one result of a call to another: an LSTM's ``h`` is made of its ``c``.

The whole error of ``c`` holds what came to ``h``. Without knowing that, it would look as if a loss
had come in at ``c``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# Where a result comes from: a node of the graph, and which of its outputs.
End = tuple[Any, int] | None
# A node, with edges and the places of the results that they lead to.
Crossing = tuple[Any, list[tuple[int, int]]]


class Within:
    """Finds them; the graph of a cell is the same at every step, so the ways are kept."""

    def __init__(self) -> None:
        self._ways: list[tuple[int, tuple[int, ...], list[tuple[int, int]]]] | None = None

    def crossings(self, ends: Sequence[End], outside: Sequence[Any]) -> list[Crossing]:
        """Return the nodes of a call that hand errors on to another of its results.

        Parameters
        ----------
        ends : sequence of (node, int) or None
            What made the results.
        outside : sequence of node
            That made what came in: where the call's graph ends.

        Returns
        -------
        list of (node, list of (edge, place))
            The nodes.
        """
        if len({end for end in ends if end is not None}) < 2:
            return []
        known = self._follow(ends)
        if known is None:
            self._ways = _search(ends, outside)
            known = self._follow(ends)
        return known or []

    def _follow(self, ends: Sequence[End]) -> list[Crossing] | None:
        """Go the ways that led there before; None where they lead somewhere else."""
        if self._ways is None:
            return None
        nodes: list[Crossing] = []
        for end, way, edges in self._ways:
            begin = ends[end] if end < len(ends) else None
            node = begin[0] if begin else None
            for edge in way:
                following = node.next_functions if node is not None else ()
                node = following[edge][0] if edge < len(following) else None
            following = node.next_functions if node is not None else ()
            if not all(
                edge < len(following) and following[edge] == ends[place] for edge, place in edges
            ):
                return None
            nodes.append((node, edges))
        return nodes


def _search(
    ends: Sequence[End], outside: Sequence[Any]
) -> list[tuple[int, tuple[int, ...], list[tuple[int, int]]]]:
    places: dict[tuple[Any, int], int] = {}
    for place, end in enumerate(ends):
        if end is not None:
            places.setdefault(end, place)
    ways = []
    waiting: list[tuple[Any, int, tuple[int, ...]]] = [
        (node, place, ()) for (node, _), place in places.items()
    ]
    met = {node for node in outside if node is not None} | {node for node, _ in places}
    while waiting:
        node, begin, way = waiting.pop()
        edges = []
        for edge, (nearer, output) in enumerate(node.next_functions):
            if (nearer, output) in places:
                edges.append((edge, places[nearer, output]))
            elif nearer is not None and nearer not in met:
                met.add(nearer)
                waiting.append((nearer, begin, (*way, edge)))
        if edges:
            ways.append((begin, way, edges))
    return ways
