"""Callbacks that Keras lacks: reset the carried state in time, keep it through validation."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from numbers import Integral
from typing import Any

import keras

from tbptt._checks import natural, positive_int, shown
from tbptt.keras.backends import check_carries, check_trains
from tbptt.keras.state import Snapshot, kept_state, reset_rows, restore, snapshot, stateful_layers


class ResetState(keras.callbacks.Callback):  # type: ignore[misc]
    """Reset the carried state before the batches in which new sequences begin.

    Works in ``fit``, ``evaluate`` and ``predict``. Batches are counted from 0 in each epoch, and
    again in validation, so that batch 0, which every count includes, is always reset: ``fit``
    itself resets nothing between epochs.

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
        If both are given, or a number is below 1 (`every`) or negative (`at`). When ``fit`` and the
        like begin: if the model carries no state, or Keras's backend none in there; if the model
        was compiled with ``steps_per_execution`` and a reset would fall inside of an execution,
        where Keras calls no callback. While they run: if this callback was given to another model
        in the meantime.

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
        self.at = {0, *(natural("each number of at", batch) for batch in _listed(at))}
        self._training: Any = None

    def _begin(self) -> None:
        """Refuse what would miss a reset, before anything is changed."""
        check_carries(stateful_layers(self.model), in_fit=True)
        at_once = self.model.steps_per_execution
        between = self.every is not None or self.at != {0}
        if not isinstance(at_once, Integral):
            missed = between
        else:
            missed = any(batch % at_once for batch in (*self.at, self.every or 0))
        if missed:
            raise ValueError(
                f"The model was compiled with steps_per_execution={at_once!r}: Keras calls a "
                "callback once for so many batches, and a reset between two of them would be "
                "missed. Compile it with steps_per_execution=1, or let sequences begin at "
                "multiples of that number."
            )

    def _before(self, batch: int) -> None:
        if batch in self.at or (self.every is not None and batch % self.every == 0):
            reset_rows(self.model)

    def on_train_begin(self, logs: Any = None) -> None:
        """Refuse what cannot be right."""
        self._begin()
        check_trains(stateful_layers(self.model))
        self._training = self.model

    def on_test_begin(self, logs: Any = None) -> None:
        """Refuse what cannot be right."""
        self._begin()

    def on_predict_begin(self, logs: Any = None) -> None:
        """Refuse what cannot be right."""
        self._begin()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Reset if a sequence begins here."""
        if self.model is not self._training:
            raise ValueError(
                f"This ResetState is with {self._training.name!r} in fit, and has been given to "
                f"{self.model.name!r} in between: make one for each model."
            )
        self._before(batch)

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Reset if a sequence begins here."""
        self._before(batch)

    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Reset if a sequence begins here."""
        self._before(batch)


def _listed(at: Any) -> list[Any]:
    """Return what is in `at`; None is nothing."""
    if at is None:
        return []
    try:
        return list(at)
    except Exception as error:  # whatever the value's own __iter__ raises
        raise TypeError(
            f"at must be a list of batches, counted from 0, such as [4, 6], got {shown(at)}."
        ) from error


class KeepState(keras.callbacks.Callback):  # type: ignore[misc]
    """Put the state aside while ``fit`` validates, and put it back afterwards.

    Without it the next training epoch starts from the state that the validation data left.
    Validation itself starts from the training state; add :class:`ResetState` to start from zero.

    In ``fit`` the state is put back even when validation raises. An ``evaluate`` that is called
    with it by itself puts it back when it ends; around one that may raise, use :func:`kept_state`.

    Raises
    ------
    ValueError
        When ``fit`` or ``evaluate`` begin: if the model carries no state, or Keras's backend none
        in there.

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
        # Those of an evaluation, and of another one that is called while it runs.
        self._aside: list[Snapshot | None] = []
        self._guard: _GuardedEvaluate

    def on_train_begin(self, logs: Any = None) -> None:
        """Have the state put back when validation raises, too."""
        layers = stateful_layers(self.model)
        check_carries(layers, in_fit=True)
        check_trains(layers)
        self._aside.clear()
        self._guard = _GuardedEvaluate(self.model)

    def on_train_end(self, logs: Any = None) -> None:
        """Leave the model as it was."""
        self._guard.undo()

    def on_test_begin(self, logs: Any = None) -> None:
        """Copy the state."""
        layers = stateful_layers(self.model)
        check_carries(layers, in_fit=True)
        begun = all(layer.built for layer in layers)
        self._aside.append(snapshot(self.model) if begun else None)

    def on_test_end(self, logs: Any = None) -> None:
        """Put it back."""
        states = self._aside.pop()
        if states is None:
            reset_rows(self.model)  # a model that was not built begins at zero
        else:
            restore(self.model, states)


class _GuardedEvaluate:
    """The `evaluate` of a model in ``fit``, which puts the state back when validation raises.

    Keras tells callbacks nothing of an exception, but ``fit`` asks the model for `evaluate`, and
    says by a keyword that it is `fit` who asks. Other calls go through as they are.
    """

    def __init__(self, model: Any) -> None:
        own = vars(model).get("evaluate")
        # One that was left by a `fit` that raised is not wrapped again.
        self._own: Any = own._own if isinstance(own, _GuardedEvaluate) else own
        self._model = model
        vars(model)["evaluate"] = self

    def undo(self) -> None:
        """Leave the model as it was."""
        if self._own is None:
            vars(self._model).pop("evaluate", None)
        else:
            vars(self._model)["evaluate"] = self._own

    def __call__(self, *args: Any, **options: Any) -> Any:
        plain = self._own or partial(type(self._model).evaluate, self._model)
        if not options.get("_use_cached_eval_dataset"):
            return plain(*args, **options)
        try:
            with kept_state(self._model):
                return plain(*args, **options)
        except BaseException:
            self.undo()  # `fit` ends here, too
            raise
