"""A loop that was watched: what its errors did, and what its state was, next to what was meant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tbptt.drawing import INK, LOSS, REACH, Drawing
from tbptt.schedule import Truncation

_CELL, _TOP, _GAP = 13.0, 66.0, 24.0
_MARKS = {"carried": "→", "zero": "0", "random": "?", "other": "?"}


@dataclass(frozen=True)
class Watched:
    """What `tbptt.pytorch.watch` saw of a loop, without PyTorch.

    Attributes
    ----------
    counts : array_like of int, shape (steps, steps)
        How often the error at `t` reached step `s`.
    borders : mapping of int to str
        For the first step of each chunk, what its state was: ``"carried"``, ``"zero"``,
        ``"random"`` or ``"other"``.
    intended : Truncation
        What the loop was meant to do.
    message : str
        The finding, in a few words.

    Examples
    --------
    >>> from tbptt import Truncation
    >>> from truncated_time.figures import Watched
    >>> meant = Truncation.epochwise(2)
    >>> seen = Watched(meant.reach(4), {0: "zero", 2: "carried"}, meant, "as it is")
    >>> seen.borders[2]
    'carried'
    """

    counts: ArrayLike
    borders: Mapping[int, str]
    intended: Truncation
    message: str


def watched_loop(loop: str, *, loops: Mapping[str, Watched]) -> str:
    """Draw which errors reached which steps, next to those that were meant to.

    Parameters
    ----------
    loop : str
        Which one.
    loops : mapping of str to Watched
        What was seen of each.

    Returns
    -------
    str
        An SVG, with its message as the title.

    Raises
    ------
    ValueError
        If there is no such loop.

    Examples
    --------
    >>> import re
    >>> from tbptt import Truncation
    >>> from truncated_time.figures import Watched, watched_loop
    >>> meant = Truncation.epochwise(2)
    >>> loops = {"plain": Watched(meant.reach(4), {0: "zero", 2: "carried"}, meant, "as it is")}
    >>> print(re.search("<title>(.*)</title>", watched_loop("plain", loops=loops))[1])
    plain. As it is; 0 squares are missing, 0 too many; state: zero at step 1, carried
    at step 3.
    """
    if loop not in loops:
        raise ValueError(f"No loop is called {loop!r}; there are {', '.join(loops)}.")
    shown = loops[loop]
    counts = np.asarray(shown.counts)
    steps = len(counts)
    meant = shown.intended.reach(steps).astype(np.int64)
    missing, extra = int(((counts == 0) & (meant > 0)).sum()), int((counts > meant).sum())
    detail = f"{missing} squares are missing, {extra} too many"
    states = ", ".join(f"{what} at step {step + 1}" for step, what in shown.borders.items())
    headline = f"{shown.message[:1].upper()}{shown.message[1:]}"
    size = steps * _CELL
    drawing = Drawing(
        2 * size + _GAP, _TOP + size + 8, f"{loop}. {headline}; {detail}; state: {states}."
    )
    drawing.heading(headline, detail)
    small = {"font_size": "10", "opacity": ".8"}
    for left, words, table in ((0.0, "measured", counts), (size + _GAP, "intended", meant)):
        drawing.text(left, _TOP - 22, words, **small)
        _squares(drawing, left, table)
        drawing.path(f"M{left:g} {_TOP:g}v{size:g}h{size:g}", stroke=INK, fill="none", opacity=".3")
    drawing.row(
        _TOP - 6,
        [((step + 0.5) * _CELL, _MARKS[what]) for step, what in shown.borders.items()],
        text_anchor="middle", font_weight="700",
    )  # fmt: skip
    return str(drawing)


def _squares(drawing: Drawing, left: float, table: NDArray[np.int64]) -> None:
    """Draw a square for each error (row) and step (column) that it reached."""
    own = np.eye(len(table), dtype=bool)
    for chosen, colour, opacity in (
        ((table == 1) & ~own, REACH, ".55"), ((table > 1) & ~own, REACH, "1"),
        ((table == 1) & own, LOSS, ".7"), ((table > 1) & own, LOSS, "1"),
    ):  # fmt: skip
        places = [
            (left + s * _CELL + 1, _TOP + (t + 0.5) * _CELL, _CELL - 2)
            for t, s in np.argwhere(chosen)
        ]
        drawing.bars(places, _CELL - 2, colour, round_caps=False, opacity=opacity)
