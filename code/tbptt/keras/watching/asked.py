"""What ``fit`` was asked for: its data, and whether it shuffles them.

Keras tells a callback neither, and both decide what a carried state means. So the arguments are
read where they are, in the frame of the ``fit`` that calls.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Iterator
from types import FrameType
from typing import Any, NamedTuple

import keras
import numpy as np

_ARGUMENTS = "x", "shuffle", "steps_per_epoch", "initial_epoch"


class Asked(NamedTuple):
    """What one call of ``fit`` does with its data.

    Attributes
    ----------
    shuffles : bool
        Whether Keras changes the order of rows or batches.
    begins_again : bool
        Whether each epoch reads the same data from their beginning. False where nobody can know.
    first_epoch : int
        The epoch that it begins with, ``initial_epoch``.
    data : weakref.ref or None
        The first array, to know it again in the next call.
    validation_follows : bool
        Whether the first array to validate on is the next part of the same array.
    """

    shuffles: bool
    begins_again: bool
    first_epoch: int
    data: weakref.ref[Any] | None
    validation_follows: bool = False

    def same_data(self, other: Asked) -> bool:
        """Say whether two calls were given the same array."""
        mine, others = (None if each.data is None else each.data() for each in (self, other))
        return mine is not None and mine is others


def fit_of(model: Any) -> FrameType | None:
    """Return the frame of the ``fit`` of this model that is running, or None."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        local = frame.f_locals if frame.f_code.co_name == "fit" else {}
        if local.get("self") is model and set(_ARGUMENTS) <= local.keys():
            return frame
        frame = frame.f_back
    return None


def asked_of(frame: FrameType | None) -> Asked:
    """Read what ``fit`` was asked for."""
    if frame is None:
        return Asked(shuffles=False, begins_again=False, first_epoch=0, data=None)
    given, shuffle, steps, first = (frame.f_locals[name] for name in _ARGUMENTS)
    arrays = _are_arrays(given)
    counted = isinstance(given, keras.utils.PyDataset) and given.num_batches is not None
    # With steps_per_epoch an epoch goes on where the last one ended.
    again = steps is None and (arrays or _begins_again(given))
    leaves = keras.tree.flatten(given) if arrays else [given]
    return Asked(
        shuffles=bool(shuffle) and (arrays or counted), begins_again=again,
        first_epoch=int(first), data=_reference(leaves[0]),
        validation_follows=_follow(leaves, keras.tree.flatten(frame.f_locals["validation_data"])),
    )  # fmt: skip


def _follow(arrays: list[Any], others: list[Any]) -> bool:
    """Say whether the others begin where the arrays end in memory, as parts of one array do."""
    first, then = (each[0] if each else None for each in (arrays, others))
    if not (isinstance(first, np.ndarray) and isinstance(then, np.ndarray)):
        return False
    (begin, _), (behind, _) = (each.__array_interface__["data"] for each in (first, then))
    alike = first.shape[1:] == then.shape[1:] and first.strides == then.strides
    whole = first.base is not None and first.base is then.base
    return whole and alike and behind == begin + len(first) * first.strides[0]


def _are_arrays(given: Any) -> bool:
    """Say whether Keras makes the batches."""
    if isinstance(given, dict | list | tuple):
        return True
    return hasattr(given, "shape") and not isinstance(given, Iterator)


def _begins_again(given: Any) -> bool:
    """Say so of batches that are made already; frameworks are asked by what their data say."""
    if isinstance(given, keras.utils.PyDataset):
        # What it does there may move it on.
        return type(given).on_epoch_end is keras.utils.PyDataset.on_epoch_end
    if hasattr(given, "element_spec"):
        return not isinstance(given, Iterator)
    return hasattr(getattr(given, "dataset", None), "__len__")  # a DataLoader


def _reference(given: Any) -> weakref.ref[Any] | None:
    try:
        return weakref.ref(given)
    except TypeError:  # a number, say
        return None
