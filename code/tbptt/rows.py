"""What came in with each row at each border: the state of a loop, or the steps of a pipeline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from tbptt._checks import shown
from tbptt.drawing import INK, LOSS, REACH, Drawing

# What `Continuity.kinds` and `Border.rows` say of a row, and the mark of what is not as wanted.
_MARKS = {
    "continues": "", "carried": "", "zero": "", "has no row": "", "random": "?", "other": "?",
    "overlaps": "≈", "repeats": "=", "skips": "»", "jumps": "«",
}  # fmt: skip
_CELL, _LEFT, _TOP = 12.0, 36.0, 60.0
_BORDERS, _ROWS = 24, 12  # that are drawn


def rows_picture(borders: Iterable[Iterable[str]]) -> str:
    """Draw what came in with each row, border by border.

    Parameters
    ----------
    borders : iterable of iterable of str
        For each border a word for each row, which may be fewer rows than before: the ``kinds`` of
        :class:`tbptt.windows.Continuity`, or ``[border.rows for border in seen.borders]`` of
        :class:`tbptt.pytorch.watching.seen.Seen`. Of many, the first 24 borders and 12 rows are
        drawn.

    Returns
    -------
    str
        An SVG, with its message as the title. Teal: the row goes on. Hollow: it begins from zeros.
        Orange: something else came in (``?`` another state, ``≈`` overlaps, ``=`` repeats, ``»``
        skips, ``«`` jumps back).

    Raises
    ------
    TypeError, ValueError
        If `borders` holds anything else than those words.

    Examples
    --------
    >>> import re
    >>> import numpy as np
    >>> from tbptt.rows import rows_picture
    >>> from tbptt.windows import continuity
    >>> windows = np.arange(48).reshape(4, 3, 4)  # batches of three rows, as they were cut
    >>> print(re.search("<title>(.*)</title>", rows_picture(continuity(windows).kinds))[1])
    3 borders of 3 rows: 9 skips
    """
    words = _checked(borders)
    n_rows = max(map(len, words), default=0)
    counts = Counter(word for row in words for word in row)
    said = ", ".join(f"{counts[word]} {word}" for word in _MARKS if counts[word])
    headline = f"{_number(len(words), 'border')} of {_number(n_rows, 'row')}"
    drawn = [row[:_ROWS] for row in words[:_BORDERS]]
    more = len(words) > _BORDERS or n_rows > _ROWS
    first = f"; the first {len(drawn)} and {min(n_rows, _ROWS)} are drawn" if more else ""
    detail = f"{said or 'no row'}{first}"
    high = max(map(len, drawn), default=0)
    drawing = Drawing(
        max(_LEFT + len(drawn) * _CELL + 8, 330.0),
        _TOP + high * _CELL + 8,
        f"{headline}: {detail}",
    )
    drawing.heading(headline, detail)
    _squares(drawing, drawn)
    small = {"font_size": "9", "opacity": ".8"}
    across, down = range(0, len(drawn), _every(len(drawn))), range(0, high, _every(high))
    drawing.text(0, _TOP - 6, "border", **small)
    centres = [(_LEFT + (n + 0.5) * _CELL, str(n + 1)) for n in across]
    drawing.row(_TOP - 6, centres, text_anchor="middle", **small)
    labels = [(_TOP + row * _CELL + 9, f"row {row}") for row in down]
    drawing.column(_LEFT - 4, labels, text_anchor="end", **small)
    return str(drawing)


def _checked(borders: Any) -> list[list[str]]:
    try:
        if isinstance(borders, str):
            raise TypeError
        given = [[row] if isinstance(row, str) else [*row] for row in borders]
    except TypeError:
        raise TypeError(
            f"borders must hold a row of words for each border, got {shown(borders)}."
        ) from None
    words = [[str(word) for word in row] for row in given]
    wrong = [word for row in words for word in row if word not in _MARKS]
    if wrong:
        raise ValueError(
            f"borders must be words of {', '.join(_MARKS)}, a row of them for each border; one is "
            f"{shown(wrong[0])}."
        )
    return words


def _squares(drawing: Drawing, drawn: list[list[str]]) -> None:
    size = _CELL - 2
    filled: dict[str, list[tuple[float, float, float]]] = {REACH: [], LOSS: []}
    outlines, marks = [], []
    for border, row in enumerate(drawn):
        for place, word in enumerate(row):
            x, y = _LEFT + border * _CELL + 1, _TOP + place * _CELL + _CELL / 2
            if word in ("continues", "carried"):
                filled[REACH].append((x, y, size))
            elif word == "zero":
                edge = size - 2
                outlines.append(f"M{x + 1:g} {y - edge / 2:g}h{edge:g}v{edge:g}h-{edge:g}z")
            elif word != "has no row":
                filled[LOSS].append((x, y, size))
                marks.append((x + size / 2, y + 3, _MARKS[word]))
    for colour, squares in filled.items():
        drawing.bars(squares, size, colour, round_caps=False, opacity=".6")
    drawing.path("".join(outlines), stroke=INK, fill="none", opacity=".6")
    for y in sorted({y for _, y, _ in marks}):
        at_one_height = [(x, mark) for x, other, mark in marks if other == y]
        drawing.row(y, at_one_height, text_anchor="middle", font_size="9")


def _every(count: int) -> int:
    return 1 if count <= 10 else 4


def _number(count: int, word: str) -> str:
    return f"{count} {word}{'s' * (count != 1)}"
