"""What was seen at the borders of a model, run by run."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tbptt._drawn import looks_drawn
from tbptt.keras.watching.borders import Border, Left, Record, State, record


@dataclass
class Run:
    """A run that is going on.

    Attributes
    ----------
    name : str
        ``"fit"``, ``"validation"``, ``"evaluate"`` or ``"predict"``.
    call, epoch, batch : int
        Where it is.
    """

    name: str
    call: int
    epoch: int
    batch: int = 0


class Ledger:
    """The borders of all layers that carry state; of more than `last` batches, the last ones."""

    def __init__(self, last: int | None) -> None:
        self._calls = {"fit": 0, "validation": 0, "evaluate": 0, "predict": 0}
        self._records: deque[list[Record]] = deque(maxlen=last)
        self._left: dict[str, Left] = {}
        self._known: dict[tuple[str, ...], tuple[str, ...]] = {}

    def begin(self, name: str, epoch: int = 0) -> Run:
        """Begin a run."""
        call = self._calls[name]
        self._calls[name] += 1
        return Run(name, call, epoch)

    def note(
        self, run: Run, before: Mapping[str, State | None], after: Mapping[str, State]
    ) -> None:
        """Note what a batch, or several in one execution, began with and left."""
        noted = []
        for layer, end in after.items():
            left = self._left.setdefault(layer, Left())
            border = Border(run.name, run.call, run.epoch, run.batch, layer, (), None, 0)
            one = record(border, left, before.get(layer), end)
            rows = self._known.setdefault(one.border.rows, one.border.rows)  # one copy of each
            noted.append(replace(one, border=one.border._replace(rows=rows)))
            left.keep(run.name, end)
        self._records.append(noted)

    def ended(self, run: Run, batch: int) -> None:
        """Note up to which batch the last execution went."""
        if self._records and batch > run.batch:
            self._records[-1] = [
                replace(each, border=each.border._replace(unseen=batch - run.batch))
                for each in self._records[-1]
            ]

    def records(self) -> list[Record]:
        """Return what was seen, random states told from others."""
        kept = [each for batch in self._records for each in batch]
        drawn = {
            name
            for name in self._left
            if _drawn(each for each in kept if each.border.layer == name)
        }
        return [_random(each) if each.border.layer in drawn else each for each in kept]


def _drawn(records: Iterable[Record]) -> bool:
    strange: list[Any] = [each.strange for each in records if each.strange is not None]
    alike = len({part.shape[1:] for part in strange}) == 1
    return alike and looks_drawn(np.concatenate(strange))


def _random(each: Record) -> Record:
    rows = tuple("random" if row == "other" else row for row in each.border.rows)
    return replace(each, border=each.border._replace(rows=rows))
