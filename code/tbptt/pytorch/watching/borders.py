"""What comes in at a border: the state that was left, zeros, or another one."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from tbptt.pytorch.watching.kinds import Came
from tbptt.pytorch.watching.passes import Call

# So many numbers of an input are kept, so many steps of the past, so many units of a strange state,
# and so many states from which the loop did not go on at once.
_FEATURES, _STEPS, _UNITS, _ENDS = 8, 8, 16, 8


class _Left(NamedTuple):
    """What a call left, and what it was given."""

    call: Call
    parts: list[Tensor]
    objects: list[weakref.ref[Tensor]]
    came: Came


class Carried:
    """The states that calls left, to compare what comes in with them.

    Those are the last of training and the last of evaluation, and a few from which the loop did not
    go on at once: it may come back to them, as where the rows of a batch take turns.
    """

    def __init__(self) -> None:
        self._latest: dict[bool, _Left] = {}
        self._mode = True
        self._ends: deque[_Left] = deque(maxlen=_ENDS)

    def keep(self, call: Call, state: Sequence[Tensor], came: Came) -> None:
        """Keep what a call left: the values, and not the graph."""
        parts = [_rows_first(part.detach(), came.axis) for part in state]
        objects = [weakref.ref(part) for part in state]
        given = came._replace(inputs=came.inputs.detach(), state=None)
        self._latest[call.training] = _Left(call, parts, objects, given)
        self._mode = call.training

    def compare(self, call: Call, came: Came) -> Came | None:
        """Note in a call what its state was.

        If a call before the last one left it, return what that call had been given.
        """
        newest = self._latest.get(self._mode)
        left = self._source(call, came)
        if newest is not None and left is not newest:
            # Of its inputs only the last step is asked for again.
            last = newest.came._replace(inputs=newest.came.time_major()[-1].clone(), time=None)
            self._ends.append(newest._replace(came=last))
        return None if left is None or left is newest else left.came

    def _source(self, call: Call, came: Came) -> _Left | None:
        """Find what a state was left by, and note in the call what it was."""
        if came.state is None:
            call.zero = True
            return None
        modes = (self._mode, not self._mode)
        latest = [self._latest[mode] for mode in modes if mode in self._latest]
        for left in (*latest, *self._ends):
            if call.linked and _are(left.objects, came.state):
                call.carried, call.source = True, left.call.number
                return left
        rows = [_rows_first(part.detach(), came.axis) for part in came.state]
        zero = call.zero = _every(part.eq(0) for part in rows)
        for left in latest:
            common = min(left.call.rows, call.rows)
            if [part.shape[1:] for part in left.parts] != [part.shape[1:] for part in rows]:
                continue
            same = _same(left.parts, rows, common)
            if bool((same & ~zero[:common]).any()):
                call.carried, call.source = same, left.call.number
                call.cut_rows = max(left.call.rows - call.rows, 0)
                return left
        for left in reversed(self._ends):
            # From longer ago it has to be the whole: a few rows may be chosen from anywhere.
            if [part.shape for part in left.parts] != [part.shape for part in rows]:
                continue
            same = _same(left.parts, rows, call.rows)
            if bool((same | zero).all() & ~zero.all()):
                call.carried, call.source = same, left.call.number
                return left
        call.strange = rows[0][:, :_UNITS].clone()
        newest = self._latest.get(self._mode)
        if newest is not None and newest.parts[0].shape == rows[0].shape:
            call.alike = _correlation(newest.parts[0], rows[0])
        return None


class Evidence:
    """What the inputs tell of whether row `i` of a call goes on where row `i` of the last ended."""

    def __init__(self) -> None:
        self._before: Came | None = None
        self._latest: deque[Came] = deque(maxlen=_STEPS)
        self._given: Tensor | None = None
        self._end_given = 0
        self._to_measure = False
        self._since = 0  # steps since the last border
        # Of the last tensors that were read in parts, where the reading began.
        self._starts: deque[tuple[weakref.ref[Tensor], int]] = deque(maxlen=_ENDS)

    def give(self, inputs: Tensor) -> None:
        """Note what the model around the module is called with, which may be numbers of words."""
        self._given = inputs

    def pass_by(self, call: Call, came: Came) -> None:
        """Note a step inside a chunk, which costs little: the first tells how far inputs move."""
        before, self._before = self._before, came
        self._latest.append(came)
        self._since += came.steps
        if self._to_measure:
            self._to_measure = False
            self._measure(call, came, before)
        if self._given is not None:
            self._compare_given(call)

    def note(self, call: Call, came: Came, after: Came | None) -> None:
        """Keep the ends of a call's inputs, and whether they follow the last call's in memory.

        Chunks of one tensor do, and batches of other sequences do not. If a call before the last
        one left the state, `after` is what that call was given.
        """
        before, self._before = self._before, came
        x = came.time_major()
        call.begins = _part(x, 0, call)
        if before is not None:
            last = before.time_major()
            if after is None:
                call.before, call.past = _part(last, -1, call), self._past(call)
            else:
                call.before = _part(after.time_major(), -1, call)
            end = last.data_ptr() + last.element_size() * last.stride(0) * len(last)
            call.follows = _goes_on(end, x, came.inputs._base)
        call.again = self._begins_again(x, came.inputs._base)
        self._latest.append(came)
        # Where a reader's own code stands between two steps of a chunk, no chunk begins.
        self._since = came.steps + (self._since if call.linked else 0)
        self._to_measure = call.steps == 1 and not call.linked
        if not self._to_measure:
            self._measure(call, came, before if call.linked else None)
        if self._given is not None:
            self._compare_given(call)

    def _begins_again(self, x: Tensor, whole: Tensor | None) -> bool:
        """Tell whether a part of a longer tensor is where the reading of it began before."""
        if whole is None:
            return False
        for tensor, address in self._starts:
            if tensor() is whole:
                return x.data_ptr() == address
        self._starts.append((weakref.ref(whole), x.data_ptr()))
        return False

    def _measure(self, call: Call, came: Came, before: Came | None) -> None:
        x = came.time_major()
        if before is not None and len(x) == 1:
            last = before.time_major()
            x = torch.cat([last, x]) if last.shape == x.shape else x
        if len(x) > 1 and x.is_floating_point() and came.sizes is None:
            call.moves = (x[1:] - x[:-1]).abs().mean()

    def _past(self, call: Call) -> Tensor | None:
        """Return a few numbers of the last steps since a border, (rows, steps, numbers)."""
        past = [came.time_major()[-_STEPS:] for came in self._latest]
        alike = [x for x in past if x.ndim > 1 and x.shape[1:] == past[-1].shape[1:]]
        steps = torch.cat(alike)[-min(_STEPS, self._since) :]
        if steps.shape[1] != call.rows:
            return None
        return steps.flatten(2)[..., :_FEATURES].transpose(0, 1).clone()

    def _compare_given(self, call: Call) -> None:
        given, self._given = self._given, None
        if given is None or given.ndim < 2:
            return
        ways = [given, given.transpose(0, 1)]
        ways = [way for way in ways if way.shape[:2] == (call.steps, call.rows)]
        if ways:
            if not call.linked and not call.follows:
                call.follows = any(_goes_on(self._end_given, x, given._base) for x in ways)
            if not call.linked and not call.again:
                call.again = self._begins_again(ways[0], given._base)
            step = ways[0].stride(0) * len(ways[0])
            self._end_given = given.data_ptr() + given.element_size() * step


def _part(inputs: Tensor, step: int, call: Call) -> Tensor | None:
    """Return a few features of one step, row by row."""
    if inputs.ndim < 2 or inputs.shape[1] != call.rows:
        return None
    part = inputs[step].detach()
    return (part.flatten(1) if part.ndim > 1 else part[:, None])[:, :_FEATURES].clone()


def _goes_on(end: int, x: Tensor, whole: Tensor | None) -> bool:
    """Tell whether a time-major tensor begins at an address, as a chunk of one longer in time.

    A part of a whole that holds other rows, or other sequences, does not.
    """
    if whole is None or x.data_ptr() != end:
        return False
    rest = tuple(x.shape[1:]), tuple(x.stride()[1:])
    for axis in range(whole.ndim):
        sizes = [list(whole.shape), list(whole.stride())]
        for each in sizes:
            del each[axis]
        if tuple(map(tuple, sizes)) == rest:
            return True
    return False


def _are(objects: Sequence[weakref.ref[Tensor]], state: Sequence[Tensor]) -> bool:
    return len(objects) == len(state) and all(
        ref() is part for ref, part in zip(objects, state, strict=True)
    )


def _rows_first(part: Tensor, axis: int) -> Tensor:
    return part if axis == 0 and part.ndim == 2 else part.movedim(axis, 0).flatten(1)


def _same(parts: Sequence[Tensor], others: Sequence[Tensor], rows: int) -> Tensor:
    """Return, for each of the first rows, whether two states are the same."""
    return _every(a[:rows].eq(b[:rows]) for a, b in zip(parts, others, strict=True))


def _correlation(one: Tensor, other: Tensor) -> Tensor:
    """Return the correlation of two states over their units, a mean over rows."""
    a, b = (part.float() - part.float().mean(1, keepdim=True) for part in (one, other))
    sizes = (a.square().sum(1) * b.square().sum(1)).sqrt()
    return torch.mean((a * b).sum(1) / sizes.clamp_min(torch.finfo(torch.float32).tiny))


def _every(flags: Iterable[Tensor]) -> Tensor:
    """Return, for each row, whether all numbers of all parts are as asked."""
    return torch.stack([part.all(1) for part in flags]).all(0)
