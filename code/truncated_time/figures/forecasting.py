"""A picture of windows over a series, split into training and test."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tbptt.drawing import INK, LOSS, REACH, Drawing

_WIDTH, _TOP, _SERIES, _LANES = 360.0, 46.0, 60.0, 96.0


def split_picture(
    series: ArrayLike,
    times: ArrayLike,
    starts: ArrayLike,
    span: int,
    *,
    train: ArrayLike,
    test: ArrayLike,
    leaked: ArrayLike,
    headline: str,
    detail: str,
    title: str,
) -> str:
    """Draw a series, and below it the windows of one fold: training, test, and leaked test.

    Parameters
    ----------
    series, times : array_like, shape (steps,)
        The values and their times.
    starts : array_like of int, shape (n_windows,)
        First step of each window.
    span : int
        Steps that a window covers.
    train, test : array_like of int
        Windows of either set. Those in neither are left out of the picture.
    leaked : array_like of int
        Those of `test` that share a step with a training window; the others are clean.
    headline, detail : str
        What stands above the picture: its message, and a smaller line.
    title : str
        What a screen reader says.

    Returns
    -------
    str
        An SVG with `title` as its title.

    Raises
    ------
    TypeError, ValueError
        If what is written is no string, or a number is none.

    Examples
    --------
    >>> from truncated_time.figures import split_picture
    >>> svg = split_picture(
    ...     [1, 3, 2, 4, 3, 5], range(2000, 2006), starts=[0, 2, 4], span=2,
    ...     test=[2], leaked=[], train=[0, 1],
    ...     headline="no leak", detail="", title="No leak",
    ... )
    >>> "<title>No leak</title>" in svg
    True
    """
    values, clock = np.asarray(series, dtype=float), np.asarray(times)
    first = np.asarray(starts)
    drawing = Drawing(_WIDTH, _TOP + _SERIES + _LANES + 30, title)
    drawing.text(0, 12, headline, font_weight="700")
    drawing.text(0, 26, detail, font_size="10", opacity=".8")
    scale = _WIDTH / len(values)
    heights = _TOP + _SERIES * (1 - values / values.max())
    curve = "L".join(
        f"{t * scale:.0f} {y:.0f}" for t, y in zip(range(len(values)), heights, strict=True)
    )
    drawing.path(f"M{curve}", fill="none", stroke=INK, stroke_width="1", opacity=".75")
    lanes_top = _TOP + _SERIES + 10
    pitch = _LANES / max(len(first), 1)
    thick = min(5.0, pitch * 0.9)

    def bars(chosen: ArrayLike) -> list[tuple[float, float, float]]:
        return [
            (first[i] * scale, lanes_top + (i + 0.5) * pitch, span * scale)
            for i in np.asarray(chosen, dtype=int)
        ]

    clean = np.setdiff1d(test, leaked)
    drawing.bars(bars(train), thick, REACH, opacity=".45", round_caps=False)
    drawing.bars(bars(clean), thick, INK, round_caps=False)
    drawing.bars(bars(leaked), thick, LOSS, round_caps=False)
    marks = [t for t in range(len(clock)) if clock[t] % 50 == 0]
    drawing.row(
        lanes_top + _LANES + 14,
        [(min(max(t * scale, 14), _WIDTH - 14), str(int(clock[t]))) for t in marks],
        text_anchor="middle",
        font_size="10",
        opacity=".8",
    )
    return str(drawing)
