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
from tbptt.pytorch.watching.graph import CallGraph, Crossing, Left, end_of
from tbptt.pytorch.watching.ledger import Ledger
from tbptt.pytorch.watching.passes import Arrival, Call, is_more_than_rounding, largest


def running_pass() -> int:
    """Return the number of the backward pass that runs now, -1 if there is none.

    PyTorch has no public name for it; a canary in the tests calls it.
    """
    return int(torch._C._current_graph_task_id())


class _Border(NamedTuple):
    """Where a part of a state comes from.

    `left` names the call and the place of its result, where that is the state as it stands; else
    `behind` are the nodes from which errors arrive at results of earlier calls, with edges and
    results, and `earlier` is the last of these calls.
    """

    part: Tensor
    earlier: int
    left: Left | None
    behind: Sequence[tuple[Any, list[tuple[int, Left]]]] = ()


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
        self._graph = CallGraph(f"tbptt.watch {id(self)}", alike=kinds.is_recurrent(module))
        self._begun: list[tuple[Call, kinds.Came, list[_Border | None]]] = []
        self._weights, self._updates = _fingerprint(module), 0
        # What has come along the recurrence, in the pass that runs, for results of calls.
        self._came: dict[Left, list[tuple[int, Tensor]]] = {}
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
            self.evidence.note(call, came, self._carried.compare(call, came))
        self._begun.append((call, came, borders))

    def _after(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
    ) -> None:
        if by_an_engine() or running_pass() != -1 or not self._begun:
            return
        call, came, borders = self._begun.pop()
        self.ledger.add(call)
        outputs, state = kinds.left(module, result)
        self._carried.keep(call, state, came)
        # A layer's outputs have an own place: a reader may take the state from there.
        results = state if outputs is None else (*state, outputs)
        given = [end_of(part) for part in came.state or ()]
        # What a call only passes on is a result of the call that made it.
        ends = [end if (end := end_of(part)) not in given else None for part in results]
        if all(end is None for end in ends):
            return
        self._listen(call.number, borders, self._graph.crossings(ends, given, came.inputs.grad_fn))
        for place, (part, end) in enumerate(zip(results, ends, strict=True)):
            if end is not None:
                self._graph.mark(end, (call.number, place))
                note = self._whole(call, place, came.sizes, outputs=place == len(state))
                part.register_hook(note)
        if not call.linked:
            for node in {node for node, _ in filter(None, ends)}:
                node.register_prehook(self._last_look(call.number))

    def _border(self, part: Tensor) -> _Border | None:
        """Find the calls that a part of the state comes from, if errors find a way back to one."""
        end = end_of(part)
        if end is None or not torch.is_grad_enabled():
            return None
        left = self._graph.left(end)
        if left is not None:
            return _Border(part, left[0], left)
        behind = self._graph.behind(end)
        calls = [number for _, edges in behind for _, (number, _) in edges]
        return _Border(part, max(calls), None, behind) if calls else None

    def _listen(
        self,
        number: int,
        borders: list[_Border | None],
        crossings: list[tuple[Any, Crossing]],
    ) -> None:
        """Have the errors noted that leave a call, and those that go on to earlier ones."""
        sent: dict[int, list[Tensor]] = {}
        for node, crossing in crossings:
            edges = [(edge, (number, place)) for edge, place in crossing.results]
            edges += crossing.earlier
            for edge, place in crossing.state:
                border = borders[place]
                if border is not None and border.left is not None:
                    edges.append((edge, border.left))
                elif border is not None:
                    node.register_hook(_collect(sent.setdefault(place, []), edge))
            if edges:
                node.register_hook(self._arrivals(number, edges))
        between: dict[Any, list[tuple[int, Left]]] = {}  # parts may come the same way
        for place, border in enumerate(borders):
            if border is not None and border.left is None:
                # The reader's own code stands between the calls; a loss may come in there as well.
                compare = self._between(border.earlier, sent.setdefault(place, []))
                border.part.register_hook(compare)
                between.update(border.behind)
        for node, edges in between.items():
            node.register_hook(self._arrivals(number, edges))

    def _between(self, earlier: int, sent: list[Tensor]) -> Callable[[Tensor | None], None]:
        """Note what comes in after a call's result, in the reader's own code."""

        def compare(error: Tensor | None) -> None:
            if error is None or not error.numel():
                return  # nothing came, or a batch without rows
            parts = torch.stack([error, *sent])
            sent.clear()
            own = parts[:1] - parts[1:].sum(0)
            if is_more_than_rounding(largest(own), largest(parts[1:]).sum()):
                self._enter_last(earlier)

        return compare

    def _arrivals(self, number: int, edges: list[tuple[int, Left]]) -> Callable[[Any, Any], None]:
        """Note the errors that arrive at what an earlier call left."""

        def note(errors: tuple[Tensor | None, ...], _: Any) -> None:
            for edge, left in edges:
                error = errors[edge]
                if error is not None:
                    self._came.setdefault(left, []).append((number, _without_graph(error)))

        return note

    def _whole(
        self, call: Call, place: int, sizes: Tensor | None, *, outputs: bool
    ) -> Callable[[Tensor | None], None]:
        """Note the whole error of a result, apart from what came along the recurrence."""
        by_step = partial(kinds.steps_of, self.module, sizes=sizes) if outputs else None
        steps = kinds.last_steps(call.steps, sizes)

        def note(error: Tensor | None) -> None:
            if error is None:  # of several results of one node, one that nobody used
                return
            parts = self._came.pop((call.number, place), [])
            backward = self.ledger.running(running_pass())
            backward.arrivals.append(Arrival(call, steps, _without_graph(error), parts, by_step))

        return note

    def _last_look(self, number: int) -> Callable[[Any], None]:
        """Note whether errors are left once all hooks of a result have seen them."""

        def note(errors: tuple[Tensor | None, ...]) -> None:
            sent = self.ledger.running(running_pass()).sent
            if not sent.get(number):
                sent[number] = any(error is not None and bool(error.any()) for error in errors)

        return note

    def _enter_last(self, number: int) -> None:
        """Note an error that came in at the last step of a call, after what the call returned."""
        call = self.ledger.calls.get(number)
        if call is not None:
            backward = self.ledger.running(running_pass())
            backward.enter(call, kinds.last_steps(call.steps, None))


def _without_graph(error: Tensor) -> Tensor:
    return error.detach() if error.requires_grad else error


def _collect(sent: list[Tensor], edge: int) -> Callable[[Any, Any], None]:
    def note(errors: tuple[Tensor | None, ...], _: Any) -> None:
        error = errors[edge]
        if error is not None:
            sent.append(error)

    return note


def _fingerprint(module: nn.Module) -> list[Tensor]:
    """Return a few numbers of each weight: an update moves them, also one past autograd's back."""
    return [weight.detach().flatten()[:4].clone() for weight in module.parameters()]


def _relayed(part: Tensor) -> bool:
    leaf = part.is_leaf and part.requires_grad and not isinstance(part, nn.Parameter)
    return leaf and torch.is_grad_enabled()
