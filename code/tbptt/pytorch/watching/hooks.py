"""Hooks on one recurrent module: what comes in, what goes out, and the errors on their way back.

The graph stays as it is, so that no gradient changes in its last bit. Where a call sends errors
back to the call that left its state, hooks on the nodes at the border note what arrives; a hook on
what that call returned notes the whole. Where the whole is more, a loss came in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from tbptt.pytorch.unseen import by_an_engine
from tbptt.pytorch.watching import kinds
from tbptt.pytorch.watching.borders import Carried, Evidence
from tbptt.pytorch.watching.ledger import Arrival, Call, Ledger
from tbptt.pytorch.watching.within import Within

# How far back, in nodes of the graph, the call is looked for that left a state: a reader's own
# code may stand between two calls, such as a mask, a normalisation, or the choice of rows.
_NODES = 64
_LEAF = "torch::autograd::AccumulateGrad"


def running_pass() -> int:
    """Return the number of the backward pass that runs now, -1 if there is none.

    PyTorch has no public name for it; a canary in the tests calls it.
    """
    return int(torch._C._current_graph_task_id())


# Nodes of the graph, with edges and the places in the state that they lead to.
_Nodes = list[tuple[Any, list[tuple[int, int]]]]


class _Border(NamedTuple):
    """Where a part of a state comes from.

    `node` made it; `left` names the call and the place of its result, where that is the state as it
    stands; else `arrivals` are the nodes from which errors arrive at results of earlier calls.
    """

    part: Tensor
    node: Any
    earlier: int
    left: tuple[int, int] | None
    arrivals: Sequence[tuple[Any, list[tuple[int, tuple[int, int]]]]] = ()


class Hooks:
    """The hooks of one module.

    Parameters
    ----------
    module : nn.Module
        A cell or a layer.
    ledger : Ledger
        Where to write what is seen.
    evidence : Evidence
        What inputs tell of whether rows go on.
    """

    def __init__(self, module: nn.Module, ledger: Ledger, evidence: Evidence) -> None:
        self.module, self.ledger, self.evidence = module, ledger, evidence
        self.again = 0  # calls inside a backward pass, as checkpoints make them
        self.by_engines = 0  # calls that an engine of this package made
        self._carried = Carried()
        self._key = f"tbptt.watch {id(self)}"
        self._begun: list[tuple[Call, kinds.Came, list[_Border | None]]] = []
        self._ways: list[tuple[int, tuple[int, ...], list[tuple[int, int]]]] = []
        self._within = Within()
        self._weights, self._updates = _fingerprint(module), 0
        # What has come along the recurrence, in the pass that runs, for results of calls.
        self._came: dict[tuple[int, int], list[tuple[int, Tensor]]] = {}
        self._handles = [
            module.register_forward_pre_hook(self._before, with_kwargs=True),
            module.register_forward_hook(self._after, with_kwargs=True),
        ]

    def remove(self) -> None:
        """Take the hooks away."""
        for handle in self._handles:
            handle.remove()

    def _before(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if by_an_engine():
            self.by_engines += 1
            return
        if running_pass() != -1:
            self.again += 1
            return
        came = kinds.came(module, args, kwargs)
        if self.ledger.settle():
            self._came.clear()
            now = _fingerprint(module)
            self._updates += not all(map(torch.equal, now, self._weights))
            self._weights = now
        number = self.ledger.next_number()
        borders = [self._border(part) for part in came.state or ()]
        links = tuple([border.earlier if border else None for border in borders])
        call = Call(
            number, self.ledger.steps, came.steps, came.rows, module.training,
            torch.is_grad_enabled(), self._updates, links,
        )  # fmt: skip
        if borders and all(border and border.left for border in borders):
            call.carried, call.source = True, links[0]  # the very results of a call
            self.evidence.pass_by(call, came)
        else:
            call.by_hand = any(_relayed(part) for part in came.state or ())
            self._carried.compare(call, came)
            self.evidence.note(call, came)
        self._begun.append((call, came, borders))

    def _after(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
    ) -> None:
        if by_an_engine() or running_pass() != -1 or not self._begun:
            return
        call, came, borders = self._begun.pop()
        self.ledger.add(call)
        outputs, state = kinds.left(module, result)
        self._carried.keep(call, state, came.axis)
        # A layer's outputs have an own place: a reader may take the state from there.
        results = state if outputs is None else (*state, outputs)
        ends = [part.grad_fn for part in results]
        if all(end is None for end in ends):
            return
        if call.linked:
            self._listen(call.number, came, borders, ends)
        else:
            for end in ends:
                if end is not None:
                    end.register_prehook(self._last_look(call.number))
        outside = [came.inputs.grad_fn, *(part.grad_fn for part in came.state or ())]
        made_by = [(part.grad_fn, part.output_nr) if part.grad_fn else None for part in results]
        for node, edges in self._within.crossings(made_by, outside):
            own = [(edge, (call.number, place)) for edge, place in edges]
            node.register_hook(self._arrivals(call.number, own))
        for place, (part, end) in enumerate(zip(results, ends, strict=True)):
            if end is not None:
                _notes(end)[self._key] = call.number, place
                note = self._whole(call, place, came.sizes, outputs=place == len(state))
                part.register_hook(note)

    def _border(self, part: Tensor) -> _Border | None:
        """Find the calls that a part of the state comes from, if errors find a way back to one."""
        if part.grad_fn is None or not torch.is_grad_enabled():
            return None
        left = _notes(part.grad_fn).get(self._key)
        if left is not None:
            return _Border(part, part.grad_fn, left[0], left)
        earlier = None
        waiting, met = [part.grad_fn], 1
        arrivals = []
        while waiting and met < _NODES:
            node = waiting.pop(0)
            edges = []
            for edge, (nearer, _) in enumerate(node.next_functions):
                if nearer is None:
                    continue
                left = _notes(nearer).get(self._key)
                if left is None:
                    waiting.append(nearer)
                    met += 1
                else:
                    edges.append((edge, left))
                    earlier = left[0] if earlier is None else max(left[0], earlier)
            if edges:
                arrivals.append((node, edges))
        if earlier is None:
            return None
        return _Border(part, part.grad_fn, earlier, None, arrivals)

    def _listen(
        self, number: int, came: kinds.Came, borders: list[_Border | None], ends: list[Any]
    ) -> None:
        """Have the errors noted that a call sends back over its borders."""
        sent: dict[int, list[Tensor]] = {}
        for node, edges in self._inside(came, ends):
            straight = []
            for edge, place in edges:
                border = borders[place]
                if border is None:
                    continue
                if border.left is not None:
                    straight.append((edge, border.left))
                else:
                    node.register_hook(_collect(sent.setdefault(place, []), edge))
            if straight:
                node.register_hook(self._arrivals(number, straight))
        for place, border in enumerate(borders):
            if border is not None and border.left is None:
                # The reader's own code stands between the calls; a loss may come in there as well.
                between = self._between(border.earlier, sent.setdefault(place, []))
                border.part.register_hook(between)
                for node, named in border.arrivals:
                    node.register_hook(self._arrivals(number, named))

    def _between(self, earlier: int, sent: list[Tensor]) -> Callable[[Tensor], None]:
        """Note what comes in behind a call's result, in the reader's own code."""

        def compare(error: Tensor) -> None:
            own = error - sum(sent[1:], sent[0]) if sent else error
            if not _is_rounding(own, sent):
                self._enter_last(earlier)
            sent.clear()

        return compare

    def _inside(self, came: kinds.Came, ends: list[Any]) -> _Nodes:
        """Return the nodes of a call from which errors go to its state, with edges and places.

        The graph of a cell is the same at every step: the ways that led there once are tried first.
        """
        targets = [part.grad_fn for part in came.state or ()]
        nodes: _Nodes = []
        for end, way, edges in self._ways:
            node = ends[end] if end < len(ends) else None
            for edge in way:
                following = node.next_functions if node is not None else ()
                node = following[edge][0] if edge < len(following) else None
            following = node.next_functions if node is not None else ()
            if not all(
                e < len(following) and following[e][0] is targets[place] for e, place in edges
            ):
                break
            nodes.append((node, edges))
        else:
            if self._ways:
                return nodes
        return self._search(came, ends, targets)

    def _search(self, came: kinds.Came, ends: list[Any], targets: list[Any]) -> _Nodes:
        """Search the graph of one call: it ends at the state and at the inputs."""
        nodes: _Nodes = []
        ways = []
        waiting: list[tuple[Any, int, tuple[int, ...]]] = [
            (node, end, ()) for end, node in enumerate(ends) if node is not None
        ]
        met = {node for node in (*targets, came.inputs.grad_fn) if node is not None}
        while waiting:
            node, end, way = waiting.pop()
            if node in met:
                continue
            met.add(node)
            edges = []
            for edge, (nearer, _) in enumerate(node.next_functions):
                if nearer is None:
                    continue
                if nearer in targets:
                    edges.append((edge, targets.index(nearer)))
                elif nearer.name() != _LEAF:
                    waiting.append((nearer, end, (*way, edge)))
            if edges:
                nodes.append((node, edges))
                ways.append((end, way, edges))
        if len(met) < _NODES:
            self._ways = ways
        return nodes

    def _arrivals(
        self, number: int, edges: list[tuple[int, tuple[int, int]]]
    ) -> Callable[[Any, Any], None]:
        """Note the errors that arrive at what an earlier call left."""

        def note(errors: tuple[Tensor | None, ...], _: Any) -> None:
            for edge, left in edges:
                error = errors[edge]
                if error is not None:
                    self._came.setdefault(left, []).append((number, error.detach()))

        return note

    def _whole(
        self, call: Call, place: int, sizes: Tensor | None, *, outputs: bool
    ) -> Callable[[Tensor | None], None]:
        """Note the whole error of a result, beside what came along the recurrence."""
        by_step = partial(kinds.steps_of, self.module, sizes=sizes) if outputs else None
        steps = kinds.last_steps(call.steps, sizes)

        def note(error: Tensor | None) -> None:
            if error is None:  # of several results of one node, one that nobody used
                return
            parts = self._came.pop((call.number, place), [])
            backward = self.ledger.running(running_pass())
            backward.arrivals.append(Arrival(call, steps, error.detach(), parts, by_step))

        return note

    def _last_look(self, number: int) -> Callable[[Any], None]:
        """Note whether errors are left once all hooks of a result have seen them."""

        def note(errors: tuple[Tensor | None, ...]) -> None:
            sent = self.ledger.running(running_pass()).sent
            if not sent.get(number):
                sent[number] = any(error is not None and bool(error.any()) for error in errors)

        return note

    def _enter_last(self, number: int) -> None:
        """Note an error that came in at the last step of a call, behind what the call returned."""
        call = self.ledger.calls.get(number)
        if call is not None:
            backward = self.ledger.running(running_pass())
            backward.enter(call, kinds.last_steps(call.steps, None))


def _notes(node: Any) -> dict[str, tuple[int, int]]:
    """Return the notes that a node of the graph carries, as long as it lives."""
    notes: dict[str, tuple[int, int]] = node.metadata
    return notes


def _collect(sent: list[Tensor], edge: int) -> Callable[[Any, Any], None]:
    def note(errors: tuple[Tensor | None, ...], _: Any) -> None:
        error = errors[edge]
        if error is not None:
            sent.append(error)

    return note


def _is_rounding(rest: Tensor, parts: Sequence[Tensor]) -> bool:
    """Tell whether what is left of a sum without its parts is no more than rounding."""
    size = sum(float(part.abs().max()) for part in parts)
    return bool(rest.abs().max() <= 8 * torch.finfo(rest.dtype).eps * size)


def _fingerprint(module: nn.Module) -> list[Tensor]:
    """Return a few numbers of each weight: an update moves them, also one past autograd's back."""
    return [weight.detach().flatten()[:4].clone() for weight in module.parameters()]


def _relayed(part: Tensor) -> bool:
    leaf = part.is_leaf and part.requires_grad and not isinstance(part, nn.Parameter)
    return leaf and torch.is_grad_enabled()
