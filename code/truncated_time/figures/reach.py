"""Which error reaches which step, how far the errors travel, and what that costs."""

from __future__ import annotations

from tbptt._checks import positive_int
from tbptt.drawing import INK, LOSS, REACH, Drawing, number
from tbptt.schedule import Truncation

_WIDTH = 360.0
_TOP, _SIDE = 46.0, 206.0  # of the triangle
_BARS_LEFT = 234.0


def reach_triangle(steps: int, k2: int, k1: int) -> str:
    """Draw the reach of every error, the histogram of lags, and the cost.

    Parameters
    ----------
    steps : int
        Length of the sequence.
    k2, k1 : int
        Of the truncation. ``k1 > k2`` is no truncation; the frame says why.

    Returns
    -------
    str
        An SVG, with its message as the title.

    Raises
    ------
    TypeError, ValueError
        If an argument is not an integer of at least 1.

    Examples
    --------
    >>> import re
    >>> from truncated_time.figures import reach_triangle
    >>> print(re.search("<title>(.*)</title>", reach_triangle(steps=16, k2=6, k1=3))[1])
    16 steps, k2 = 6, k1 = 3. 5 of 16 errors reach the full 6 steps;
    Semi-epochwise: 4.5 steps on average.
    """
    steps, k1, k2 = positive_int("steps", steps), positive_int("k1", k1), positive_int("k2", k2)
    if k1 > k2:
        headline = f"k1 = {k1} is more than k2 = {k2}: no such truncation"
        detail = f"{k1 - k2} of every {k1} losses would get no gradient at all"
    else:
        headline, detail = _summary(steps, Truncation(k1, k2))
    title = f"{steps} steps, k2 = {k2}, k1 = {k1}. {headline}; {detail}."
    drawing = Drawing(_WIDTH, _TOP + _SIDE + 34, title)
    drawing.heading(headline, detail)
    if k1 <= k2:
        _draw_triangle(drawing, steps, Truncation(k1, k2))
        _draw_lags(drawing, steps, Truncation(k1, k2))
        _draw_cost(drawing, steps, Truncation(k1, k2))
    return str(drawing)


def style_of(truncation: Truncation) -> str:
    """Name a truncation: true, epochwise or semi-epochwise."""
    if truncation.k1 == truncation.k2:
        return "true and epochwise" if truncation.k1 == 1 else "epochwise"
    return "true" if truncation.k1 == 1 else "semi-epochwise"


def _summary(steps: int, truncation: Truncation) -> tuple[str, str]:
    counts = truncation.lag_counts(steps)
    full, k2 = int(counts[-1]), truncation.k2
    reach = "reaches" if full == 1 else "reach"
    headline = f"{full} of {steps} errors {reach} the full {k2} step{'s'[: k2 > 1]}"
    share = number(counts.sum() / steps)
    style = style_of(truncation).capitalize()
    return headline, f"{style}: {share} steps on average"


def _draw_triangle(drawing: Drawing, steps: int, truncation: Truncation) -> None:
    cell = _SIDE / steps
    travelled = truncation.travelled(steps)
    rows: dict[bool, list[tuple[float, float, float]]] = {True: [], False: []}
    for t in range(steps):
        length = int(travelled[t])
        bar = ((t - length + 1) * cell, _TOP + (t + 0.5) * cell, length * cell)
        rows[length == truncation.k2].append(bar)
    thick = cell * 0.82
    drawing.bars(rows[False], thick, REACH, round_caps=False, opacity=".45")
    drawing.bars(rows[True], thick, REACH, round_caps=False)
    losses = [(t * cell, _TOP + (t + 0.5) * cell, cell) for t in range(steps)]
    drawing.bars(losses, thick, LOSS, round_caps=False)
    side = number(_SIDE)
    drawing.path(
        f"M0 {number(_TOP)}V{number(_TOP + _SIDE)}H{side}", stroke=INK, opacity=".3", fill="none"
    )
    small = {"font_size": "10", "opacity": ".8"}
    drawing.text(0, _TOP + _SIDE + 12, "1", **small)
    drawing.text(_SIDE / 2, _TOP + _SIDE + 12, "step reached", text_anchor="middle", **small)
    drawing.text(_SIDE, _TOP + _SIDE + 12, str(steps), text_anchor="end", **small)
    drawing.text(_SIDE - 4, _TOP + 12, "one row an error", text_anchor="end", **small)


def _draw_lags(drawing: Drawing, steps: int, truncation: Truncation) -> None:
    counts = truncation.lag_counts(steps)
    base, height = _TOP + 128.0, 112.0
    pitch = min((_WIDTH - _BARS_LEFT) / len(counts), 24.0)
    width = pitch * 0.7
    data = "".join(
        f"M{number(_BARS_LEFT + (lag + 0.5) * pitch)} {number(base)}"
        f"V{number(base - height * count / steps)}"
        for lag, count in enumerate(counts)
    )
    drawing.path(data, stroke=REACH, stroke_width=number(width))
    small = {"font_size": "10", "opacity": ".8"}
    drawing.row(
        base + 12,
        [(_BARS_LEFT + (lag + 0.5) * pitch, str(lag)) for lag in range(len(counts))],
        text_anchor="middle",
        **small,
    )
    middle = {"text_anchor": "middle", "font_size": "10"}
    for lag in {0, len(counts) - 1}:
        x = _BARS_LEFT + (lag + 0.5) * pitch
        drawing.text(x, base - height * counts[lag] / steps - 4, str(counts[lag]), **middle)
    drawing.text(_BARS_LEFT, base + 24, "errors that reach", **small)
    drawing.text(_BARS_LEFT, base + 35, "each lag", **small)


def _draw_cost(drawing: Drawing, steps: int, truncation: Truncation) -> None:
    work = sum(each.stop - each.start for each in truncation.passes(steps))
    reach = min(truncation.k2, steps)
    words = [
        f"{work} backward steps",
        f"({number(work / steps)} times one pass)",
        f"longest chain: {reach}",
        f"a stream keeps {reach} state{'s'[: reach > 1]}",
    ]
    drawing.column(
        _BARS_LEFT,
        [(_TOP + _SIDE - 24 + 12 * line, text) for line, text in enumerate(words)],
        font_size="10",
    )
