"""The form of an answer: what checks need before they can look at what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray


class AnswerError(Exception):
    """An answer is wrong; the message says how, to the reader."""


def require(holds: object, message: str) -> None:
    """Reject the answer with this message unless something holds."""
    if not holds:
        raise AnswerError(message)


def numbers(answer: Any, names: Iterable[str]) -> NDArray[np.float64]:
    """Return an answer of so many numbers, in this order, as floats."""
    wanted = list(names)
    # Tensors that are part of a graph give their values only when they are asked.
    answer = answer.detach() if hasattr(answer, "detach") else answer
    try:
        values = np.asarray(answer, dtype=float)
    except (TypeError, ValueError, OverflowError):
        raise AnswerError(
            f"This takes {_list(wanted)}, as plain numbers, not {type(answer).__name__} "
            f"{str(answer)[:60]!r}."
        ) from None
    require(
        values.size == len(wanted) and np.isfinite(values).all(),
        f"This takes {_list(wanted)}: {len(wanted)} finite number(s), not {values.size}.",
    )
    return values.ravel()


def array(value: Any, what: str) -> NDArray[np.float64]:
    """Return what a reader's function returned as an array of floats."""
    try:
        return np.asarray(value, dtype=float)
    except (TypeError, ValueError, OverflowError):
        raise AnswerError(f"Return an array, {what}, not {type(value).__name__}.") from None


def integers(answer: Any, what: str) -> list[int]:
    """Return an answer that lists integers."""
    try:
        values = np.asarray(answer, dtype=float).ravel()
    except (TypeError, ValueError, OverflowError):
        raise AnswerError(f"This takes {what}: a list of integers.") from None
    require(
        np.isfinite(values).all() and (values == values.round()).all(),
        f"This takes {what}: integers only.",
    )
    return [int(value) for value in values]


def pair(answer: Any, first: str, second: str) -> tuple[Any, Any]:
    """Return the two parts of an answer."""
    require(
        isinstance(answer, tuple | list) and len(answer) == 2,
        f"This takes two things, (first, second): {first}, and {second}.",
    )
    return answer[0], answer[1]


def function(answer: Any, form: str) -> Callable[..., Any]:
    """Return an answer that can be called; whatever it raises is told to the reader."""
    require(callable(answer), f"This takes a function, {form}, not its result.")

    def call(*arguments: Any) -> Any:
        try:
            return answer(*arguments)
        except Exception as error:
            raise AnswerError(
                f"Called as {form}, your function raised {type(error).__name__}: "
                f"{str(error).split(chr(10))[0][:160]}"
            ) from error

    return call


def _list(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]
