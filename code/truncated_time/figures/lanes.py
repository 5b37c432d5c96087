"""Which row of a batch continues which: windows of several sequences, in three orders."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tbptt.drawing import INK, LOSS, REACH, Drawing
from tbptt.windows import stateful_batches

SEQUENCES = 6
_LEFT, _TOP, _WIDTH, _ROW = 34.0, 46.0, 360.0, 20.0
ORDERS = ("lanes", "as cut", "shuffled")


def batches_in_order(order: str, windows: int, batch: int) -> NDArray[np.int64]:
    """Return which window each row of each batch holds, shape (n_batches, batch).

    Raises
    ------
    ValueError
        If `order` is not one of the three, or `batch` does not divide the sequences.
    """
    laid, _ = stateful_batches(SEQUENCES, windows, batch)
    if order == "lanes":
        return laid
    if order == "as cut":
        return np.sort(laid, axis=None).reshape(laid.shape)
    if order == "shuffled":
        return np.random.default_rng(0).permutation(laid.size).reshape(laid.shape)
    raise ValueError(f"order must be one of {', '.join(ORDERS)}, got {order!r}.")


def batch_lanes(order: str, batch: int, windows: int) -> str:
    """Draw batches as columns: what each row holds, and whether it continues the row before.

    Parameters
    ----------
    order : {"lanes", "as cut", "shuffled"}
        How the windows are dealt to batches.
    batch : int
        Rows in a batch: a divisor of six, the number of sequences, A to F.
    windows : int
        Windows in each sequence.

    Returns
    -------
    str
        An SVG, with its message as the title. Teal: the carried state belongs to this window.
        Orange: it belongs to another one. A tick: a sequence begins, and needs a fresh state.

    Raises
    ------
    ValueError
        If `order` is not one of the three, or `batch` does not divide the sequences.

    Examples
    --------
    >>> import re
    >>> from truncated_time.figures import batch_lanes
    >>> for order in ("lanes", "as cut"):
    ...     svg = batch_lanes(order, batch=2, windows=3)
    ...     print(re.search("<title>(.*)</title>", svg)[1])
    lanes, 2, 3. 12 of 12 later windows get their own state; reset every row before
    every 3 batches.
    as cut, 2, 3. 0 of 12 later windows get their own state; sequences begin in the
    middle of a batch: no one moment to reset.
    """
    dealt = batches_in_order(order, windows, batch)
    begins = dealt % windows == 0
    continues = continued(dealt, windows)
    wanted = int((~begins).sum())
    right = int(continues.sum())
    headline = (
        f"{right} of {wanted} later windows get their own state" if wanted else "nothing to carry"
    )
    detail = _when_to_reset(begins, right == wanted, windows)
    height = _TOP + batch * _ROW + 40
    title = f"{order}, {batch}, {windows}. {headline.capitalize()}; {detail}."
    drawing = Drawing(_WIDTH, height, title)
    drawing.heading(headline, detail)
    draw_batches(drawing, dealt, windows, [f"row {i}" for i in range(batch)])
    return str(drawing)


def continued(dealt: NDArray[np.int64], windows: int) -> NDArray[np.bool_]:
    """Say of every window dealt whether its row held the one before it, of the same sequence."""
    continues = np.zeros(dealt.shape, dtype=bool)
    continues[1:] = (dealt[1:] == dealt[:-1] + 1) & (dealt[1:] % windows > 0)
    return continues


def draw_batches(
    drawing: Drawing, dealt: NDArray[np.int64], windows: int, rows: Sequence[str]
) -> None:
    """Draw batches as columns below the heading, and what the colours mean."""
    sequence, number = np.divmod(dealt, windows)
    begins, continues = number == 0, continued(dealt, windows)
    count = len(dealt)
    width = min((_WIDTH - _LEFT) / count, 40.0)
    small = {"font_size": "10" if width > 16 else "7"}
    for colour, chosen, opacity in (
        (REACH, continues, ".45"), (LOSS, ~continues & ~begins, ".6"), (INK, begins, ".12"),
    ):  # fmt: skip
        drawing.bars(
            [
                (_LEFT + n * width, _TOP + (i + 0.5) * _ROW, width - 1.5)
                for n, i in np.argwhere(chosen)
            ],
            _ROW - 4, colour, round_caps=False, opacity=opacity,
        )  # fmt: skip
    marks = "".join(
        f"M{_LEFT + n * width:.1f} {_TOP + i * _ROW + 1:.1f}v{_ROW - 2:.0f}"
        for n, i in np.argwhere(begins)
    )
    drawing.path(marks, stroke=INK, stroke_width="2")
    for i, name in enumerate(rows):
        y = _TOP + (i + 0.5) * _ROW + 3.5
        drawing.text(0, y, name, font_size="10", opacity=".8")
        if width > 11:
            drawing.row(
                y,
                [
                    (
                        _LEFT + (n + 0.5) * width,
                        f"{chr(65 + sequence[n, i])}{number[n, i] + 1 if width > 16 else ''}",
                    )
                    for n in range(count)
                ],
                text_anchor="middle",
                **small,
            )
    y = _TOP + len(rows) * _ROW + 14
    drawing.text(_LEFT, y, f"{count} batches, one after the other →", font_size="10", opacity=".8")
    x = _LEFT
    for colour, words, opacity in (
        (REACH, "own state", ".45"), (LOSS, "another's", ".6"), (INK, "begins", ".12"),
    ):  # fmt: skip
        drawing.bars([(x, y + 14, 14)], 10, colour, round_caps=False, opacity=opacity)
        drawing.text(x + 19, y + 18, words, font_size="10")
        x += 90


def _when_to_reset(begins: NDArray[np.bool_], right: bool, windows: int) -> str:
    if (begins.any(axis=1) & ~begins.all(axis=1)).any():
        return "sequences begin in the middle of a batch: no one moment to reset"
    if not right:
        return "a row's windows do not follow one another"
    return f"reset every row before every {windows} batches" if windows > 1 else "reset every time"
