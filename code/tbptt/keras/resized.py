"""The same weights at another batch size, or for sequences of any length."""

from __future__ import annotations

from typing import Any

import keras

from tbptt._checks import positive_int


def twin(
    model: keras.Model, batch_size: int, *, steps: int | None = None, stateful: bool | None = None
) -> Any:
    """Build a model with the weights of `model` and another batch size.

    A stateful model has its batch size built in, one row of state for each row of a batch. The
    weights do not depend on it, nor on the number of steps.

    Parameters
    ----------
    model : keras.Model
        A Sequential or functional model with one input ``(batch, steps, ...)``. It is not changed.
    batch_size : int
        Rows of the new model.
    steps : int, optional
        Steps of the new model; without it, any number.
    stateful : bool, optional
        Whether the recurrent layers of the new model carry their state; without it, those of
        `model` that do. A wrapped layer, such as a Bidirectional one, stays as it is.

    Returns
    -------
    keras.Model
        A copy with weights of its own, equal to those of `model` now, and zero states. It is not
        compiled.

    Raises
    ------
    TypeError
        If `model` is not such a model, a size is not an integer, or `stateful` is not a bool.
    ValueError
        If a size is below 1, or the model has several inputs.

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
    if not isinstance(model, keras.Sequential | keras.Model) or not hasattr(model, "inputs"):
        raise TypeError(
            f"model must be a Sequential or functional Keras model, got {type(model).__name__}. "
            "Build a subclassed one anew and move its weights with set_weights."
        )
    if not model.inputs or len(model.inputs) != 1:
        raise ValueError(
            f"model has {len(model.inputs or [])} inputs; twin knows what to do with one. Begin "
            "the model with keras.Input, or build the other one by hand and use set_weights."
        )
    batch_size = positive_int("batch_size", batch_size)
    steps = None if steps is None else positive_int("steps", steps)
    if not isinstance(stateful, bool | None):
        raise TypeError(f"stateful must be True, False or left out, got {stateful!r}.")

    def copied(layer: Any) -> Any:
        config = layer.get_config()
        if stateful is not None and isinstance(layer, keras.layers.RNN):
            config["stateful"] = stateful
        return type(layer).from_config(config)

    (old,) = model.inputs
    shape = (batch_size, steps, *old.shape[2:])
    copy = keras.models.clone_model(
        model,
        input_tensors=keras.Input(batch_shape=shape, dtype=old.dtype),
        clone_function=copied,
    )
    copy.set_weights(model.get_weights())
    return copy
