"""What was seen of a loop: in sentences, as matrices, and as the book's one picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tbptt._checks import shown
from tbptt._wording import report
from tbptt.measured import measured_picture
from tbptt.pytorch.watching.findings import findings
from tbptt.pytorch.watching.history import History
from tbptt.pytorch.watching.hooks import Hooks
from tbptt.pytorch.watching.recognised import named, recognise
from tbptt.schedule import BackwardPass, Truncation


class Border(NamedTuple):
    """How the state came into a call.

    Attributes
    ----------
    step : int
        First step of the call.
    rows : tuple of str
        Of each row: ``"carried"``, with the values that an earlier call left; ``"zero"``;
        ``"random"``, another one each time; or ``"other"``.
    linked : bool
        Whether errors find a way back to the call before.
    stale : bool
        Whether the weights have changed since the state was made: at a border where errors find no
        way back that is how chunks are trained; inside a chunk the gradient would be of neither.
    training : bool
        Whether the module was in training mode.

    Examples
    --------
    >>> import torch
    >>> from tbptt.pytorch import watch
    >>> cell, state = torch.nn.GRUCell(1, 2), torch.zeros(1, 2)
    >>> with watch(cell) as seen:
    ...     for x in torch.zeros(2, 1, 1):
    ...         state = cell(x, state).detach()
    >>> [border.rows for border in seen.borders]
    [('zero',), ('carried',)]
    """

    step: int
    rows: tuple[str, ...]
    linked: bool
    stale: bool
    training: bool


class Seen:
    """What :func:`watch` saw; it can be asked at any time, also while the loop runs.

    Where several recurrent modules are watched, ``seen["name"]`` is what was seen of one of them,
    under its name in the model; `findings` and ``print`` tell of all.

    Raises
    ------
    TypeError
        If `hooks` are not those of :func:`watch`, which makes it.

    Examples
    --------
    >>> import torch
    >>> from tbptt.pytorch import watch
    >>> cell, state = torch.nn.GRUCell(1, 2), torch.zeros(1, 2)
    >>> with watch(cell) as seen:
    ...     for chunk in torch.ones(12, 1, 1).split(4):
    ...         loss = 0.0
    ...         for x in chunk:
    ...             state = cell(x, state)
    ...             loss = loss + state.sum()
    ...         loss.backward()
    ...         state = state.detach()
    >>> seen.truncation, seen.steps, seen.modules
    (Truncation(k1=4, k2=4), 12, ('',))
    >>> seen.passes[-1]
    BackwardPass(start=8, first_loss=8, stop=12)
    >>> seen.counts()[7, :8], int(seen.reach().sum())
    (array([0, 0, 0, 0, 1, 1, 1, 1]), 30)
    >>> seen.borders[4].rows, seen.findings
    (('carried',), [])
    >>> picture = seen.picture(intended=seen.truncation)  # an SVG
    >>> print(seen)
    GRUCell: 12 steps in 12 calls, 3 backward passes.
    Errors reach 1 to 4 steps, 2.5 on average: epochwise truncation, Truncation(k1=4, k2=4).
    State: carried at 2 of 2 borders.
    Nothing unusual was seen.
    """

    def __init__(self, hooks: Mapping[str, Hooks]) -> None:
        given = hooks.values() if isinstance(hooks, Mapping) else ()
        if not given or not all(isinstance(each, Hooks) for each in given):
            raise TypeError(f"hooks must be those of watch(model), by name; got {shown(hooks)}.")
        self._hooks = dict(hooks)
        self._failed = ""

    def __getitem__(self, name: str) -> Seen:
        """Return what was seen of one module."""
        if name not in self._hooks:
            raise KeyError(f"{name!r} was not watched; {', '.join(map(repr, self._hooks))} were.")
        part = Seen({name: self._hooks[name]})
        part._failed = self._failed
        return part

    @property
    def modules(self) -> tuple[str, ...]:
        """Names of the modules that were watched, as in ``model.named_modules()``."""
        return tuple(self._hooks)

    @property
    def steps(self) -> int:
        """Recurrent steps seen, those included that are no longer kept."""
        return self._one.ledger.steps

    @property
    def passes(self) -> list[BackwardPass]:
        """Backward passes, in the order in which they ran; steps count from the first one kept."""
        first = self._first
        found = []
        for _, owned, reached in self._history.passes:
            begin = self._one.ledger.calls[int(reached[0])].first
            found.append(
                BackwardPass(begin - first, int(owned[0]) - first, int(owned[-1]) + 1 - first)
            )
        return found

    def counts(self) -> NDArray[np.int64]:
        """Return how often the error at step `t` reached step `s`, as ``counts[t, s]``.

        Two where it counted twice; all zeros before a backward pass ran, and a table of shape
        (0, 0) where no step did.
        """
        return self._history.counts

    def reach(self) -> NDArray[np.bool_]:
        """Return which error reached which step, as :meth:`tbptt.Truncation.reach` does."""
        return self.counts() > 0

    @property
    def truncation(self) -> Truncation | None:
        """The truncation that it is, or None: where it differs from all of them."""
        begins = {
            border.step: "carried" in border.rows for border in self.borders if not border.linked
        }
        return recognise(self.counts(), self.passes, begins)

    @property
    def borders(self) -> list[Border]:
        """How the state came into each call that is kept."""
        calls = self._one.ledger.calls
        drawn, found = self._history.drawn, []
        for call in calls.values():
            strange = "random" if call.number in drawn else "other"
            labels = tuple(
                "carried" if same and not empty else "zero" if empty else strange
                for same, empty in zip(*call.row_flags(), strict=True)
            )
            source = calls.get(call.source) if call.source is not None else None
            stale = source is not None and source.updates != call.updates
            step = call.first - self._first
            found.append(Border(step, labels, call.linked, stale, call.training))
        return found

    @property
    def findings(self) -> list[str]:
        """What is unusual, and what to do about it: a sentence or two each."""
        several = len(self._hooks) > 1
        return [
            f"{name}: {sentence}" if several else sentence
            for name in self._hooks
            for sentence in findings(self[name]._history)
        ]

    def picture(self, intended: Truncation | None = None) -> str:
        """Draw which error reached which step, next to the truncation that was intended.

        Parameters
        ----------
        intended : Truncation, optional
            What the loop was meant to do.

        Returns
        -------
        str
            An SVG.
        """
        return measured_picture(self.counts(), intended=intended)

    def __str__(self) -> str:
        """Describe it in sentences."""
        lines = [line for name in self._hooks for line in self[name]._described()]
        unusual = self.findings
        return report([*lines, *[self._verdict()] * (not unusual)], unusual)

    def _verdict(self) -> str:
        """Say what it means that there is no finding."""
        ran = [name for name, hooks in self._hooks.items() if hooks.ledger.calls]
        if ran and not any(self[name].passes for name in ran):
            return "No backward pass was seen, so nothing is said of errors."
        if ran or any(hooks.by_engines for hooks in self._hooks.values()):
            return "Nothing unusual was seen."
        return "So nothing can be said of it."

    def _repr_html_(self) -> str:
        from html import escape

        pictures = "".join(self[name].picture() for name in self._hooks if self[name].steps)
        return f"{pictures}<pre>{escape(str(self))}</pre>"

    @property
    def _one(self) -> Hooks:
        if len(self._hooks) != 1:
            raise ValueError(
                f"Several recurrent modules were watched, {', '.join(self._hooks)}: ask for one, "
                f"as in seen[{next(iter(self._hooks))!r}].counts()."
            )
        return next(iter(self._hooks.values()))

    @property
    def _first(self) -> int:
        calls = self._one.ledger.calls.values()
        return next((call.first for call in calls), 0)

    @property
    def _history(self) -> History:
        return History.of(self._one.ledger, self._failed)

    def _described(self) -> list[str]:
        hooks, (name,) = self._one, self._hooks
        kind = type(hooks.module).__name__
        calls, passes = hooks.ledger.calls, self.passes
        label = f"{name} ({kind})" if name else kind
        if not calls and hooks.by_engines:
            return [
                f"{label}: {hooks.by_engines} calls, all of them by an engine of this package, "
                "whose truncation is the one that it was given."
            ]
        if not calls:
            return [f"{label}: it did not run, or not where hooks can see it (torch.export?)."]
        counted = (self.steps, "step", "s"), (len(calls), "call", "s"), (len(passes), "pass", "es")
        steps, called, walked = (f"{n} {word}{more * (n != 1)}" for n, word, more in counted)
        lines = [f"{label}: {steps} in {called}, {walked.replace('pass', 'backward pass')}."]
        travelled = self.reach().sum(axis=1)
        travelled = travelled[travelled > 0]
        if len(travelled):
            low, high = int(travelled.min()), int(travelled.max())
            far = f"{low} to {high} steps, {travelled.mean():.1f} on average" if low < high else (
                f"{high} step{'s' * (high != 1)}"
            )  # fmt: skip
            lines.append(f"Errors reach {far}: {named(self.truncation)}.")
        borders = [border for border in self.borders[1:] if not border.linked]
        if borders:
            whole = sum(set(border.rows) == {"carried"} for border in borders)
            parts = sum("carried" in border.rows for border in borders) - whole
            some = f", at {parts} more in a part of the rows" * bool(parts)
            lines.append(f"State: carried at {whole} of {len(borders)} borders{some}.")
        if any(call.by_hand for call in calls.values()):
            lines.append(
                "The state came in as a leaf that wants a gradient: errors are passed on by hand, "
                "or by an engine, which cannot be seen here. Counted are the parts between."
            )
        if hooks.again:
            lines.append(
                f"{hooks.again} calls ran inside a backward pass, as checkpointing makes them; "
                "they are not counted."
            )
        return lines
