"""Functions that callers pass: called as they are, and if they do not take that, told in words."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any


def called(name: str, takes: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call what a caller passed, and return what it returns.

    Parameters
    ----------
    name, takes : str
        What the caller knows it as, and what it is handed: "loss_fn", "(outputs)".
    function : callable
        A function, or a layer of any framework.
    *arguments
        What it is handed.

    Raises
    ------
    TypeError
        If it takes other arguments. What it raises itself goes on as it is.
    """
    try:
        return function(*arguments)
    except TypeError as error:
        own = _signature(function)
        if own is None or _fits(own, arguments):
            raise
        kind = getattr(function, "__name__", None) or type(function).__name__
        raise TypeError(
            f"{name} must take {takes}, but {kind} takes {own}. Wrap it in a function that does, "
            f"such as lambda {takes.strip('()')}: ..."
        ) from error


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    """Return what a function takes; None where it does not say, as what is written in C."""
    # Layers take anything when they are called, and hand it on.
    for method in ("forward", "call"):
        function = getattr(function, method, function)
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


def _fits(own: inspect.Signature, arguments: tuple[Any, ...]) -> bool:
    try:
        own.bind(*arguments)
    except TypeError:
        return False
    return True
