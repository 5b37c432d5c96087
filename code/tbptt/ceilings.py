r"""What a model that sees one window at a time can know at best, in closed form.

The sequences are all zeros but for a 1 at one known step in the positive ones, and every window
inherits its sequence's label. Of the `W` windows of a sequence, `c` contain that step. A window
with a 1 gives its label away; the all-zero windows carry both labels and look alike, so that a
stateless model has one answer for all of them. Every formula here follows from that.
"""

from __future__ import annotations

import math
from fractions import Fraction

from tbptt._checks import fraction, integer
from tbptt.windows import cut


def informative_share(steps: int, window_length: int, increment: int, position: int) -> Fraction:
    """Return the share ``c / W`` of windows that contain one step.

    Parameters
    ----------
    steps, window_length, increment : int
        The cut, as for :func:`tbptt.windows.cut`.
    position : int
        The step, counted from 0.

    Returns
    -------
    Fraction
        Between 0 and 1, exact.

    Raises
    ------
    TypeError
        If a size is not an integer.
    ValueError
        If a size is below 1, the window too long, or `position` outside the sequence.

    Examples
    --------
    >>> from tbptt.ceilings import informative_share
    >>> informative_share(steps=20, window_length=10, increment=10, position=0)
    Fraction(1, 2)
    >>> informative_share(steps=20, window_length=10, increment=1, position=0)  # 1 of 11
    Fraction(1, 11)
    """
    where = cut(steps, window_length, increment)
    position = integer("position", position)
    if not 0 <= position < where.steps:
        raise ValueError(
            f"position must be a step of the sequence, 0 to {where.steps - 1}, got {position}."
        )
    # Window i starts at i * increment, and contains the step if it starts in
    # (position - window_length, position].
    last = min(position // where.increment, where.n_windows - 1)
    first = max(0, -((where.window_length - 1 - position) // where.increment))
    return Fraction(max(0, last - first + 1), where.n_windows)


def stateless_accuracy(
    steps: int,
    window_length: int,
    increment: int,
    position: int,
    positives: Fraction | float = Fraction(1, 2),
) -> Fraction:
    r"""Return the best accuracy over windows of any stateless model.

    With a share `p` of positive sequences and ``s = c / W``,

    .. math:: p s + \max\bigl(1 - p,\; p (1 - s)\bigr),

    which for ``p = 1/2`` is ``1/2 + s / 2``.

    Parameters
    ----------
    steps, window_length, increment, position : int
        As for :func:`informative_share`.
    positives : Fraction or float
        Share of positive sequences, between 0 and 1.

    Returns
    -------
    Fraction
        The ceiling, exact.

    Raises
    ------
    TypeError, ValueError
        As for :func:`informative_share`; ValueError also for `positives` outside [0, 1].

    Examples
    --------
    >>> from tbptt.ceilings import stateless_accuracy
    >>> stateless_accuracy(steps=20, window_length=10, increment=10, position=0)
    Fraction(3, 4)
    """
    p = fraction("positives", positives)
    telling = informative_share(steps, window_length, increment, position)
    return p * telling + max(1 - p, p * (1 - telling))


def stateless_loss(
    steps: int,
    window_length: int,
    increment: int,
    position: int,
    positives: Fraction | float = Fraction(1, 2),
) -> float:
    r"""Return the least binary cross-entropy over windows of any stateless model, in nats.

    The best answer to an all-zero window is the share `q` of positives among those windows, and
    costs the entropy of `q`:

    .. math:: (1 - p s)\, H(q), \qquad q = \frac{p (1 - s)}{1 - p s}.

    Parameters
    ----------
    steps, window_length, increment, position : int
        As for :func:`informative_share`.
    positives : Fraction or float
        Share of positive sequences, between 0 and 1.

    Returns
    -------
    float
        The floor of the mean loss, in nats.

    Raises
    ------
    TypeError, ValueError
        As for :func:`stateless_accuracy`.

    Examples
    --------
    >>> from tbptt.ceilings import stateless_loss
    >>> round(stateless_loss(steps=20, window_length=10, increment=10, position=0), 4)
    0.4774
    >>> round(stateless_loss(steps=20, window_length=20, increment=1, position=0), 4)  # all seen
    0.0
    """
    p = fraction("positives", positives)
    telling = informative_share(steps, window_length, increment, position)
    alike = 1 - p * telling  # share of all-zero windows
    if alike == 0:
        return 0.0
    q = float(p * (1 - telling) / alike)
    return float(alike) * sum(part * math.log(1 / part) for part in (q, 1 - q) if part > 0)
