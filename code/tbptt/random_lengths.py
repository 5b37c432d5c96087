r"""Chunks of random length, whose gradient is the full one on average.

Before each step a coin says whether the chunk ends here. Where it does, no error crosses; where it
does not, the errors that cross are multiplied by ``1 / (1 - chance)``. An error that
reaches lag `j` has survived `j` coins, and its factors make up for those that did not (ARTBP)::

    d_t = (dL_t / dh_t) + factor_{t+1} * d_{t+1} * (dh_{t+1} / dh_t),
    factor = 0 with probability c, else 1 / (1 - c).

Source: C. Tallec and Y. Ollivier, "Unbiasing truncated backpropagation through time", 2017,
arXiv:1705.08209: the anticipated reweighted backpropagation equation.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tbptt._checks import flag, length, natural, real, real_array


def draw_factors(
    steps: int,
    chance: float | Callable[[int], float],
    seed: int | np.random.Generator,
    *,
    compensate: bool = True,
) -> NDArray[np.float64]:
    """Draw where chunks end, and what the errors that cross are multiplied by [1]_.

    Parameters
    ----------
    steps : int
        Length of the sequence.
    chance : float, or callable
        Probability, 0 or more and below 1, that a chunk ends before a step: chunks are then
        ``1 / chance`` steps long on average. Or ``chance(length)``, given the length of the chunk
        so far: it may depend on anything already drawn, and the mean stays exact.
    seed : int or numpy.random.Generator
        Decides every draw.
    compensate : bool
        False leaves the factors out, 0 or 1: then the gradient is biased.

    Returns
    -------
    ndarray, shape (steps,)
        Entry `t` is the factor of errors that cross from step `t` to the step before; entry 0 is
        0, since nothing crosses into the initial state.

    Raises
    ------
    TypeError, ValueError
        If `steps` is not an integer of at least 1, or a chance is not in [0, 1).

    References
    ----------
    .. [1] C. Tallec and Y. Ollivier, "Unbiasing truncated backpropagation through time", 2017,
       arXiv:1705.08209.

    Examples
    --------
    >>> import numpy as np
    >>> from tbptt.random_lengths import draw_factors
    >>> np.unique(draw_factors(1000, chance=0.75, seed=0))  # cut, or made up for
    array([0., 4.])
    >>> draw_factors(4, chance=0, seed=0)  # full backpropagation
    array([0., 1., 1., 1.])
    """
    steps, compensate = length("steps", steps), flag("compensate", compensate)
    given = isinstance(seed, np.random.Generator)
    rng = np.random.default_rng(seed if given else natural("seed", seed))
    factors = np.zeros(steps)
    so_far = 1
    for t, drawn in enumerate(rng.random(steps)):
        c = real("chance", chance(so_far) if callable(chance) else chance)
        if not 0 <= c < 1:
            raise ValueError(
                f"chance must be at least 0 and below 1, got {c}: with 1 no error would ever "
                "cross, and nothing could make up for it."
            )
        if t and drawn >= c:
            factors[t] = 1 / (1 - c) if compensate else 1.0
            so_far += 1
        else:
            so_far = 1
    return factors


def weighting(factors: ArrayLike) -> NDArray[np.float64]:
    """Say how much each pair of an error and a step counts: `Truncation.reach`, with weights.

    Parameters
    ----------
    factors : array_like, shape (steps,)
        From :func:`draw_factors`.

    Returns
    -------
    ndarray, shape (steps, steps)
        Entry ``[t, s]`` is the product of the factors between `s` and `t`, 1 on the diagonal and
        0 above it. With compensation its mean over draws is 1 wherever ``s <= t``.

    Raises
    ------
    TypeError, ValueError
        If `factors` is not a row of numbers.

    Examples
    --------
    >>> from tbptt.random_lengths import weighting
    >>> weighting([0, 2, 2, 0, 2])
    array([[1., 0., 0., 0., 0.],
           [2., 1., 0., 0., 0.],
           [4., 2., 1., 0., 0.],
           [0., 0., 0., 1., 0.],
           [0., 0., 0., 2., 1.]])
    """
    row = real_array("factors", factors, min_ndim=1)
    if row.ndim != 1:
        raise ValueError(f"factors must be (steps,), one a step, got shape {row.shape}.")
    weights = np.eye(len(row))
    for t in range(1, len(row)):
        weights[t, :t] = row[t] * weights[t - 1, :t]
    return weights
