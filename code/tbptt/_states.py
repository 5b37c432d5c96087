"""States of one part or several: taken apart, and put together again as the kind they were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def flatten(state: Any) -> tuple[Any, ...]:
    """Return the parts of a tuple or list in order; anything else is a part itself."""
    return tuple(state) if isinstance(state, tuple | list) else (state,)


def pack(parts: Sequence[Any], like: Any) -> Any:
    """Put parts together to a state of the kind of `like`: one part, a tuple or a list."""
    if not isinstance(like, tuple | list):
        (state,) = parts
        return state
    kind: Any = type(like)
    # A NamedTuple takes its fields one by one, other tuples and lists take them all at once.
    return kind._make(parts) if hasattr(kind, "_make") else kind(parts)
