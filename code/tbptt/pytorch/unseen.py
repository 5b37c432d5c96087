"""Calls of a cell that an engine makes, which `watch` leaves out: they are no steps of a loop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_INSIDE: ContextVar[bool] = ContextVar("inside an engine", default=False)


@contextmanager
def unseen() -> Iterator[None]:
    """Mark the calls made inside as an engine's own."""
    token = _INSIDE.set(True)
    try:
        yield
    finally:
        _INSIDE.reset(token)


def by_an_engine() -> bool:
    """Tell whether an engine makes the call that runs."""
    return _INSIDE.get()
