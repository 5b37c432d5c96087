"""A loss that falls while the weights move, next to the same loss with the weights held still."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log
from statistics import mean
from typing import Literal

from tbptt.drawing import LOSS, REACH, Drawing
from truncated_time.figures._chart import Axis, Chart

_LEFT, _WIDTH = 52.0, 360.0
_LOSS_AXIS = Axis(0.003, 20, 196, 40, log=True)
_STYLES = {
    "train_loss": {"stroke": REACH},
    "frozen_loss": {"stroke": LOSS, "stroke_dasharray": "6 4"},
}
Rows = Sequence[Mapping[str, str | float]]


def losses_over(
    name: str, *, rows: Rows, over: Literal["epoch", "chunk"] = "epoch", classes: int = 2
) -> str:
    """Draw the training loss and the loss with frozen weights, over epochs or within one.

    Parameters
    ----------
    name : str
        What was trained: the title begins with it.
    rows : sequence of mappings
        With epoch or chunk, counted from 1, seed, train_loss and frozen_loss, in nats.
    over : {"epoch", "chunk"}
        What runs along the axis.
    classes : int
        A guess among so many is drawn as a line.

    Returns
    -------
    str
        An SVG, with its message as the title.

    Raises
    ------
    ValueError
        If there are no rows.

    Examples
    --------
    >>> import re
    >>> from truncated_time.figures import losses_over
    >>> rows = [{"epoch": 1, "seed": 0, "train_loss": 0.69, "frozen_loss": 0.69},
    ...         {"epoch": 9, "seed": 0, "train_loss": 0.03, "frozen_loss": 5.26}]
    >>> svg = losses_over("random states", rows=rows)
    >>> print(re.search("<title>(.*)</title>", svg)[1])
    random states. training 0.03, frozen 5.26; loss in nats by epoch, mean and all
    of 1 seeds; last epoch in words.
    """
    if not rows:
        raise ValueError(f"There are no rows of {name}.")
    points = sorted({float(row[over]) for row in rows})
    losses = {
        column: [[float(r[column]) for r in rows if float(r[over]) == p] for p in points]
        for column in _STYLES
    }
    trained, frozen = (mean(values[-1]) for values in losses.values())
    headline = f"training {trained:.2f}, frozen {frozen:.2f}"
    seeds = len({row["seed"] for row in rows})
    detail = f"loss in nats by {over}, mean and all of {seeds} seeds; last {over} in words"
    drawing = Drawing(_WIDTH, 248, f"{name}. {headline}; {detail}.")
    drawing.heading(headline, detail)
    axis = Axis(points[0], points[-1], _LEFT, _WIDTH - 8, log=over == "chunk")
    chart = Chart(drawing, axis, _LOSS_AXIS)
    marks = (1, 10, 100, 1000) if over == "chunk" else range(0, 101, 5)
    ticks = [mark for mark in marks if points[0] <= mark <= points[-1]]
    chart.grid(
        [(tick, f"{tick:.0f}") for tick in ticks],
        [(log(classes), f"guess {log(classes):.1f}"), *((v, str(v)) for v in (0.01, 0.1, 10))],
    )
    for style, values in zip(_STYLES.values(), losses.values(), strict=True):
        chart.band(points, [min(v) for v in values], [max(v) for v in values], fill=style["stroke"])
        chart.line(points, [mean(v) for v in values], **style)
    for place, (words, style) in enumerate(
        zip(("weights updated", "weights frozen"), _STYLES.values(), strict=True)
    ):
        x = _LEFT + 130 * place
        drawing.path(f"M{x} 240h18", **{"stroke_width": "2", **style})
        drawing.text(x + 23, 243, words, font_size="10")
    drawing.text(_WIDTH, 226, over, text_anchor="end", font_size="10")
    return str(drawing)
