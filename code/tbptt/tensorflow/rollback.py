"""All or nothing: variables get their values back where a call raises."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf


def bare(variable: Any) -> Any:
    """Return TensorFlow's variable that one of Keras's holds."""
    return variable.value if isinstance(variable, keras.Variable) else variable


@contextmanager
def all_or_nothing(variables: Iterable[Any]) -> Iterator[None]:
    """Give variables the values back that they have now, if what follows raises.

    A cell may write into variables of its own, such as a counter, and has done so by the time its
    loss is not finite. While a graph is traced nothing is computed, and there is nothing to undo.
    """
    if not tf.executing_eagerly():
        yield
        return
    # What is read shares its memory with the variable until one of the two is written to.
    before = [(variable, variable.read_value()) for variable in map(bare, variables)]
    try:
        yield
    except BaseException:
        for variable, value in before:
            variable.assign(value)
        raise
