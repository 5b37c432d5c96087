r"""A reach chosen from the data: the shortest whose bias is bounded by a tolerance.

If the shares of the gradient fall geometrically from some lag on, then those that were measured
bound those that were not, and the tail beyond a reach is finite. Two ideas of that paper
are used: the bound on the absolute bias of a reach, and the choice of the shortest reach whose
relative bias stays below a tolerance.

Source: C. Aicher, N. J. Foti and E. B. Fox, "Adaptively truncating backpropagation through time to
control gradient bias", UAI 2019, arXiv:1905.07473.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tbptt._checks import finite, natural, real_array


def decay_rate(shares: ArrayLike, first: int) -> float:
    r"""Return the smallest `b` with ``shares[j] <= shares[first] * b ** (j - first)`` beyond it.

    Parameters
    ----------
    shares : array_like, shape (lags,)
        Norm, or a bound on the norm, of the gradient's share at each lag. The paper takes
        ``M * E|dL_t / dh_{t-j}|``, where `M` bounds the derivative of a state by the weights.
    first : int
        Lag from which the shares are believed to fall geometrically.

    Returns
    -------
    float
        0 if nothing was left beyond `first`; 1 or more if the shares do not fall.

    Raises
    ------
    TypeError, ValueError
        If `shares` are not non-negative numbers, or fewer than two of them lie beyond `first`.

    Examples
    --------
    >>> from tbptt.adaptive import decay_rate
    >>> round(decay_rate([8, 4, 2, 1], first=0), 6)
    0.5
    >>> round(decay_rate([8, 8, 2, 1], first=1), 6)  # from lag 1 on
    0.353553
    """
    norms = _checked("shares", shares, first)
    later = norms[first + 1 :]
    if norms[first] == 0:
        return 0.0 if not later.any() else float("inf")
    rates = (later / norms[first]) ** (1 / np.arange(1, len(later) + 1))
    return float(rates.max())


def bias_bound(shares: ArrayLike, first: int) -> NDArray[np.float64]:
    """Bound the norm of what each reach leaves out [1]_.

    Parameters
    ----------
    shares, first
        As for :func:`decay_rate`.

    Returns
    -------
    ndarray, shape (lags,)
        Entry ``k2 - 1`` bounds the bias of true truncation with reach `k2`: the measured shares
        beyond it, plus the geometric tail beyond all that was measured. Infinite if the shares do
        not fall.

    Raises
    ------
    TypeError, ValueError
        As for :func:`decay_rate`.

    References
    ----------
    .. [1] C. Aicher, N. J. Foti and E. B. Fox, "Adaptively truncating backpropagation through time
       to control gradient bias", UAI 2019, arXiv:1905.07473.

    Examples
    --------
    >>> from tbptt.adaptive import bias_bound
    >>> bias_bound([8, 4, 2, 1], first=0).round(6)  # at 1: 4 + 2 + 1 + (1/2 + ...)
    array([8., 4., 2., 1.])
    """
    norms = _checked("shares", shares, first)
    rate = decay_rate(norms, first)
    if rate >= 1:
        return np.full(len(norms), np.inf)
    tail = norms[first] * rate ** (len(norms) - first) / (1 - rate)
    beyond = norms[::-1].cumsum()[::-1] - norms
    bound: NDArray[np.float64] = beyond + tail
    return bound


def relative_bias(shares: ArrayLike, sizes: ArrayLike, first: int) -> NDArray[np.float64]:
    """Bound the bias of each reach relative to the full gradient.

    Parameters
    ----------
    shares, first
        As for :func:`decay_rate`.
    sizes : array_like, shape (lags,)
        Norm of the truncated gradient with reach 1, 2, ….

    Returns
    -------
    ndarray, shape (lags,)
        ``bound / (size - bound)``; infinite where the bound swallows the gradient. Below 1, the
        truncated gradient still points downhill.

    Raises
    ------
    TypeError, ValueError
        As for :func:`decay_rate`, or if `sizes` has another length.

    Examples
    --------
    >>> from tbptt.adaptive import relative_bias
    >>> relative_bias([8, 4, 2, 1], sizes=[8, 12, 14, 15], first=0).round(3)
    array([  inf, 0.5  , 0.167, 0.071])
    """
    bound = bias_bound(shares, first)
    size = _checked("sizes", sizes, first)
    if len(size) != len(bound):
        raise ValueError(f"sizes must be one a lag, {len(bound)}, got {len(size)}.")
    left = size - bound
    relative = np.full(len(size), np.inf)
    relative[left > 0] = bound[left > 0] / left[left > 0]
    return relative


def choose_reach(
    shares: ArrayLike, sizes: ArrayLike, *, first: int, tolerance: float
) -> int | None:
    """Return the shortest reach whose relative bias is at most `tolerance` [1]_.

    Parameters
    ----------
    shares, sizes, first
        As for :func:`relative_bias`.
    tolerance : float
        Above 0; the paper asks for less than 1.

    Returns
    -------
    int or None
        The reach `k2`; None if no measured reach is long enough: measure further lags, or take
        the longest that you can afford.

    Raises
    ------
    TypeError, ValueError
        As for :func:`relative_bias`, or if `tolerance` is not above 0.

    References
    ----------
    .. [1] C. Aicher, N. J. Foti and E. B. Fox, "Adaptively truncating backpropagation through time
       to control gradient bias", UAI 2019, arXiv:1905.07473.

    Examples
    --------
    >>> from tbptt.adaptive import choose_reach
    >>> choose_reach([8, 4, 2, 1], sizes=[8, 12, 14, 15], first=0, tolerance=0.5)
    2
    >>> choose_reach([8, 4, 2, 1], sizes=[8, 12, 14, 15], first=0, tolerance=0.01) is None
    True
    """
    if not finite("tolerance", tolerance) > 0:
        raise ValueError(f"tolerance must be above 0, got {tolerance}; 0.5, say.")
    good = np.flatnonzero(relative_bias(shares, sizes, first) <= tolerance)
    return int(good[0]) + 1 if len(good) else None


def _checked(name: str, values: ArrayLike, first: int) -> NDArray[np.float64]:
    norms = real_array(name, values, min_ndim=1)
    if norms.ndim != 1 or (norms < 0).any():
        raise ValueError(
            f"{name} must be a row of numbers of at least 0, got shape {norms.shape} and a "
            f"smallest value of {norms.min() if norms.size else 'nothing'}."
        )
    first = natural("first", first)
    if first > len(norms) - 3:
        raise ValueError(
            f"first must leave at least two lags beyond it, got {first} of {len(norms)}: a decay "
            "cannot be seen in less."
        )
    return norms
