"""Which error reaches which step: truncated backpropagation through time as a schedule.

The letters are Sutskever's [1]_: every `k1` steps, run backpropagation through time back over
`k2` steps. Williams and Peng [2]_ write the same thing BPTT(h; h') with ``h = k2`` and
``h' = k1``.

References
----------
.. [1] I. Sutskever, "Training Recurrent Neural Networks", PhD thesis, University of Toronto,
   2013, section 2.8.6.
.. [2] R. J. Williams and J. Peng, "An efficient gradient-based algorithm for on-line training
   of recurrent network trajectories", Neural Computation 2(4), 1990.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tbptt._checks import positive_int


class BackwardPass(NamedTuple):
    """One backward pass: it runs over steps ``[start, stop)`` and owns some of their losses.

    Attributes
    ----------
    start : int
        First step that the pass goes back to. The state before it is a constant.
    first_loss : int
        First step whose loss belongs to this pass; the steps ``[start, first_loss)`` are there
        only for the gradient to travel through.
    stop : int
        One past the last step. The pass owns the losses ``[first_loss, stop)``.
    """

    start: int
    first_loss: int
    stop: int


@dataclass(frozen=True, slots=True)
class Truncation:
    """Backpropagate every `k1` steps through the last `k2` steps.

    Parameters
    ----------
    k1 : int
        Interval between backward passes, in steps. Each pass owns the losses of the `k1` steps
        before it ends.
    k2 : int
        Length of a backward pass, in steps: the furthest that an error travels, counting the
        step it arises at. ``1 <= k1 <= k2``.

    Raises
    ------
    TypeError
        If `k1` or `k2` is not an integer.
    ValueError
        If one of them is below 1, or ``k1 > k2``: then some losses would belong to no pass.

    Examples
    --------
    >>> Truncation(k1=3, k2=6).passes(8)
    [BackwardPass(start=0, first_loss=0, stop=3), BackwardPass(start=0, first_loss=3, stop=6), \
BackwardPass(start=2, first_loss=6, stop=8)]
    """

    k1: int
    k2: int

    def __post_init__(self) -> None:
        k1, k2 = positive_int("k1", self.k1), positive_int("k2", self.k2)
        if k1 > k2:
            raise ValueError(
                f"k1 must not exceed k2, got k1={k1} and k2={k2}: a pass of {k2} steps every {k1} "
                f"steps would leave {k1 - k2} of every {k1} losses without a gradient. "
                f"Take k1 <= {k2}, or k2 >= {k1}."
            )
        # NumPy integers become plain ones, so that the repr and the JSON of a schedule are clean.
        object.__setattr__(self, "k1", k1)
        object.__setattr__(self, "k2", k2)

    @classmethod
    def true(cls, k2: int) -> Truncation:
        """Return true truncation, ``k1 = 1``: every error travels `k2` steps."""
        return cls(1, k2)

    @classmethod
    def epochwise(cls, k: int) -> Truncation:
        """Return epochwise truncation, ``k1 = k2 = k``: chunks laid end to end.

        Where `k` does not divide the length, the last pass still starts `k` steps before the end,
        and so reaches further back than the short last chunk of a plain loop would.
        """
        return cls(k, k)

    def passes(self, steps: int) -> list[BackwardPass]:
        """List the backward passes over a sequence.

        Passes end at `k1`, ``2 * k1``, … and at `steps`; each owns the losses since the one
        before and starts at ``max(0, stop - k2)``.

        Parameters
        ----------
        steps : int
            Length of the sequence.

        Returns
        -------
        list of BackwardPass
            In order of time, ``ceil(steps / k1)`` of them.

        Raises
        ------
        TypeError, ValueError
            If `steps` is not an integer of at least 1.
        """
        steps = positive_int("steps", steps)
        return [
            BackwardPass(max(0, stop - self.k2), first, stop)
            for first in range(0, steps, self.k1)
            for stop in (min(first + self.k1, steps),)
        ]

    def reach(self, steps: int) -> NDArray[np.bool_]:
        """Say which error reaches which step.

        Parameters
        ----------
        steps : int
            Length of the sequence.

        Returns
        -------
        ndarray of bool, shape (steps, steps)
            ``reach[t, s]`` is True when the error at step `t` reaches the weights as they were
            used at step `s`.

        Raises
        ------
        TypeError, ValueError
            If `steps` is not an integer of at least 1.
        """
        passes = np.array(self.passes(steps))
        start = np.repeat(passes[:, 0], passes[:, 2] - passes[:, 1])  # (steps,), one a loss
        step = np.arange(steps)
        return (start[:, None] <= step) & (step <= step[:, None])

    def lag_counts(self, steps: int) -> NDArray[np.int64]:
        """Count the pairs of error and step that lie `j` steps apart, for every lag `j`.

        Parameters
        ----------
        steps : int
            Length of the sequence.

        Returns
        -------
        ndarray of int, shape (k2,)
            Entry `j` counts the errors that travel at least `j` steps back. The sum is the
            number of terms in the gradient.

        Raises
        ------
        TypeError, ValueError
            If `steps` is not an integer of at least 1.
        """
        reach = self.reach(steps)
        travelled = reach.sum(axis=1)  # (steps,), steps that each error covers
        return np.array([(travelled > lag).sum() for lag in range(self.k2)], dtype=np.int64)
