"""One model, looked at: which run is going on, and the state on both sides of every batch."""

from __future__ import annotations

from typing import Any

import keras

from tbptt.keras.backends import check_carries, check_trains
from tbptt.keras.cloning import within_steps
from tbptt.keras.layers import recurrent_layers
from tbptt.keras.state import Snapshot, copied
from tbptt.keras.watching.asked import Asked, asked_of, fit_of
from tbptt.keras.watching.executions import look_away, look_into
from tbptt.keras.watching.ledger import Ledger, Run

_RUNS = {"train": ("fit",), "test": ("validation", "evaluate"), "predict": ("predict",)}


class Looking:
    """What goes on in a model.

    Parameters
    ----------
    model : keras.Model
        With recurrent layers.
    last : int or None
        So many batches are kept.

    Raises
    ------
    ValueError
        If nothing in it is recurrent.
    """

    def __init__(self, model: Any, last: int | None) -> None:
        self.model, self.ledger = model, Ledger(last)
        self.asked: list[Asked] = []
        self.refused: dict[str, None] = {}
        self._running: list[Run] = []
        self._unannounced: Run | None = None
        self._before: dict[str, Snapshot | None] = {}
        if model.built and not self.layers():
            raise ValueError(
                f"There is no recurrent layer in {model.name!r}, and so no state to watch."
            )

    def layers(self) -> dict[str, Any]:
        """Return recurrent layers by name; not those without a state inside of a step."""
        inside, named = within_steps(self.model), {}
        for layer in recurrent_layers(self.model):
            if layer.stateful or id(layer) not in inside:
                name, number = layer.name, 1
                while name in named:
                    number += 1
                    name = f"{layer.name} ({number})"
                named[name] = layer
        return named

    def stateful(self) -> dict[str, Any]:
        """Return those of them that carry state."""
        return {name: layer for name, layer in self.layers().items() if layer.stateful}

    def begin(self, name: str) -> None:
        """Begin a run; an evaluation inside of ``fit`` is a validation."""
        frame = fit_of(self.model)
        if name == "fit" or frame is None:
            self._running.clear()  # what an exception ended, of which no callback hears
        if name == "fit":
            check_trains(list(self.stateful().values()))
            self.asked.append(asked_of(frame))
        epoch = self._running[0].epoch if self._running else 0
        if name == "evaluate" and self._running:
            name = "validation"
        try:
            check_carries(self.stateful().values(), in_fit=True)
        except ValueError as error:
            self.refused[str(error)] = None
        else:
            if self.stateful():
                look_into(self.model, self)
        self._running.append(self.ledger.begin(name, epoch))
        self._unannounced = None

    def end(self) -> None:
        """End the run, and leave the model as it was when the outermost ends."""
        self._running.pop()
        self._unannounced = None
        if not self._running:
            look_away(self.model, self)

    def at(self, *, epoch: int | None = None, batch: int | None = None) -> None:
        """Say where the run is."""
        run, self._unannounced = self._running[-1], None
        run.epoch = run.epoch if epoch is None else epoch
        run.batch = run.batch if batch is None else batch

    def up_to(self, batch: int) -> None:
        """Say up to which batch the last execution went."""
        self.ledger.ended(self._running[-1], batch)

    def before(self, kind: str) -> None:
        """Look at the state that a batch begins with."""
        self._before = self._states()

    def after(self, kind: str) -> None:
        """Look at the state that it left."""
        run = self._run(kind)
        ends = {name: state for name, state in self._states().items() if state is not None}
        self.ledger.note(run, self._before, ends)
        if run is self._unannounced:
            run.batch += 1

    def _run(self, kind: str) -> Run:
        """Return the run that a batch belongs to, be it one of which no callback hears."""
        run = self._running[-1] if self._running else None
        if run is not None and run.name in _RUNS[kind]:
            return run
        if self._unannounced is None or self._unannounced.name != _RUNS[kind][-1]:
            epoch = run.epoch if run is not None else 0
            self._unannounced = self.ledger.begin(_RUNS[kind][-1], epoch)
        return self._unannounced

    def _states(self) -> dict[str, Snapshot | None]:
        return {
            name: None if layer.states is None else copied(keras.tree.flatten(layer.states))
            for name, layer in self.stateful().items()
        }
