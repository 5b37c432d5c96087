"""The same weights at another batch size, or for sequences of any length."""

from __future__ import annotations

from typing import Any

import keras

from tbptt._checks import length
from tbptt.keras.backends import check_carries
from tbptt.keras.cloning import Cloning, within_steps
from tbptt.keras.layers import recurrent_layers


def twin(
    model: keras.Model, batch_size: int, *, steps: int | None = None, stateful: bool | None = None
) -> Any:
    """Build a model with the weights of `model` and another batch size.

    A stateful model has its batch size built in, one row of state for each row of a batch. The
    weights do not depend on it, nor on the number of steps.

    Parameters
    ----------
    model : keras.Model
        A Sequential or functional model, with models, wrappers and stacked cells inside as you
        like. It is not changed. Its inputs are ``(batch, steps, ...)``; among others, an input
        of floats ``(batch, features)`` has no steps.
    batch_size : int
        Rows of the new model.
    steps : int, optional
        Steps of the new model; without it, any number.
    stateful : bool, optional
        Whether the recurrent layers of the new model carry their state; without it, those of
        `model` that do. What is inside a ``TimeDistributed`` runs within a step and stays as it is.

    Returns
    -------
    keras.Model
        A copy with weights of its own, equal to those of `model` now, and zero states. It is not
        compiled.

    Raises
    ------
    TypeError
        If `model` is not such a model, or holds one that is not, a size is not an integer, or
        `stateful` is not a bool.
    ValueError
        If a size is below 1, the model has no inputs, a layer that is to carry its state reads
        backwards, or the model cannot be built at this size.

    Examples
    --------
    >>> import keras, numpy as np
    >>> from tbptt.keras import twin
    >>> rnn = keras.layers.SimpleRNN(4, stateful=True)
    >>> model = keras.Sequential([keras.Input(batch_shape=(2, 3, 1)), rnn])
    >>> single = twin(model, batch_size=1)
    >>> single.input_shape  # any number of steps
    (1, None, 1)
    >>> np.allclose(single(np.ones((1, 3, 1))), model(np.ones((2, 3, 1)))[:1])
    True
    """
    batch_size = length("batch_size", batch_size)
    steps = None if steps is None else length("steps", steps)
    if not isinstance(stateful, bool | None):
        raise TypeError(f"stateful must be True, False or left out, got {stateful!r}.")
    cloning = Cloning(model, batch_size, steps, stateful)
    copy, inside = cloning.copy(), within_steps(model)
    for old, new in cloning.pairs():
        _check_weights(old, new)
        _check_states(old, new, stateful, inside)
    check_carries((each for each in recurrent_layers(copy) if each.stateful), in_fit=False)
    for old, new in cloning.pairs():
        new.set_weights(old.get_weights())
    return copy


def _check_weights(old: Any, new: Any) -> None:
    shapes, others = ([tuple(w.shape) for w in each.weights] for each in (old, new))
    if shapes != others:
        raise ValueError(
            f"The weights of {old.name!r} depend on its batch size or its steps: {shapes}, but "
            f"{others} in the twin. Build the other one by hand and use set_weights."
        )


def _check_states(old: Any, new: Any, stateful: bool | None, inside: set[int]) -> None:
    """Check that layers carry their state as they should.

    A layer of the caller's own may make others out of sight of its configuration.
    """
    before, after = (recurrent_layers(each) for each in (old, new))
    wanted = [
        each.stateful if stateful is None or id(each) in inside else stateful for each in before
    ]
    if [each.stateful for each in after] != wanted:
        raise ValueError(
            f"What is inside {old.name!r} cannot be made to carry its state from outside, "
            f"stateful={stateful}. Build the twin by hand, and use set_weights."
        )
