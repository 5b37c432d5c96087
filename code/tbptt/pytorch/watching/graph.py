"""The graph of one call: where errors leave it for its state, and for another of its results.

An LSTM's ``h`` is made of its ``c``: the whole error of ``c`` holds what came to ``h``. Without
knowing that, it would look as if a loss had come in at ``c``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import Tensor

# What made a tensor: a node of the graph, and which of its outputs.
End = tuple[Any, int]
# A call, and the place of one of its results.
Left = tuple[int, int]
# How far back, in nodes of the graph, the call is looked for that left a state: a reader's own
# code may stand between two calls, such as a mask, a normalisation, or the choice of rows.
_NODES = 64


class Crossing(NamedTuple):
    """What leaves the graph of a call at one of its nodes: edges, and where each leads.

    Attributes
    ----------
    state : list of (int, int)
        To the place of a part of the state that came in.
    results : list of (int, int)
        To the place of another result of the same call.
    earlier : list of (int, (int, int))
        To what an earlier call left, and the reader's code took from there itself.
    """

    state: list[tuple[int, int]]
    results: list[tuple[int, int]]
    earlier: list[tuple[int, Left]]


class _Way(NamedTuple):
    """How a crossing was reached: the result to start from, and the edges to take."""

    begin: int
    edges: list[int]
    crossing: Crossing


class CallGraph:
    """Marks what calls leave, and finds the nodes from which errors go back there.

    Parameters
    ----------
    name : str
        Under which marks are kept in the nodes; they live as long as the nodes do.
    alike : bool
        Whether all calls have the same graph, as PyTorch's own cells do, so that known ways can be
        gone instead of looked for. They are tried, and looked for again where they end elsewhere.
    """

    def __init__(self, name: str, *, alike: bool) -> None:
        self._name, self._alike = name, alike
        # By which of the results and parts of the state have a graph.
        self._ways: dict[tuple[bool, ...], list[_Way]] = {}

    def mark(self, end: End, left: Left) -> None:
        """Mark a result of a call."""
        node, output = end
        node.metadata.setdefault(self._name, {})[output] = left

    def left(self, end: End) -> Left | None:
        """Return the call that left a tensor, and the place among its results."""
        node, output = end
        marks: dict[int, Left] = node.metadata.get(self._name, {})
        return marks.get(output)

    def behind(self, end: End) -> list[tuple[Any, list[tuple[int, Left]]]]:
        """Return the nodes from which errors of a tensor go back to calls, with edges and calls."""
        found = []
        waiting, met = [end[0]], {end[0]}
        while waiting and len(met) < _NODES:
            node = waiting.pop(0)
            edges = []
            for edge, (nearer, output) in enumerate(node.next_functions):
                left = self.left((nearer, output)) if nearer is not None else None
                if left is not None:
                    edges.append((edge, left))
                elif nearer is not None and nearer not in met:
                    met.add(nearer)
                    waiting.append(nearer)
            if edges:
                found.append((node, edges))
        return found

    def crossings(
        self, results: Sequence[End | None], state: Sequence[End | None], inputs: Any
    ) -> list[tuple[Any, Crossing]]:
        """Return the nodes from which errors leave a call whose results are not marked yet.

        Parameters
        ----------
        results, state : sequence of End or None
            What the call returned and what it was given; None for what has no graph. A part of the
            state that it only passes on is no result.
        inputs : node or None
            That made the inputs: the call's graph ends there as well.

        Returns
        -------
        list of (node, Crossing)
            Each node once.
        """
        kind = tuple([end is not None for end in (*results, *state)])
        ways = self._ways.get(kind)
        crossings = _go(ways, results, state) if ways is not None else None
        if crossings is None:
            crossings, ways = self._search(results, state, inputs)
            if self._alike:
                self._ways[kind] = ways
        return crossings

    def _search(
        self, results: Sequence[End | None], state: Sequence[End | None], inputs: Any
    ) -> tuple[list[tuple[Any, Crossing]], list[_Way]]:
        given, made = _places(state), _places(results)
        outside = {inputs, *(node for node, _ in given)}
        # From where each node was met: the one before it and its edge, or a result and its place.
        met: dict[Any, tuple[Any, int]] = {node: (None, place) for (node, _), place in made.items()}
        waiting = list(met)
        crossings, ways = [], []
        while waiting:
            node = waiting.pop()
            crossing = Crossing([], [], [])
            for edge, end in enumerate(node.next_functions):
                nearer = end[0]
                if nearer is None:
                    continue
                if end in given:
                    crossing.state.append((edge, given[end]))
                elif end in made:
                    crossing.results.append((edge, made[end]))
                elif (left := self.left(end)) is not None:
                    crossing.earlier.append((edge, left))
                elif nearer not in met and nearer not in outside:
                    met[nearer] = node, edge
                    waiting.append(nearer)
            if any(crossing):
                crossings.append((node, crossing))
                ways.append(_way(met, node, crossing))
        return crossings, ways


def end_of(part: Tensor) -> End | None:
    """Return what made a tensor; None for a leaf."""
    return None if part.grad_fn is None else (part.grad_fn, part.output_nr)


def _places(ends: Sequence[End | None]) -> dict[End, int]:
    places: dict[End, int] = {}
    for place, end in enumerate(ends):
        if end is not None:
            places.setdefault(end, place)
    return places


def _way(met: dict[Any, tuple[Any, int]], node: Any, crossing: Crossing) -> _Way:
    edges = []
    node, edge = met[node]
    while node is not None:
        edges.append(edge)
        node, edge = met[node]
    return _Way(edge, edges[::-1], crossing)


def _go(
    ways: list[_Way], results: Sequence[End | None], state: Sequence[End | None]
) -> list[tuple[Any, Crossing]] | None:
    """Go ways that led out of the graph of another call; None where one leads somewhere else."""
    crossings = []
    for begin, edges, crossing in ways:
        end = results[begin]
        node = end[0] if end is not None else None
        following = node.next_functions if node is not None else ()
        for edge in edges:
            node = following[edge][0] if edge < len(following) else None
            following = node.next_functions if node is not None else ()
        for ends, leads in ((state, crossing.state), (results, crossing.results)):
            for edge, place in leads:
                if edge >= len(following) or following[edge] != ends[place]:
                    return None
        crossings.append((node, crossing))
    return crossings
