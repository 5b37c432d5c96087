"""Learning, told from reading the state that a network was handed.

A network that is updated after every chunk can store each row's label in the row's carried state
and read it back, whatever the inputs are. The three looks that tell it from learning need no
framework; this runs the network for them: a model that carries its state itself, or a function of
the caller's that is handed a state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tbptt import _states
from tbptt._calling import called
from tbptt._checks import finite, flag
from tbptt._diagnosis import Diagnosis, FrozenRun, judge
from tbptt.keras.backends import carries_in_fit
from tbptt.keras.diagnosis_checks import (
    check_alike,
    check_function,
    check_made,
    checked_chunks,
    checked_labels,
    checked_state,
    in_double,
    log_probabilities,
    states_of_model,
)
from tbptt.keras.state import kept_state, restore, snapshot, stateful_layers

Parts = list[NDArray[Any]]
Forward = Callable[[Any, Any], tuple[Any, Any]]
# What a network did: its answers to all chunks, and the parts of its state after the last.
Run = Callable[[Parts], tuple[list[Any], Parts]]


def diagnose(
    model: keras.Layer | Forward,
    chunks: Sequence[Any],
    labels: Any,
    *,
    train_loss: float,
    carried: Any = None,
    fresh: Any = None,
    from_logits: bool = False,
) -> Diagnosis:
    """Tell learning from reading one's own state, after a training pass over long sequences.

    Call it at the end of an epoch, with the sequences of that epoch, before the state is reset.
    Nothing is updated, and a model has the state afterwards that it had before.

    Parameters
    ----------
    model : keras.Layer or callable
        A model or layer that carries its state (``stateful=True``), whose answers are ``(rows,
        classes)``, or ``(rows, 1)`` for two classes. It is run as ``predict_on_batch`` does,
        without dropout. Or, for cells and loops of your own, a function ``forward(chunk, state) ->
        (answers, state)``.
    chunks : sequence of array_like
        The sequences, cut in time, in order: for a model each ``(rows, steps, ...)``.
    labels : array_like of int, shape (rows,)
        One label for each row, two different ones at least.
    train_loss : float
        Mean cross-entropy over the chunks of the training pass, in nats: the ``loss`` of ``fit`` or
        ``train_on_batch``, if no regulariser and no weight of classes is in it.
    carried : list of array_like, each (rows, ...), optional
        The state that the training pass left after its last chunk, as of
        :func:`tbptt.keras.snapshot`. Without it, what the model carries now. For a function a
        tensor, or a tuple or list of them, as it takes.
    fresh : like `carried`, optional
        A state to begin with, as training begins with one. Without it zeros, as a model begins
        with.
    from_logits : bool
        Whether answers are logits, and not probabilities, as Keras's losses ask.

    Returns
    -------
    Diagnosis
        Verdict and evidence.

    Raises
    ------
    TypeError
        If `model` is neither, labels are no integers, chunks or states no numbers, or a function
        is given without `carried` and `fresh`, or does not return a pair.
    ValueError
        If nothing in the model carries state, there are no chunks, fewer than two classes or than
        two rows of one, states or answers of other shapes, answers that are no probabilities (or
        are, and `from_logits` says otherwise), NaN or infinity among values; or if the state that
        the model carries is zero, because it was reset.

    Notes
    -----
    An alarm is: a frozen loss above the training loss by more than 0.2; a probe that reads the
    labels from training's state better by more than 0.25 than from the frozen pass's; answers that
    agree with the swapped state more often than with the inputs, by more than 0.2. How often
    verdicts are wrong is measured in ``data/results/alarms-keras``. The probe needs scikit-learn:
    ``pip install 'tbptt[series]'``.

    Examples
    --------
    >>> import keras, numpy as np
    >>> from tbptt.keras import diagnose, restore
    >>> keep = keras.initializers.Identity(2.0)  # a state that stays as it is
    >>> rnn = keras.layers.SimpleRNN(2, stateful=True, recurrent_initializer=keep)
    >>> model = keras.Sequential([keras.Input(batch_shape=(10, 4, 1)), rnn, keras.layers.Softmax()])
    >>> labels = np.array([0, 1] * 5)
    >>> chunks = [np.zeros((10, 4, 1))] * 6  # inputs that say nothing
    >>> restore(model, [np.eye(2)[labels]])  # training has left the labels there
    >>> diagnosis = diagnose(model, chunks, labels, train_loss=0.33)
    >>> print(diagnosis)
    verdict: leak
    ! loss: training 0.330, frozen 0.693
    ! label read from the state: training's 1.00, frozen 0.50
    ! states swapped: follows the state 1.00, the inputs 0.00

    A loop of your own hands its states over:

    >>> forward = lambda chunk, state: (state, state)  # it answers with its state
    >>> diagnose(
    ...     forward, chunks, labels, train_loss=0.0, carried=9 * np.eye(2)[labels],
    ...     fresh=np.zeros((10, 2)), from_logits=True,
    ... ).verdict
    'leak'
    """
    finite("train_loss", train_loss)
    logits, named = flag("from_logits", from_logits), checked_labels(labels)
    run: Run
    if isinstance(model, keras.Layer):
        left, first = states_of_model(model, named, carried, fresh)
        run = partial(_by_model, model, checked_chunks(chunks, model, named))
        keeping: AbstractContextManager[None] = kept_state(model)
    else:
        check_function(model, carried, fresh)
        left, first = (
            checked_state(name, state, named)
            for name, state in (("carried", carried), ("fresh", fresh))
        )
        run = partial(_by_function, model, checked_chunks(chunks, None, named), carried)
        keeping = nullcontext()
    check_alike(left, first)
    with keeping:
        return judge(
            partial(_frozen, run, named, logits),
            named,
            fresh=first,
            carried=left,
            features=_features,
            exchange=lambda state, rows: [part[rows] for part in state],
            train_loss=train_loss,
        )


def _frozen(run: Run, labels: NDArray[Any], from_logits: bool, state: Parts) -> FrozenRun[Parts]:
    """Run through the chunks."""
    answers, after = run(state)
    logs = np.stack([log_probabilities(each, labels, from_logits=from_logits) for each in answers])
    right = logs[:, np.arange(len(labels)), labels]
    return FrozenRun(-float(right.mean()), logs.argmax(2), after)


def _by_model(model: Any, chunks: list[NDArray[Any]], state: Parts) -> tuple[list[Any], Parts]:
    """Run a model that carries its state itself."""
    restore(model, state)
    # Compiled where Keras's backend keeps the state there, and many times as fast.
    compiled = isinstance(model, keras.Model) and carries_in_fit(stateful_layers(model))
    read = model.predict_on_batch if compiled else partial(model, training=False)
    answers = [read(chunk) for chunk in chunks]
    after = snapshot(model)
    check_made("The model", after, state)
    return answers, after


def _by_function(
    forward: Forward, chunks: list[NDArray[Any]], like: Any, state: Parts
) -> tuple[list[Any], Parts]:
    """Run a function that is handed the state."""
    answers = []
    for chunk in chunks:
        tensors = [keras.ops.convert_to_tensor(part) for part in (chunk, *state)]
        packed = _states.pack(tensors[1:], like)
        returned = called("model", "(chunk, state)", forward, tensors[0], packed)
        if not isinstance(returned, tuple | list) or len(returned) != 2:
            raise TypeError(
                f"model must return (answers, state), got {type(returned).__name__} from a chunk."
            )
        answer, after = returned
        answers.append(answer)
        before, state = state, [keras.ops.convert_to_numpy(part) for part in _states.flatten(after)]
        check_made("model", state, before)
    return answers, state


def _features(state: Parts) -> NDArray[Any]:
    return np.concatenate([in_double(part).reshape(len(part), -1) for part in state], 1)
