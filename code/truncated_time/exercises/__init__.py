"""Check your answers to the exercises of the book: ``check("factors", answer)``.

Answers are not compared with a list of right ones. Each check works its case out another way, by
counting, by running it or by testing what a right answer must do, and says what is wrong with yours
without giving the answer away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from truncated_time.exercises import (
    _axes,
    _beyond,
    _beyond_coins,
    _beyond_reach,
    _bptt,
    _case,
    _checking,
    _choosing,
    _choosing_guide,
    _chunks,
    _cost,
    _cures,
    _detach,
    _dynamic_rnn,
    _enough,
    _initial_state,
    _modern,
    _passing,
    _series,
    _serving,
    _starts,
    _stateful,
    _streams,
    _text,
    _tools,
    _truncation,
    _windowing,
)
from truncated_time.exercises._form import AnswerError

__all__ = ["NAMES", "Result", "check"]

_CHAPTERS = (
    _bptt, _detach, _windowing, _axes, _series, _stateful, _streams, _dynamic_rnn, _serving,
    _truncation, _enough, _cost, _text,
    _initial_state, _cures, _starts, _checking, _tools, _choosing, _choosing_guide, _case,
    _beyond, _beyond_coins, _beyond_reach,
    _modern, _chunks, _passing,
)  # fmt: skip
_CHECKS: dict[str, Callable[[Any], None]] = {
    name: test for chapter in _CHAPTERS for name, test in chapter.CHECKS.items()
}
NAMES = tuple(sorted(_CHECKS))


@dataclass(frozen=True, slots=True)
class Result:
    """What a check found; a notebook shows its message.

    Attributes
    ----------
    passed : bool
        Whether the answer is right.
    message : str
        What is wrong, and which misunderstanding leads there.

    Examples
    --------
    >>> from truncated_time.exercises import Result
    >>> Result(passed=False, message="Not yet. You counted one factor too many.")
    Not yet. You counted one factor too many.
    """

    passed: bool
    message: str

    def __repr__(self) -> str:
        """Show the message alone."""
        return self.message


def check(name: str, answer: Any) -> Result:
    """Check an answer; a wrong one raises nothing.

    Parameters
    ----------
    name : str
        The exercise, as its stub names it.
    answer : object
        What the exercise asks for: numbers, an array, a function, a `Truncation`. ``...`` stands
        for no answer yet.

    Returns
    -------
    Result
        True or not, and why not.

    Raises
    ------
    ValueError
        If no exercise has this name.

    Examples
    --------
    >>> from truncated_time.exercises import check
    >>> check("factors", ...)
    Not yet answered: put your answer in place of the three dots.
    >>> check("rate", (0.005, 0.01))
    Not yet. With a sum, half as many losses add up to a smaller gradient. Does your
    rate make up for that, or make the step smaller still?
    >>> check("rate", (0.005, 0.01)).passed
    False
    """
    if name not in _CHECKS:
        near = get_close_matches(str(name), NAMES, n=3, cutoff=0.4) or NAMES
        raise ValueError(f"No exercise is called {name!r}; did you mean {', '.join(near)}?")
    if answer is ...:
        return Result(False, "Not yet answered: put your answer in place of the three dots.")
    try:
        _CHECKS[name](answer)
    except AnswerError as wrong:
        return Result(False, f"Not yet. {wrong}")
    return Result(True, "Right.")
