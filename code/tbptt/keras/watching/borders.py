"""What a batch begins with: the state that another one left, zeros, or another state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

State = Sequence[NDArray[Any]]

# So many units of a strange state are kept.
_UNITS = 16


class Border(NamedTuple):
    """How the state of a layer came into a batch.

    Attributes
    ----------
    run : str
        ``"fit"``; ``"validation"``, an evaluation inside of ``fit``; ``"evaluate"``; or
        ``"predict"``.
    call, epoch, batch : int
        Which run of its kind, which epoch of ``fit``, and which batch, each counted from 0 as
        callbacks count.
    layer : str
        Name of the layer.
    rows : tuple of str
        Of each row: ``"carried"``, with the values that an earlier batch left; ``"zero"``;
        ``"random"``, another one each time; or ``"other"``.
    source : str or None
        The run whose last batch left what is carried.
    unseen : int
        Borders up to the next one that lie inside the same execution, where nobody can look.

    Examples
    --------
    >>> import keras, numpy as np
    >>> from tbptt.keras import Watch
    >>> rnn = keras.layers.SimpleRNN(4, stateful=True, name="rnn")
    >>> model = keras.Sequential([keras.Input(batch_shape=(2, 3, 1)), rnn])
    >>> watch = Watch()
    >>> answers = model.predict(np.ones((4, 3, 1)), batch_size=2, verbose=0, callbacks=[watch])
    >>> [(border.batch, border.rows, border.source) for border in watch.borders]
    [(0, ('zero', 'zero'), None), (1, ('carried', 'carried'), 'predict')]
    """

    run: str
    call: int
    epoch: int
    batch: int
    layer: str
    rows: tuple[str, ...]
    source: str | None
    unseen: int


@dataclass(frozen=True)
class Record:
    """A border, with what findings want to know with it.

    Attributes
    ----------
    border : Border
        As it was seen: nothing is told random from other yet.
    strange : ndarray (rows, units) or None
        The state itself where it is neither carried nor zero, a few units of it.
    lost : bool
        Whether the last batch left anything but zeros in a row that is zero now.
    broken : bool
        Whether the batch left NaN or infinity.
    """

    border: Border
    strange: NDArray[Any] | None
    lost: bool
    broken: bool

    def each(self, what: str) -> bool:
        """Say whether every row is of a kind."""
        return set(self.border.rows) == {what}

    def any(self, what: str) -> bool:
        """Say whether a row is of a kind."""
        return what in self.border.rows


class Left:
    """The states that the last batch of each kind of run left in a layer."""

    def __init__(self) -> None:
        self._states: dict[str, State] = {}

    def keep(self, run: str, state: State) -> None:
        """Keep what a batch left."""
        self._states.pop(run, None)
        self._states[run] = state  # the latest is the last

    def compare(self, state: State) -> tuple[tuple[str, ...], str | None, bool]:
        """Return what each row is, the run that left it, and whether one was zeroed."""
        zero = _every(state, lambda part: part == 0)
        latest = next(reversed(self._states.values()), state)
        lost = _alike(latest, state) and bool((zero & ~_every(latest, lambda p: p == 0)).any())
        for run, left in reversed(self._states.items()):
            if not _alike(left, state):
                continue
            same = np.logical_and.reduce(
                [_rows_equal(a, b) for a, b in zip(left, state, strict=True)]
            )
            if (same & ~zero).any():
                # Zeros that were left are carried, too, where other rows are.
                return _labels(zero & ~same, same), run, lost
        return _labels(zero, np.zeros_like(zero)), None, lost


def record(border: Border, left: Left, begin: State | None, end: State) -> Record:
    """Say what a batch began with; a layer that was not built began from zeros."""
    begin = [np.zeros_like(part) for part in end] if begin is None else begin
    rows, source, lost = left.compare(begin)
    strange = _flat(begin[0])[:, :_UNITS].copy() if "other" in rows else None
    broken = not all(np.isfinite(part).all() for part in end)
    return Record(border._replace(rows=rows, source=source), strange, lost, broken)


def _labels(zero: NDArray[np.bool_], same: NDArray[np.bool_]) -> tuple[str, ...]:
    kinds = np.select([zero, same], ["zero", "carried"], "other")
    return tuple(kinds.tolist())


def _alike(a: State, b: State) -> bool:
    return [part.shape for part in a] == [part.shape for part in b]


def _flat(part: NDArray[Any]) -> NDArray[Any]:
    return part.reshape(len(part), -1)


def _every(state: State, holds: Any) -> NDArray[np.bool_]:
    flags = [_flat(holds(part)).all(axis=1) for part in state]
    return np.asarray(np.logical_and.reduce(flags))


def _rows_equal(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.bool_]:
    # A row that is NaN is carried as others are.
    return np.asarray(_flat((a == b) | ((a != a) & (b != b))).all(axis=1))
