"""What a cell computes with, as a key: another one where an attribute of the cell has changed.

A compiled graph holds the activation, the sizes and the variables that a cell had when it was
traced. So before a graph is used again, the cell is compared with what it was.
"""

from __future__ import annotations

import types
import weakref
from collections.abc import Hashable, Mapping
from functools import cache
from typing import Any

import keras

from tbptt.tensorflow.checks import layers_of


def fingerprint(cell: Any) -> Hashable:
    """Return a key of a cell's layers and of their attributes.

    Numbers, texts and containers count by value, everything else (a function, a variable) by
    identity. What an object holds inside, and what a cell reads elsewhere, is not seen.
    """
    common = _common()
    return tuple(
        (
            _Identity(layer),
            tuple(
                (name, _key(value))
                for name, value in vars(layer).items()
                if name not in common and not name.startswith("_self_")  # TensorFlow's
            ),
        )
        for layer in layers_of(cell)
    )


class _Identity:
    """An object as a key: equal to itself alone, and not kept alive."""

    def __init__(self, value: Any) -> None:
        self._id, self._weak = id(value), weakref.ref(value)

    def __eq__(self, other: object) -> bool:
        # An id is given to another object once its own is gone; the reference is not.
        value = self._weak()
        return isinstance(other, _Identity) and value is not None and value is other._weak()

    def __hash__(self) -> int:
        return self._id


@cache
def _common() -> frozenset[str]:
    """Return what every layer has: bookkeeping of Keras, which changes from call to call."""
    return frozenset(vars(keras.Layer(name="layer")))


def _key(value: Any) -> Hashable:
    if value is None or type(value) in (bool, int, float, str):
        return type(value), value
    if isinstance(value, Mapping):
        return tuple((key, _key(entry)) for key, entry in value.items())
    if isinstance(value, set | frozenset):
        return frozenset(_key(entry) for entry in value)
    if isinstance(value, list | tuple):
        return tuple(_key(entry) for entry in value)
    if isinstance(value, types.MethodType):  # a new one whenever it is asked for
        return _key(value.__self__), _key(value.__func__)
    try:
        return _Identity(value)
    except TypeError:
        # A number of another type, say, takes no weak reference.
        return (type(value), value if isinstance(value, Hashable) else id(value))
