"""Where the windows of a sequence lie, and which steps none of them contains."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tbptt._checks import instance, length, positive_int

T = TypeVar("T", int, NDArray[np.int64])


class DroppedStepsWarning(UserWarning):
    """Some steps of the sequence are in no window.

    Examples
    --------
    >>> import warnings
    >>> from tbptt.windows import DroppedStepsWarning, prepare_sequences
    >>> warnings.simplefilter("error", DroppedStepsWarning)  # rather stop than lose steps
    >>> prepare_sequences([range(5)], [0], window_length=2, increment=2)
    Traceback (most recent call last):
        ...
    tbptt.windows.cutting.DroppedStepsWarning: 1 of 5 steps are in no window ...
    """


@dataclass(frozen=True, slots=True)
class Cut:
    """Where the windows of one sequence lie.

    Attributes
    ----------
    steps : int
        Length of the sequence.
    window_length : int
        Steps in a window.
    increment : int
        Steps from the start of one window to the start of the next (the stride).

    Raises
    ------
    TypeError, ValueError
        As for :func:`cut`.

    Examples
    --------
    >>> from tbptt.windows import cut
    >>> where = cut(steps=11, window_length=4, increment=3)
    >>> where.n_windows, where.starts
    (3, array([0, 3, 6]))
    >>> where.coverage  # steps in two windows count twice
    array([1, 1, 1, 2, 1, 1, 2, 1, 1, 1, 0])
    >>> where.dropped
    array([10])
    """

    steps: int
    window_length: int
    increment: int

    def __post_init__(self) -> None:
        steps = length("steps", self.steps)
        window_length = positive_int("window_length", self.window_length)
        increment = positive_int("increment", self.increment)
        if window_length > steps:
            raise ValueError(
                f"window_length {window_length} is longer than the sequence of {steps} steps, so "
                f"there is no window at all. Take at most {steps}, or pad the sequences."
            )
        # NumPy integers become plain ones, whose products do not overflow.
        object.__setattr__(self, "steps", steps)
        object.__setattr__(self, "window_length", window_length)
        object.__setattr__(self, "increment", increment)

    @property
    def n_windows(self) -> int:
        """Number of windows: ``(steps - window_length) // increment + 1``."""
        return (self.steps - self.window_length) // self.increment + 1

    @property
    def starts(self) -> NDArray[np.int64]:
        """First step of every window, shape ``(n_windows,)``."""
        # An increment beyond the sequence leaves one window, whatever its size.
        return np.arange(self.n_windows, dtype=np.int64) * min(self.increment, self.steps)

    @property
    def coverage(self) -> NDArray[np.int64]:
        """Number of windows that contain each step, shape ``(steps,)``."""
        edges = np.zeros(self.steps + 1, dtype=np.int64)
        np.add.at(edges, self.starts, 1)
        np.add.at(edges, self.starts + self.window_length, -1)
        return edges[:-1].cumsum()

    @property
    def dropped(self) -> NDArray[np.int64]:
        """Steps that no window contains: gaps between windows, and the end of the sequence."""
        return np.flatnonzero(self.coverage == 0)


def cut(steps: int, window_length: int, increment: int) -> Cut:
    """Cut a sequence into windows, without touching any data.

    Parameters
    ----------
    steps : int
        Length of the sequence.
    window_length : int
        Steps in a window, at most `steps`.
    increment : int
        Steps from one window's start to the next one's. More than `window_length` leaves gaps.

    Returns
    -------
    Cut
        Starts, coverage and dropped steps.

    Raises
    ------
    TypeError
        If an argument is not an integer.
    ValueError
        If one is below 1, or the window is longer than the sequence.

    Examples
    --------
    >>> from tbptt.windows import cut
    >>> cut(steps=10, window_length=4, increment=4).starts
    array([0, 4])
    >>> cut(steps=10, window_length=4, increment=4).dropped
    array([8, 9])
    """
    return Cut(steps, window_length, increment)


def warn_of_dropped(where: Cut) -> None:
    """Warn the caller of a public function if some steps are in no window.

    It counts them without a table of steps, so that whole windows of a long series cost nothing.
    """
    covered = n_covered(where.n_windows, where.window_length, where.increment)
    if covered < where.steps:
        warnings.warn(describe_dropped(where), DroppedStepsWarning, stacklevel=3)


def n_covered(n_windows: T, window_length: int, increment: int) -> T:
    """Count the steps that some window contains, for one number of windows or for many.

    Where there is no window, no step is.
    """
    new = min(increment, window_length)  # what each window adds to the one before it
    return n_windows * new + (n_windows > 0) * (window_length - new)


def describe_dropped(where: Cut) -> str:
    """Say in a sentence which steps (counted from 0) no window contains, and what to do.

    Raises
    ------
    TypeError
        If `where` is not what :func:`cut` returns.

    Examples
    --------
    >>> from tbptt.windows import cut, describe_dropped
    >>> print(describe_dropped(cut(steps=10, window_length=2, increment=4)))
    4 of 10 steps are in no window (counted from 0: 2, 3, 6, 7), with windows of 2
    every 4; an increment of at most 2 closes the gaps.
    """
    instance("where", where, Cut, "pass what cut() returns")
    dropped = where.dropped
    if not dropped.size:
        return f"Every one of the {where.steps} steps is in a window."
    listed = ", ".join(map(str, dropped[:8])) + (", …" if dropped.size > 8 else "")
    cure = (
        f"an increment of at most {where.window_length} closes the gaps"
        if where.increment > where.window_length
        else "pad the end or choose sizes that fit"
    )
    return (
        f"{dropped.size} of {where.steps} steps are in no window (counted from 0: {listed}), with "
        f"windows of {where.window_length} every {where.increment}; {cure}."
    )
