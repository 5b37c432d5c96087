"""The picture of a loop as it ran: which error reached which step, and how often."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tbptt._checks import numeric_array
from tbptt.drawing import INK, LOSS, REACH, Drawing
from tbptt.schedule import Truncation

_MOST, _CELL, _LEFT, _TOP, _RIGHT = 32, 11.0, 34.0, 46.0, 54.0


def measured_picture(counts: ArrayLike, *, intended: Truncation | None = None) -> str:
    """Draw how often each error reached each step, next to the truncation that was intended.

    Parameters
    ----------
    counts : array_like of int, shape (steps, steps)
        ``counts[t, s]``: how often the error at `t` reached step `s`. Of a long sequence the first
        32 steps are drawn.
    intended : Truncation, optional
        What the loop was meant to do. Where it reaches and no error came, a square is hollow.

    Returns
    -------
    str
        An SVG, with its message as the title.

    Raises
    ------
    TypeError, ValueError
        If `counts` is no square of whole numbers, or `intended` no Truncation.

    Examples
    --------
    >>> import re
    >>> from tbptt import Truncation
    >>> from tbptt.measured import measured_picture
    >>> chunks = Truncation.epochwise(4).reach(12)
    >>> picture = measured_picture(chunks, intended=Truncation.true(4))
    >>> print(re.search("<title>(.*)</title>", picture)[1])
    12 steps: errors reach 1 to 4 steps. Intended 1 to 4: 12 squares are missing
    """
    table = numeric_array("counts", counts, min_ndim=2)
    whole = np.isfinite(table).all() and (table >= 0).all() and (table < 2**53).all()
    if table.ndim != 2 or table.shape[0] != table.shape[1] or not whole:
        raise ValueError(
            f"counts must be a square table (steps, steps) of numbers from 0, got {table.shape}."
        )
    if intended is not None and not isinstance(intended, Truncation):
        raise TypeError(f"intended must be a Truncation, got {type(intended).__name__}.")
    steps = min(len(table), _MOST)
    shown = table[:steps, :steps].astype(np.int64)
    wanted = np.zeros(table.shape, dtype=bool)
    if intended and steps:
        wanted = _meant(intended, table)
    lacking, extra = wanted & (table == 0), (table > 0) & ~wanted  # of all steps, drawn or not
    missing = lacking[:steps, :steps]
    headline, detail = _words(table, shown, intended, int(lacking.sum()), int(extra.sum()))
    drawing = Drawing(
        max(_LEFT + steps * _CELL + _RIGHT, 330.0),
        _TOP + steps * _CELL + 16,
        f"{headline}. {detail}" if detail else headline,
    )
    drawing.heading(headline, detail)
    _squares(drawing, shown, missing)
    ticks = range(0, steps, 1 if steps <= 10 else 4)
    centres = [(_LEFT + (t + 0.5) * _CELL, str(t + 1)) for t in ticks]
    drawing.row(_TOP - 6, centres, text_anchor="middle", font_size="9")
    labels = [(_TOP + t * _CELL + 9, str(t + 1)) for t in ticks]
    drawing.column(_LEFT - 6, labels, text_anchor="end", font_size="9", opacity=".7")
    travelled = [(_TOP + t * _CELL + 9, str(n)) for t, n in enumerate((shown > 0).sum(1)) if n]
    place = _LEFT + steps * _CELL + 8
    drawing.column(place, travelled, font_size="9", opacity=".7")
    drawing.text(place, _TOP - 6, "reaches", font_size="9", opacity=".7")
    return str(drawing)


def _meant(intended: Truncation, table: np.ndarray) -> np.ndarray:
    """Return what should be reached: of all steps, since the last pass may reach back further."""
    reach = intended.reach(len(table))
    whole = len(table) // intended.k1 * intended.k1
    if intended.k1 == intended.k2 and 0 < whole < len(table) and not table[whole:, :whole].any():
        reach[whole:, :whole] = False  # a loop's last chunk is merely short
    return reach


def _words(
    table: np.ndarray, shown: np.ndarray, intended: Truncation | None, missing: int, extra: int
) -> tuple[str, str]:
    travelled = (table > 0).sum(1)
    travelled = travelled[travelled > 0]
    if not len(table):
        return "No step was seen", ""
    steps = f"{len(table)} step" + "s" * (len(table) != 1)
    headline = f"{steps}: no error was sent back"
    if len(travelled):
        headline = f"{steps}: errors reach {_span(int(travelled.min()), int(travelled.max()))}"
    notes = []
    if table.max() > 1:
        notes.append(f"darker: counted up to {int(table.max())} times")
    if intended is not None:
        meant = intended.travelled(max(len(table), 1))
        said = [f"{missing} squares are missing"] * bool(missing)
        said += [f"{extra} are too many"] * bool(extra)
        what = f"Intended {_span(int(meant.min()), int(meant.max())).removesuffix(' steps')}"
        notes.append(f"{what}: {' and '.join(said) or 'as it is'}")
    if len(shown) < len(table):
        notes.append(f"the first {len(shown)} are drawn")
    return headline, "; ".join(notes)


def _span(low: int, high: int) -> str:
    return f"{low} to {high} steps" if low < high else f"{high} step" + "s" * (high != 1)


def _squares(drawing: Drawing, shown: np.ndarray, missing: np.ndarray) -> None:
    size = _CELL - 2

    def place(t: int, s: int) -> tuple[float, float, float]:
        return _LEFT + s * _CELL + 1, _TOP + t * _CELL + _CELL / 2, size

    own = np.eye(len(shown), dtype=bool)
    for times, opacity in ((shown == 1, ".55"), (shown > 1, "1")):
        drawing.bars(
            [place(t, s) for t, s in np.argwhere(times & ~own)],
            size, REACH, round_caps=False, opacity=opacity,
        )  # fmt: skip
    drawing.bars([place(t, t) for t, s in np.argwhere((shown > 0) & own)], size, LOSS,
                 round_caps=False)  # fmt: skip
    hollow = "".join(
        f"M{place(t, s)[0] + 1:g} {place(t, s)[1] - size / 2 + 1:g}h{size - 2:g}v{size - 2:g}"
        f"h-{size - 2:g}z"
        for t, s in np.argwhere(missing)
    )
    drawing.path(hollow, fill="none", stroke=INK, stroke_width="1", opacity=".6")
