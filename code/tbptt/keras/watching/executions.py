"""The functions in which a model runs its batches, with a look at the state on both sides.

A callback is called before a batch in the order of the list, so that it misses what callbacks
after it do, and of what a callback of the reader's own runs it hears nothing. The functions that
``fit``, ``evaluate`` and ``predict`` call for a batch are the model's own, and miss nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

NAMES = {"train": "train_function", "test": "test_function", "predict": "predict_function"}


class Looks(Protocol):
    """What looks."""

    def before(self, kind: str) -> None:
        """Look at the state that a batch begins with."""

    def after(self, kind: str) -> None:
        """Look at the state that it left."""


class _Looked:
    """A function of a model, with a look before and after."""

    def __init__(self, looks: Looks, kind: str, inner: Callable[..., Any], *, made: bool) -> None:
        self.looks, self.kind, self.inner = looks, kind, inner
        self.made, self.used = made, False

    def __call__(self, *args: Any, **options: Any) -> Any:
        self.looks.before(self.kind)
        self.used = True
        answer = self.inner(*args, **options)
        self.looks.after(self.kind)
        return answer


def look_into(model: Any, looks: Looks) -> None:
    """Put a look around every batch of a model, once."""
    for kind, name in NAMES.items():
        made = getattr(model, name) is None
        getattr(model, f"make_{name}")()
        if not any(each.looks is looks for each in _around(model, name)):
            # In the model's own dict: Keras and TensorFlow take no notice.
            vars(model)[name] = _Looked(looks, kind, getattr(model, name), made=made)


def look_away(model: Any, looks: Looks) -> None:
    """Leave the model as it was, looks of others included."""
    for name in NAMES.values():
        outer = None
        for each in _around(model, name):
            if each.looks is not looks:
                outer = each
                continue
            # What was made for the look alone may be made in another way when it is needed.
            inner = None if each.made and not each.used else each.inner
            if outer is None:
                vars(model)[name] = inner
            else:
                outer.inner, outer.made = each.inner, each.made or outer.made


def _around(model: Any, name: str) -> list[_Looked]:
    """Return the looks around a function, the outermost first."""
    found, function = [], getattr(model, name)
    while isinstance(function, _Looked):
        found.append(function)
        function = function.inner
    return found
