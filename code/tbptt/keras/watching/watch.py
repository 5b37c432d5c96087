"""Watch the state in ``fit``, ``evaluate`` and ``predict``: ``callbacks=[Watch()]``."""

from __future__ import annotations

from typing import Any

import keras

from tbptt._checks import positive_int
from tbptt._wording import report
from tbptt.keras.watching.borders import Border
from tbptt.keras.watching.described import described
from tbptt.keras.watching.findings import History, findings
from tbptt.keras.watching.looking import Looking


class Watch(keras.callbacks.Callback):  # type: ignore[misc]
    """Say what every border between batches does to the state of every row.

    Give it to ``fit``, ``evaluate`` or ``predict``, at any place among the callbacks, and print it
    afterwards. It sees what a batch begins with after all other callbacks, and inside of ``fit``
    also what ``evaluate`` and ``predict`` do in callbacks of yours. No number of the training
    changes. It copies the state twice a batch, so watch an epoch or two and not the whole training.

    What it cannot see: the data themselves, of which :func:`tbptt.windows.continuity` tells, and
    what a model does that is called by itself.

    Parameters
    ----------
    last : int, optional
        Keep the borders of this many batches, so that long training needs constant memory; all by
        default.

    Attributes
    ----------
    borders : list of Border
        For every batch and every layer that carries state, in order.
    findings : list of str
        What is unusual, and what to do about it.

    Raises
    ------
    TypeError, ValueError
        If `last` is no integer, or below 1. When ``fit`` and the like begin: if nothing in the
        model is recurrent; if it is given to another model than before; or, in ``fit``, if Keras's
        backend cannot train the layers with a carried state.

    Examples
    --------
    >>> import keras, numpy as np
    >>> from tbptt.keras import Watch
    >>> rnn = keras.layers.SimpleRNN(4, stateful=True, name="rnn")
    >>> model = keras.Sequential([keras.Input(batch_shape=(2, 3, 1)), rnn])
    >>> model.compile("sgd", "mse")
    >>> x, y, watch = np.ones((8, 3, 1)), np.ones((8, 4)), Watch()
    >>> _ = model.fit(x, y, 2, 3, shuffle=False, verbose=0, callbacks=[watch])
    >>> print(watch)
    rnn (SimpleRNN, 2 rows), fit: 3 epochs, 12 batches. Epoch 1 begins from
      zeros, epochs 2 to 3 begin with the state that fit left; inside, the state
      is carried at 9 of 9 borders.
    ! 2 epochs begin with the state that the end of the last one left (first in
      fit, epoch 2, batch 0), and the data begin again: fit resets nothing.
      Reset the state as an epoch begins: tbptt.keras.ResetState().
    >>> len(watch.findings)
    1
    """

    def __init__(self, last: int | None = None) -> None:
        super().__init__()
        self._last = None if last is None else positive_int("last", last)
        self._looking: Looking | None = None

    @property
    def borders(self) -> list[Border]:
        """What every batch began with, in order, for each layer that carries state."""
        return [] if self._looking is None else [b.border for b in self._looking.ledger.records()]

    @property
    def findings(self) -> list[str]:
        """What is unusual, and what to do about it: a sentence or two each."""
        if self._looking is None:
            return []
        layers = self._looking.stateful()
        backwards = frozenset(name for name, layer in layers.items() if layer.go_backwards)
        records, asked = self._looking.ledger.records(), self._looking.asked
        return findings(History(records, asked, backwards, tuple(self._looking.refused)))

    def __str__(self) -> str:
        """Describe it in sentences."""
        if self._looking is None:
            return "Nothing ran yet that had this Watch among its callbacks."
        unusual = self.findings
        lines = described(self._looking.layers(), self.borders)
        return report([*lines, *["Nothing unusual was seen."] * (not unusual)], unusual)

    def _begin(self, run: str) -> None:
        if self._looking is None:
            self._looking = Looking(self.model, self._last)
        elif self._looking.model is not self.model:
            raise ValueError(
                f"This Watch has seen {self._looking.model.name!r}, and was given to "
                f"{self.model.name!r}: make one for each model."
            )
        self._looking.begin(run)

    @property
    def _seen(self) -> Looking:
        if self._looking is None:
            raise RuntimeError("A run goes on that has not begun: call on_train_begin first.")
        return self._looking

    def on_train_begin(self, logs: Any = None) -> None:
        """Begin to look."""
        self._begin("fit")

    def on_test_begin(self, logs: Any = None) -> None:
        """Begin to look."""
        self._begin("evaluate")

    def on_predict_begin(self, logs: Any = None) -> None:
        """Begin to look."""
        self._begin("predict")

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Note the epoch."""
        self._seen.at(epoch=epoch)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Note the batch."""
        self._seen.at(batch=batch)

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Note the batch."""
        self._seen.at(batch=batch)

    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Note the batch."""
        self._seen.at(batch=batch)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Note how many batches ran at once."""
        self._seen.up_to(batch)

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """Note how many batches ran at once."""
        self._seen.up_to(batch)

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        """Note how many batches ran at once."""
        self._seen.up_to(batch)

    def on_train_end(self, logs: Any = None) -> None:
        """Leave the model as it was."""
        self._seen.end()

    def on_test_end(self, logs: Any = None) -> None:
        """Leave the model as it was."""
        self._seen.end()

    def on_predict_end(self, logs: Any = None) -> None:
        """Leave the model as it was."""
        self._seen.end()
