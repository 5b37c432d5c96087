"""What a truncation costs and what it can teach, by counting, before anything is trained."""

from __future__ import annotations

from typing import NamedTuple

from tbptt._checks import instance, natural, positive_int
from tbptt.schedule import Truncation

_TRUNCATION = "pass Truncation(k1, k2)"


class Cost(NamedTuple):
    """Counts for one truncated gradient over one stretch of steps.

    Attributes
    ----------
    work : int
        Backward steps of one row, all passes together, each walked by itself.
    depth : int
        Longest chain of backward steps that wait for one another when all passes move together.
    terms : int
        Pairs of error and step in the gradient.
    whole : int
        Bytes kept for the way back where the whole stretch is run before the gradient is made.
    stream : int
        The same where no more than the last `k2` steps are kept.

    Examples
    --------
    >>> from tbptt import Truncation
    >>> from tbptt.cost import cost
    >>> counts = cost(Truncation.true(20), steps=200, hidden=100, batch=32)
    >>> counts.depth, round(counts.work / 200, 2)  # no deeper, but the work of 19 full passes
    (20, 19.05)
    """

    work: int
    depth: int
    terms: int
    whole: int
    stream: int


def cost(
    truncation: Truncation,
    steps: int,
    hidden: int,
    batch: int,
    *,
    features: int = 1,
    states: int = 1,
    itemsize: int = 4,
) -> Cost:
    """Count the work, depth and memory of a truncated gradient.

    Memory counts what no exact way back can do without: the inputs, and the state after each step.
    Autograd over a plain network keeps just these; over a GRU or an LSTM, their gates as well.

    Parameters
    ----------
    truncation : Truncation
        Which error reaches which step.
    steps, hidden, batch : int
        Length of the stretch, units, and rows.
    features : int
        Inputs a step.
    states : int
        Parts of the state: 1 for a plain network or a GRU, 2 for an LSTM.
    itemsize : int
        Bytes a number, 4 for float32.

    Returns
    -------
    Cost
        The counts.

    Raises
    ------
    TypeError, ValueError
        If a size is not an integer of at least 1.

    Examples
    --------
    >>> from tbptt import Truncation
    >>> from tbptt.cost import cost
    >>> cost(Truncation.true(4), steps=16, hidden=8, batch=1)
    Cost(work=58, depth=4, terms=58, whole=576, stream=144)
    >>> cost(Truncation.epochwise(4), steps=16, hidden=8, batch=1)
    Cost(work=16, depth=4, terms=40, whole=576, stream=144)
    """
    sizes = {"steps": steps, "hidden": hidden, "batch": batch, "features": features,
             "states": states, "itemsize": itemsize}  # fmt: skip
    instance("truncation", truncation, Truncation, _TRUNCATION)
    # NumPy integers become plain ones, whose products do not overflow.
    steps, hidden, batch, features, states, itemsize = (
        positive_int(name, value) for name, value in sizes.items()
    )
    lengths = [each.stop - each.start for each in truncation.passes(steps)]
    a_step = batch * (states * hidden + features) * itemsize
    longest = max(lengths)
    terms = int(truncation.travelled(steps).sum())
    return Cost(sum(lengths), longest, terms, steps * a_step, longest * a_step)


def within_reach(truncation: Truncation, steps: int, lag: int) -> float:
    """Return the share of the dependencies over `lag` steps that an error reaches.

    Parameters
    ----------
    truncation : Truncation
        Which error reaches which step.
    steps : int
        Length of the sequence.
    lag : int
        Distance in steps between an answer and what it depends on, 0 to ``steps - 1``.

    Returns
    -------
    float
        ``truncation.lag_counts(steps)[lag] / (steps - lag)``, and 0 beyond the reach.

    Raises
    ------
    TypeError, ValueError
        If `steps` or `lag` is no integer, or the lag does not fit the sequence.

    Examples
    --------
    >>> from tbptt import Truncation
    >>> from tbptt.cost import within_reach
    >>> within_reach(Truncation.true(5), steps=20, lag=4)
    1.0
    >>> within_reach(Truncation.epochwise(5), steps=20, lag=4)  # one error a chunk
    0.25
    """
    instance("truncation", truncation, Truncation, _TRUNCATION)
    steps, lag = positive_int("steps", steps), natural("lag", lag)
    if lag >= steps:
        raise ValueError(
            f"lag {lag} does not fit a sequence of {steps} steps: it is at most {steps - 1}."
        )
    return float((truncation.travelled(steps) > lag).sum() / (steps - lag))


def memory_distances(layers: int, width: int, segment: int) -> tuple[int, int]:
    """Return how many steps back a memory in layers sees, and how many it is taught, at best.

    Every layer sees `width` steps back. Errors stay in the segment, so all hops but the last one,
    which lands on a word, have to end inside it: the last error of a segment has ``segment - 1``
    steps for those.

    Parameters
    ----------
    layers, width, segment : int
        As of `tbptt.pytorch.segments.SegmentAttention`, and the steps of a segment.

    Returns
    -------
    tuple of int
        ``layers * width``, and ``width + min((layers - 1) * width, segment - 1)``.

    Raises
    ------
    TypeError, ValueError
        If an argument is not an integer of at least 1.

    Examples
    --------
    >>> from tbptt.cost import memory_distances
    >>> memory_distances(layers=3, width=4, segment=4)  # sees 12 steps, taught 7
    (12, 7)
    """
    layers, width = positive_int("layers", layers), positive_int("width", width)
    segment = positive_int("segment", segment)
    return layers * width, width + min((layers - 1) * width, segment - 1)
