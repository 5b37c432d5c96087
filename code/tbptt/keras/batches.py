"""Refuse batches that do not fit a carried state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import keras

from tbptt._checks import numeric_array
from tbptt._reading import holds_arrays
from tbptt.keras.backends import check_carries
from tbptt.keras.state import state_variables, stateful_layers

T = TypeVar("T")


def check_batches(model: keras.Layer, *arrays: T) -> tuple[T, ...]:
    """Refuse data that does not fill whole batches of a stateful model.

    Keras 3 does not on every backend: a last batch of a single row is broadcast against the state,
    overwrites the state of every other row, and ``predict`` returns more rows than it was given.

    Parameters
    ----------
    model : keras.Layer
        A model with stateful layers.
    *arrays : array_like, shape (n, ...), or a list, tuple or dict of them
        What goes to ``fit``, ``evaluate`` or ``predict``, with the model's batch size. Several
        inputs are counted each by itself. What makes its own batches may be a
        ``keras.utils.PyDataset``, of which every batch is read once, a ``tf.data.Dataset`` that
        says how large its batches are, as after ``.batch(n, drop_remainder=True)``, or a PyTorch
        ``DataLoader``.

    Returns
    -------
    tuple
        The arrays as they came: ``model.predict(*check_batches(model, x), batch_size=4)``.
        ``validation_split`` cuts off rows before batches are made, so split first.

    Raises
    ------
    TypeError
        If `model` is no Keras layer, or nothing can be counted: None, a number, or a generator,
        which would be used up.
    ValueError
        If nothing carries state, or Keras's backend carries none from batch to batch, or there are
        no rows, or the batch size does not divide their number.

    Examples
    --------
    >>> import keras, numpy as np
    >>> from tbptt.keras import check_batches
    >>> rnn = keras.layers.SimpleRNN(4, stateful=True)
    >>> model = keras.Sequential([keras.Input(batch_shape=(2, 3, 1)), rnn])
    >>> check_batches(model, np.zeros((5, 3, 1)))
    Traceback (most recent call last):
        ...
    ValueError: 5 rows do not fill batches of 2: 1 would be left for the last one, ...
    """
    batch = _batch_size(model)
    check_carries(stateful_layers(model), in_fit=True)
    for place, given in enumerate(arrays):
        made = _made_batches(given)
        if made is None:
            for name, rows in _counts(given, f"arrays[{place}]"):
                _check_rows(model, name, rows, batch)
            continue
        for name, rows in made:
            if rows != batch:
                raise ValueError(
                    f"{name} has {rows} rows, but {model.name!r} carries a state of {batch} rows: "
                    f"make batches of {batch}, and leave out a last one that is smaller."
                )
    return arrays


def _batch_size(model: keras.Layer) -> int:
    """Return the rows of a batch: those of the model's input, or of its state."""
    carried = int(state_variables(model)[0].shape[0])
    shapes = [x.shape for x in getattr(model, "inputs", None) or ()]
    fixed = [int(shape[0]) for shape in shapes if len(shape) and shape[0] is not None]
    return fixed[0] if fixed else carried


def _check_rows(model: keras.Layer, name: str, rows: int, batch: int) -> None:
    left = rows % batch
    if rows and not left:
        return
    if rows < batch:
        raise ValueError(
            f"{name} has {rows} rows, which do not fill a batch of {batch}, and {model.name!r} "
            f"carries a state of {batch} rows. Pad to {batch}, or predict with "
            f"tbptt.keras.twin(model, {max(rows, 1)})."
        )
    raise ValueError(
        f"{rows} rows do not fill batches of {batch}: {left} would be left for the last one, and "
        f"{model.name!r} carries a state of {batch} rows. Pass {rows - left} rows, pad to "
        f"{rows + batch - left}, or predict with tbptt.keras.twin(model, batch_size). This is "
        f"{name}."
    )


def _counts(given: Any, name: str) -> Iterator[tuple[str, int]]:
    """Yield the rows of each array in what was given."""
    if isinstance(given, dict):
        for key, part in given.items():
            yield from _counts(part, f"{name}[{key!r}]")
    elif isinstance(given, list | tuple) and holds_arrays(name, given):
        for place, part in enumerate(given):
            yield from _counts(part, f"{name}[{place}]")
    elif given is None or isinstance(given, Iterator):
        raise TypeError(
            f"{name} is {'None' if given is None else f'a {type(given).__name__}'}, whose rows "
            "cannot be counted. Leave out what there is none of; of a generator, check a batch "
            "where it is made, or hand over arrays."
        )
    else:
        # Numbers and text in lists are read by the library's own rule, and ragged ones refused.
        nested = isinstance(given, list | tuple)
        shape: Any = numeric_array(name, given, min_ndim=1).shape if nested else _shape(given)
        if not len(shape) or shape[0] is None:
            raise TypeError(
                f"{name} must be an array with rows, got {type(given).__name__}: pass what goes "
                "to fit, evaluate or predict, as an array (n, ...) or a list or dict of arrays."
            )
        yield name, int(shape[0])


def _shape(given: Any) -> Any:
    shape = getattr(given, "shape", ())
    return shape if getattr(shape, "rank", 0) is not None else ()


def _made_batches(given: Any) -> Iterable[tuple[str, int]] | None:
    """Return the rows of batches that are made already; None of arrays, of which Keras makes them.

    Frameworks are asked by what their data has to say, so that none is imported.
    """
    if isinstance(given, keras.utils.PyDataset):
        return _of_pydataset(given)
    if hasattr(given, "element_spec"):
        return _of_tf_dataset(given)
    if hasattr(given, "drop_last") and hasattr(given, "batch_size"):
        return _of_data_loader(given)
    return None


def _of_pydataset(dataset: Any) -> Iterator[tuple[str, int]]:
    if dataset.num_batches is None:
        raise TypeError("The PyDataset has no end: check a batch in its __getitem__.")
    for number in range(dataset.num_batches):
        batch = dataset[number]
        # Targets or weights that a batch does not have are None.
        parts = [p for p in batch if p is not None] if isinstance(batch, tuple) else batch
        yield from _counts(parts, f"batch {number}")


def _of_tf_dataset(dataset: Any) -> Iterator[tuple[str, int]]:
    for spec in keras.tree.flatten(dataset.element_spec):
        if not spec.shape.rank or spec.shape[0] is None:
            raise ValueError(
                "The dataset does not say how many rows a batch has, so that the last one may have "
                "fewer: batch it with drop_remainder=True."
            )
        yield "A batch of the dataset", int(spec.shape[0])


def _of_data_loader(loader: Any) -> Iterator[tuple[str, int]]:
    if loader.batch_size is None or not hasattr(loader.dataset, "__len__"):
        raise TypeError(
            "The DataLoader does not say how many rows a batch has: give it batch_size and a "
            "dataset with a length, or check a batch where it is made."
        )
    rows, size = len(loader.dataset), int(loader.batch_size)
    if rows >= size:
        yield "A batch of the DataLoader", size
    if rows < size or (rows % size and not loader.drop_last):
        yield "The last batch of the DataLoader", rows % size
