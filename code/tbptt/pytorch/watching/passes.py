"""Calls of a watched module, and backward passes through them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

_PRINTS = 8
# Flags that are looked at only when somebody asks: on a GPU a look waits for all that is queued.
Lazy = Tensor | bool


@dataclass(slots=True)
class Call:
    """One call of a recurrent module: one step of a cell, all steps of a layer.

    Attributes
    ----------
    number : int
        Its place among the calls, from 0.
    first, steps : int
        Its first step, counted over all calls, and how many it has.
    rows : int
        Rows of its batch.
    training, recorded : bool
        Whether the module was in training mode, and whether gradients were recorded.
    updates : int
        How often the weights had changed before.
    links : tuple of int or None
        For each part of the state that came in, the call that errors go back to; None where they
        go back to none.
    by_hand : bool
        Whether the state came in as a leaf that wants a gradient: a relay of errors by hand.
    carried, zero : Tensor of bool, shape (rows,), or bool
        Which rows came in with the values that an earlier call left, and which with zeros.
    source : int or None
        The call whose values the carried rows have.
    cut_rows : int
        Rows of that call that found no place here.
    strange : Tensor, shape (rows, units), or None
        Of a state that is not carried, a part.
    alike : Tensor or None
        How that state goes with the one that the last call left, from -1 to 1, on average: near 0
        if it was drawn, near 1 if the reader's own code made it of that one.
    begins, before : Tensor, shape (rows, features), or None
        Where the state has no way back: a part of the first step's inputs, and of the inputs of
        the step before it, in the call that left the state, else in the last one.
    past : Tensor, shape (rows, steps, numbers), or None
        As `before`, of several steps of the last call.
    moves : Tensor or None
        How far the inputs move from step to step, on average.
    follows, again : bool
        Whether the inputs follow the last call's, in one tensor; and whether they are where the
        reading of a tensor in parts began before.
    """

    number: int
    first: int
    steps: int
    rows: int
    training: bool
    recorded: bool
    updates: int
    links: tuple[int | None, ...]
    by_hand: bool = False
    carried: Lazy = False
    zero: Lazy = False
    source: int | None = None
    cut_rows: int = 0
    strange: Tensor | None = None
    alike: Tensor | None = None
    begins: Tensor | None = None
    before: Tensor | None = None
    past: Tensor | None = None
    moves: Tensor | None = None
    follows: bool = False
    again: bool = False

    @property
    def linked(self) -> bool:
        """Whether errors find a way back from any part of the state that came in."""
        return any(link is not None for link in self.links)

    def row_flags(self) -> tuple[list[bool], list[bool]]:
        """Return `carried` and `zero`, row by row."""
        return _rows(self.carried, self.rows), _rows(self.zero, self.rows)


def _rows(flag: Lazy, rows: int) -> list[bool]:
    if isinstance(flag, Tensor):
        listed: list[bool] = flag.tolist()
        return listed + [False] * (rows - len(listed))
    return [flag] * rows


class Arrival(NamedTuple):
    """The whole error of something that a call returned, and what of it came along the recurrence.

    Attributes
    ----------
    call : Call
        Whose result it is.
    steps : Tensor of bool, shape (steps,)
        The steps at which the result was returned.
    error : Tensor
        The whole.
    parts : list of (int, Tensor)
        What each later call sent back, under its number.
    by_step : callable or None
        Of a layer's outputs: turns an error into flags, one a step.
    """

    call: Call
    steps: Tensor
    error: Tensor
    parts: list[tuple[int, Tensor]]
    by_step: Callable[[Tensor], Tensor] | None = None


@dataclass(slots=True)
class Pass:
    """One backward pass: where errors came in, and which calls they went on to.

    Attributes
    ----------
    direct : dict of int to Tensor of bool, shape (steps,)
        By call, the steps at which errors of the loss itself came in.
    prints : dict of int to Tensor
        By call, some numbers of these errors, to tell a loss that comes twice.
    links : set of (call, earlier call)
        Where an error other than zero went from the one to the other.
    sent : dict of int to bool
        By call, whether what it sent back was other than zero.
    arrivals : list of Arrival
        What has not been looked at yet: that is done for many steps at once.
    """

    direct: dict[int, Tensor] = field(default_factory=dict)
    prints: dict[int, Tensor] = field(default_factory=dict)
    links: set[tuple[int, int]] = field(default_factory=set)
    sent: dict[int, bool] = field(default_factory=dict)
    arrivals: list[Arrival] = field(default_factory=list)

    def enter(self, call: Call, steps: Tensor) -> None:
        """Note that errors came in at some steps of a call."""
        known = self.direct.get(call.number)
        if known is not None:
            # Flags of errors lie on their device, those of last steps on the CPU. They meet on the
            # device: the other way would wait for all that is queued there.
            there = known.device if steps.device.type == "cpu" else steps.device
            steps = known.to(there) | steps.to(there)
        self.direct[call.number] = steps

    def settle(self) -> None:
        """Look at what has arrived: where the whole is more than its parts, a loss came in."""
        waiting, self.arrivals = self.arrivals, []
        alike: dict[tuple[object, ...], list[Arrival]] = {}
        for arrival in waiting:
            if not arrival.error.numel():
                continue  # a batch without rows
            kind = arrival.error.shape, arrival.error.dtype, arrival.error.device
            alike.setdefault(kind, []).append(arrival)
        for arrivals in alike.values():
            if len(arrivals) == 1 and not arrivals[0].parts:
                if bool(arrivals[0].error.any()):
                    self._enter(arrivals[0], arrivals[0].error)
            else:
                self._settle(arrivals)
        # Errors that came to a call and left it as zeros went no further: a hook of the reader's,
        # which runs after ours, has stopped them at the border.
        stopped = {number for number, some in self.sent.items() if not some} - self.direct.keys()
        self.links = {link for link in self.links if link[1] not in stopped}

    def _settle(self, arrivals: list[Arrival]) -> None:
        whole = torch.stack([arrival.error for arrival in arrivals])
        parts = [(i, *part) for i, arrival in enumerate(arrivals) for part in arrival.parts]
        sums, size = torch.zeros_like(whole), whole.new_zeros(len(whole))
        if parts:
            places = torch.tensor([i for i, _, _ in parts], device=whole.device)
            sent = torch.stack([part for _, _, part in parts])
            sums.index_add_(0, places, sent)
            sizes = largest(sent)
            size.index_add_(0, places, sizes)
            for (i, number, _), some in zip(parts, sizes.tolist(), strict=True):
                if number == arrivals[i].call.number:
                    continue  # from another result of the same call
                self.sent[number] = self.sent.get(number, False) or bool(some)
                if some:
                    self.links.add((number, arrivals[i].call.number))
        own = whole - sums
        rest = largest(own)
        entered = is_more_than_rounding(rest, size).tolist()
        for arrival, error, came_in in zip(arrivals, own, entered, strict=True):
            if came_in:
                self._enter(arrival, error)

    def _enter(self, arrival: Arrival, error: Tensor) -> None:
        """Note an error of the loss itself."""
        steps = arrival.by_step(error) if arrival.by_step is not None else arrival.steps
        self.enter(arrival.call, steps)
        # Some of its numbers, whose proportions tell it from the error of another loss.
        flat = error.flatten()
        self.prints[arrival.call.number] = flat[:: max(1, len(flat) // _PRINTS)].clone()


def largest(tensors: Tensor) -> Tensor:
    """Return the largest size of a number in each of several tensors."""
    # `vector_norm` takes fifteen times as long.
    return tensors.flatten(1).abs().amax(1)


def is_more_than_rounding(rest: Tensor, size: Tensor) -> Tensor:
    """Tell whether what is left of a sum without its parts, of a summed size, is one more part."""
    return rest > 8 * torch.finfo(rest.dtype).eps * size
