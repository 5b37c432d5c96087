"""Long sequences with one label each, in four kinds: three without a signal, one with.

Source: P. Chrabaszcz, "When Truncated BPTT Fails", blog post, 2018, where the four kinds have these
names.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from tbptt._checks import positive_int

DataType = Literal["Zeros", "SameRandom", "SameDistRandom", "DiffDistRandom"]


def labelled_sequences(
    data_type: DataType, examples_per_class: int, steps: int, *, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Make sequences of two classes whose label, but for one kind, their values do not tell [1]_.

    Parameters
    ----------
    data_type : {"Zeros", "SameRandom", "SameDistRandom", "DiffDistRandom"}
        All zero; the *same* standard normal sequences under both labels; different draws of that
        distribution; draws whose mean is 0 under label 0 and 0.5 under label 1.
    examples_per_class : int
        Sequences of each class.
    steps : int
        Length of each.
    seed : int
        Decides the draws.

    Returns
    -------
    x : ndarray of float32, shape (2 * examples_per_class, steps, 1)
        Sequences, first those of label 0.
    y : ndarray of int64, shape (2 * examples_per_class,)
        Labels, 0 and 1.

    Raises
    ------
    TypeError
        If a size is not an integer.
    ValueError
        If a size is below 1, or `data_type` is none of the four.

    References
    ----------
    .. [1] P. Chrabaszcz, "When Truncated BPTT Fails", blog post, 2018.

    Examples
    --------
    >>> from truncated_time.tasks import labelled_sequences
    >>> x, y = labelled_sequences("SameRandom", examples_per_class=2, steps=100, seed=0)
    >>> x.shape, y
    ((4, 100, 1), array([0, 0, 1, 1]))
    >>> bool((x[:2] == x[2:]).all())  # nothing but the label tells the classes apart
    True
    """
    if data_type not in get_args(DataType):
        raise ValueError(f"data_type must be one of {get_args(DataType)}, got {data_type!r}.")
    rows = positive_int("examples_per_class", examples_per_class)
    shape = rows, positive_int("steps", steps), 1
    rng = np.random.default_rng(seed)
    of_class_0 = np.zeros(shape, np.float32)
    of_class_1 = of_class_0
    if data_type != "Zeros":
        of_class_0 = rng.standard_normal(shape, np.float32)
        of_class_1 = (
            of_class_0 if data_type == "SameRandom" else rng.standard_normal(shape, np.float32)
        )
    if data_type == "DiffDistRandom":
        of_class_1 = of_class_1 + np.float32(0.5)
    return np.concatenate([of_class_0, of_class_1]), np.repeat(np.arange(2), rows)
