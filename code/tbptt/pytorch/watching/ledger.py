"""What a watched module did, call by call and pass by pass."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tbptt.pytorch.watching.passes import Call, Pass


class Ledger:
    """The calls of one module, and the backward passes through them.

    Parameters
    ----------
    last : int, optional
        How many steps are kept; all of them by default.
    """

    def __init__(self, last: int | None) -> None:
        self.last = last
        self.calls: dict[int, Call] = {}
        self.passes: deque[Pass] = deque()
        self.steps = 0
        self._task: int | None = None
        self._numbers = 0

    def next_number(self) -> int:
        """Return the number of the call that begins."""
        self._numbers += 1
        return self._numbers - 1

    def add(self, call: Call) -> None:
        """Keep a call, and forget what is older than the last steps."""
        self.calls[call.number] = call
        self.steps = call.first + call.steps
        if self.last is None or call.number % 64:  # rarely: it takes longer than a look
            return
        while len(self.calls) > 1:
            oldest = next(iter(self.calls.values()))
            if self.steps - (oldest.first + oldest.steps) < self.last:
                break
            del self.calls[oldest.number]
        first = next(iter(self.calls))
        while self.passes and self._task is None and self._last_call(self.passes[0]) < first:
            self.passes.popleft()

    def running(self, task: int) -> Pass:
        """Return the backward pass with this number, which may have just begun."""
        if task != self._task or not self.passes:
            self.settle()
            self._task = task
            self.passes.append(Pass())
        return self.passes[-1]

    def settle(self) -> bool:
        """Close the backward pass that ran, if one did; return whether there was one."""
        ran = self._task is not None
        if ran:
            self.passes[-1].settle()
        self._task = None
        return ran

    def _last_call(self, backward: Pass) -> int:
        return max(backward.direct, default=-1)

    def errors(self, backward: Pass) -> Iterator[tuple[NDArray[np.int64], Call]]:
        """Yield, call by call from the last, the steps whose errors reached a call."""
        before: dict[int, list[int]] = {}
        for number, earlier in backward.links:
            before.setdefault(number, []).append(earlier)
        passing: dict[int, NDArray[np.int64]] = {}
        met = {*backward.direct, *(number for pair in backward.links for number in pair)}
        for number in sorted(met & self.calls.keys(), reverse=True):
            call = self.calls[number]
            entered = backward.direct.get(number)
            own = np.flatnonzero(entered.cpu().numpy()) if entered is not None else np.arange(0)
            own = call.first + own
            errors = np.union1d(own, passing.pop(number, own))
            if len(errors):
                yield errors, call
                for earlier in before.get(number, ()):
                    passing[earlier] = np.union1d(errors, passing.get(earlier, errors))

    def counts(self) -> tuple[int, NDArray[np.int64]]:
        """Return the first step kept, and how often each error reached each step."""
        self.settle()
        first = next(iter(self.calls.values())).first if self.calls else 0
        times = np.zeros((self.steps - first,) * 2, dtype=np.int64)
        for backward in self.passes:
            for errors, call in self.errors(backward):
                reached = np.arange(call.first, call.first + call.steps)
                at = np.ix_(errors - first, reached - first)
                times[at] += reached <= errors[:, None]
        return first, times
