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

from tbptt._checks import length, positive_int


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

    Examples
    --------
    >>> from tbptt import Truncation
    >>> Truncation(k1=3, k2=6).passes(8)[-1]  # two losses, and four steps to travel through
    BackwardPass(start=2, first_loss=6, stop=8)
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
        Length of a backward pass, in steps: the furthest that an error reaches, counting the
        step it arises at. ``1 <= k1 <= k2``.

    Raises
    ------
    TypeError
        If `k1` or `k2` is not an integer.
    ValueError
        If one of them is below 1, or ``k1 > k2``: then some losses would belong to no pass.

    Examples
    --------
    >>> from tbptt import Truncation
    >>> Truncation(k1=3, k2=6).travelled(8)  # steps that each error travels
    array([1, 2, 3, 4, 5, 6, 5, 6])
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
        """Return true truncation, ``k1 = 1``: every error reaches `k2` steps.

        Examples
        --------
        >>> from tbptt import Truncation
        >>> Truncation.true(4).travelled(8)  # steps that each error travels
        array([1, 2, 3, 4, 4, 4, 4, 4])
        """
        return cls(1, k2)

    @classmethod
    def epochwise(cls, k: int) -> Truncation:
        """Return epochwise truncation, ``k1 = k2 = k``: chunks laid end to end.

        Where `k` does not divide the length, the last pass still starts `k` steps before the end,
        and so reaches further back than the short last chunk of a plain loop would.

        Examples
        --------
        >>> from tbptt import Truncation
        >>> Truncation.epochwise(4).travelled(8)  # steps that each error travels
        array([1, 2, 3, 4, 1, 2, 3, 4])
        """
        k = positive_int("k", k)
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

        Examples
        --------
        >>> from tbptt import Truncation
        >>> for start, first_loss, stop in Truncation(k1=3, k2=6).passes(8):
        ...     print(f"losses {first_loss} to {stop - 1}, back to step {start}")
        losses 0 to 2, back to step 0
        losses 3 to 5, back to step 0
        losses 6 to 7, back to step 2
        """
        start, first_loss, stop = self._bounds(steps)
        bounds = zip(start.tolist(), first_loss.tolist(), stop.tolist(), strict=True)
        return [BackwardPass._make(each) for each in bounds]

    def travelled(self, steps: int) -> NDArray[np.int64]:
        """Count the steps that each error covers, its own included.

        Parameters
        ----------
        steps : int
            Length of the sequence.

        Returns
        -------
        ndarray of int, shape (steps,)
            The sums of the rows of :meth:`reach`, without that square table: a million steps are
            no trouble.

        Raises
        ------
        TypeError, ValueError
            If `steps` is not an integer of at least 1.

        Examples
        --------
        >>> from tbptt import Truncation
        >>> Truncation(k1=3, k2=4).travelled(8)
        array([1, 2, 3, 2, 3, 4, 3, 4])
        >>> int(Truncation.true(20).travelled(1_000_000).max())
        20
        """
        start, first_loss, stop = self._bounds(steps)
        # A row for each pass, a column for each loss that it owns; the last one may own fewer.
        owned = np.arange(1, stop[0] + 1)
        covered: NDArray[np.int64] = ((first_loss - start)[:, None] + owned).ravel()
        return covered[: stop[-1]]

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

        Examples
        --------
        >>> from tbptt import Truncation
        >>> Truncation(k1=2, k2=3).reach(5).astype(int)
        array([[1, 0, 0, 0, 0],
               [1, 1, 0, 0, 0],
               [0, 1, 1, 0, 0],
               [0, 1, 1, 1, 0],
               [0, 0, 1, 1, 1]])
        """
        travelled = self.travelled(steps)
        step = np.arange(len(travelled))
        lag = step[:, None] - step  # (steps, steps)
        return (lag >= 0) & (lag < travelled[:, None])

    def lag_counts(self, steps: int) -> NDArray[np.int64]:
        """Count the pairs of error and step that lie `j` steps apart, for every lag `j`.

        Parameters
        ----------
        steps : int
            Length of the sequence.

        Returns
        -------
        ndarray of int, shape (k2,)
            Entry `j` counts the errors that reach at least `j` steps back. The sum is the
            number of terms in the gradient.

        Raises
        ------
        TypeError, ValueError
            If `steps` is not an integer of at least 1.

        Examples
        --------
        >>> from tbptt import Truncation
        >>> Truncation.true(4).lag_counts(16)
        array([16, 15, 14, 13])
        >>> Truncation.epochwise(4).lag_counts(16)  # a quarter of the errors reach as far
        array([16, 12,  8,  4])
        """
        length("k2", self.k2)  # an entry for each lag, whatever the steps
        exactly = np.bincount(self.travelled(steps), minlength=self.k2 + 1)[1:]
        # What reaches a lag has reached every nearer one.
        at_least: NDArray[np.int64] = exactly[::-1].cumsum()[::-1]
        return at_least

    def _bounds(self, steps: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return `start`, `first_loss` and `stop` of every pass, each ``(passes,)``."""
        steps = length("steps", steps)
        # Beyond the length of the sequence k1 and k2 make no difference, whatever their size.
        k1, k2 = min(self.k1, steps), min(self.k2, steps)
        first_loss = np.arange(0, steps, k1, dtype=np.int64)
        stop = np.minimum(first_loss + k1, steps)
        return np.maximum(stop - k2, 0), first_loss, stop
