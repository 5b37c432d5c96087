"""The first-step-memory task: nothing to compute, one bit to remember.

Source: P. Rémy, "Stateful LSTM in Keras", 2016; taken up by R. Ramos and J. Arias,
"Fundamentos de Deep Learning", chapter 5.3.
"""

from __future__ import annotations

import operator

import numpy as np
from numpy.typing import NDArray

from tbptt._checks import positive_int


def first_step_memory(
    n_sequences: int, steps: int, *, seed: int, position: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Make sequences of zeros of which exactly half have a 1 at one step [1]_.

    Parameters
    ----------
    n_sequences : int
        Number of sequences, even.
    steps : int
        Length of each.
    seed : int
        Decides which half.
    position : int
        Step of the 1, counted from 0; the task's own is the first.

    Returns
    -------
    x : ndarray of float32, shape (n_sequences, steps, 1)
        Zeros, and a 1 at `position` in half of the sequences.
    y : ndarray of float32, shape (n_sequences,)
        1 for the sequences with a 1, else 0.

    Raises
    ------
    TypeError
        If a size is not an integer.
    ValueError
        If a size is below 1, `n_sequences` is odd, or `position` lies outside the sequence.

    References
    ----------
    .. [1] P. Rémy, "Stateful LSTM in Keras", 2016.

    Examples
    --------
    >>> from truncated_time.tasks import first_step_memory
    >>> x, y = first_step_memory(n_sequences=4, steps=20, seed=0)
    >>> x.shape, float(y.mean())
    ((4, 20, 1), 0.5)
    >>> bool((x[:, 0, 0] == y).all()), float(x[:, 1:].max())  # step 0 is all there is to know
    (True, 0.0)
    """
    n_sequences = positive_int("n_sequences", n_sequences)
    steps = positive_int("steps", steps)
    if n_sequences % 2:
        raise ValueError(
            f"n_sequences must be even, got {n_sequences}: exactly half of the sequences get a 1. "
            f"Take {n_sequences - 1} or {n_sequences + 1}."
        )
    if not 0 <= operator.index(position) < steps:
        raise ValueError(f"position must be a step, 0 to {steps - 1}, got {position}.")
    y = np.zeros(n_sequences, dtype=np.float32)
    y[: n_sequences // 2] = 1
    np.random.default_rng(seed).shuffle(y)
    x = np.zeros((n_sequences, steps, 1), dtype=np.float32)
    x[:, position, 0] = y
    return x, y
