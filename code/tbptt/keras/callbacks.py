"""Callbacks that Keras lacks: reset the carried state in time, keep it through validation."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

import keras

from tbptt._checks import positive_int
from tbptt.keras.state import Snapshot, reset_rows, restore, snapshot


class ResetState(keras.callbacks.Callback):  # type: ignore[misc]
    """Reset the carried state before the batches in which new sequences begin.

    Works in ``fit``, ``evaluate`` and ``predict``. Batches are counted from 0 in each epoch, and
    anew in validation, so that batch 0, which every count includes, is always reset: ``fit`` itself
    resets nothing between epochs.

    Parameters
    ----------
    every : int, optional
        Reset before every so many batches: the number of windows in a sequence.
    at : iterable of int, optional
        Reset before these batches, and before batch 0; for sequences of several lengths. With
        neither, only batch 0 of every epoch.

    Raises
    ------
    TypeError
        If a number is not an integer.
    ValueError
        If both are given, or a number is below 1 (`every`) or negative (`at`).

    Examples
    --------
    >>> import keras, numpy as np
    >>> from tbptt.keras import ResetState
    >>> rnn = keras.layers.SimpleRNN(4, stateful=True)
    >>> model = keras.Sequential([keras.Input(batch_shape=(2, 3, 1)), rnn])
    >>> x = np.ones((8, 3, 1))  # four batches, two of each pair of sequences
    >>> answers = model.predict(x, batch_size=2, verbose=0, callbacks=[ResetState(every=2)])
    >>> np.allclose(answers[0], answers[2])  # goes on from batch 0
    False
    >>> np.allclose(answers[0], answers[4])  # new sequences begin as the first
    True
    """

    def __init__(self, every: int | None = None, at: Iterable[int] | None = None) -> None:
        super().__init__()
        if every is not None and at is not None:
            raise ValueError(f"Pass every={every} or at={at}, not both: each says all there is.")
        self.every = None if every is None else positive_int("every", every)
        self.at = {0} | {operator.index(batch) for batch in at or ()}
        if min(self.at) < 0:
            raise ValueError(f"at must count batches from 0, got {min(self.at)}.")

    def _before(self, batch: int) -> None:
        if batch in self.at or (self.every is not None and batch % self.every == 0):
            reset_rows(self.model)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Reset if a sequence begins here."""
        self._before(batch)

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Reset if a sequence begins here."""
        self._before(batch)

    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Reset if a sequence begins here."""
        self._before(batch)


class KeepState(keras.callbacks.Callback):  # type: ignore[misc]
    """Put the state aside while ``fit`` validates, and put it back afterwards.

    Without it the next training epoch starts from the state that the validation data left behind.
    Validation itself starts from the training state; add :class:`ResetState` to start from zero.

    Examples
    --------
    >>> import keras, numpy as np
    >>> from tbptt.keras import KeepState, snapshot
    >>> rnn = keras.layers.SimpleRNN(1, stateful=True)
    >>> model = keras.Sequential([keras.Input(batch_shape=(2, 3, 1)), rnn])
    >>> model.compile(loss="mse")
    >>> x, y = np.ones((2, 3, 1)), np.ones((2, 1))
    >>> loss = model.evaluate(x, y, batch_size=2, verbose=0, callbacks=[KeepState()])
    >>> bool(snapshot(model)[0].any())  # still zero, as before the evaluation
    False
    """

    def __init__(self) -> None:
        super().__init__()
        self._aside: Snapshot = []

    def on_test_begin(self, logs: Any = None) -> None:
        """Copy the state."""
        self._aside = snapshot(self.model)

    def on_test_end(self, logs: Any = None) -> None:
        """Put it back."""
        restore(self.model, self._aside)
