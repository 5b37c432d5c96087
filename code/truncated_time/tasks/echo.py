"""The echo language: the next word repeats the one `period` words before it, most of the time.

Nothing nearer says anything about it, so what a model can know is known exactly: the entropy of the
echo if its state holds the last `period` words, and a fair guess if it holds fewer.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log

import numpy as np
from numpy.typing import NDArray

from tbptt._checks import positive_int


def echo_language(
    steps: int,
    batch: int,
    *,
    period: int,
    seed: int,
    words: int = 2,
    keep: float = 0.9,
    beginning: Sequence[int] | None = None,
) -> NDArray[np.int64]:
    """Draw streams of the language.

    Parameters
    ----------
    steps, batch : int
        Length and number of the streams.
    period : int
        How many words further on a word is echoed: 1 is the next. What the loss of a step needs was
        read at a distance of ``period - 1`` steps before it, which takes ``k2 >= period``.
    seed : int
        Decides every draw.
    words : int
        Size of the vocabulary.
    keep : float
        Probability of an echo; otherwise the word is drawn fairly, and may be the echo by chance.
    beginning : sequence of int, length period, optional
        The first words of every stream; drawn for each if not given.

    Returns
    -------
    ndarray of int, shape (steps + 1, batch)
        Time-major; inputs are all but the last row, targets all but the first.

    Raises
    ------
    TypeError, ValueError
        If a size is not an integer of at least 1, `keep` is not a probability, or `beginning` does
        not hold `period` words, or the streams end before it does.

    Examples
    --------
    >>> from truncated_time.tasks import echo_language
    >>> words = echo_language(steps=8, batch=1, period=3, seed=0, keep=1, beginning=[0, 1, 1])
    >>> words.ravel()
    array([0, 1, 1, 0, 1, 1, 0, 1, 1])
    """
    steps, batch = positive_int("steps", steps), positive_int("batch", batch)
    period, words = positive_int("period", period), positive_int("words", words)
    _check_probability(keep)
    rng = np.random.default_rng(seed)
    stream = rng.integers(words, size=(steps + 1, batch))
    echoes = rng.random((steps + 1, batch)) < keep
    if beginning is not None:
        stream[:period] = _first_words(beginning, period, words, steps)[:, None]
    for t in range(period, steps + 1):
        stream[t] = np.where(echoes[t], stream[t - period], stream[t])
    return stream


def echo_floors(words: int = 2, keep: float = 0.9) -> tuple[float, float]:
    """Return the lowest mean loss, in nats a word, with and without memory of `period` words.

    Parameters
    ----------
    words, keep
        As for :func:`echo_language`.

    Returns
    -------
    tuple of float
        The entropy of the next word given the one it may echo, and given anything nearer.

    Raises
    ------
    TypeError, ValueError
        As for :func:`echo_language`.

    Examples
    --------
    >>> from truncated_time.tasks import echo_floors
    >>> with_memory, without = echo_floors(words=2, keep=0.9)
    >>> round(with_memory, 3), round(without, 3)
    (0.199, 0.693)
    """
    words = positive_int("words", words)
    _check_probability(keep)
    other = (1 - keep) / words
    chances = [keep + other] + [other] * (words - 1)
    return -sum(chance * log(chance) for chance in chances if chance), log(words)


def _first_words(
    beginning: Sequence[int], period: int, words: int, steps: int
) -> NDArray[np.int64]:
    first = np.asarray(beginning)
    if not np.issubdtype(first.dtype, np.integer):
        raise TypeError(f"beginning must hold integers, got {beginning!r}.")
    if first.shape != (period,) or not ((first >= 0) & (first < words)).all():
        raise ValueError(
            f"beginning must hold period = {period} words, each from 0 to {words - 1}, got "
            f"{beginning!r}."
        )
    if steps + 1 < period:
        raise ValueError(
            f"A stream of {steps} steps is shorter than the beginning of {period} words."
        )
    return first


def _check_probability(keep: float) -> None:
    if not 0 <= keep <= 1:
        raise ValueError(f"keep must be a probability, 0 to 1, got {keep}.")
