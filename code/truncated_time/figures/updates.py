"""What truncation does on text, compared with what the number of updates does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor
from statistics import mean

from tbptt.drawing import INK, LOSS, REACH, Drawing
from truncated_time.figures._chart import Axis, Chart

_LEFT, _WIDTH = 44.0, 360.0
_STYLES = {
    "epochwise": {"stroke": LOSS},
    "semi-epochwise": {"stroke": INK, "opacity": ".6", "stroke_dasharray": "2 4"},
    "true": {"stroke": REACH},
    "accumulated": {"stroke": LOSS, "stroke_dasharray": "6 4"},
}


def loss_by_updates(learning_rate: str, *, rows: Sequence[Mapping[str, str]]) -> str:
    """Draw the validation loss of each style over the steps from one update to the next.

    Parameters
    ----------
    learning_rate : str
        As in the rows.
    rows : sequence of mappings
        ``results/text``: style, chunk, learning_rate, seed and loss.

    Returns
    -------
    str
        An SVG, with its message as the title.

    Raises
    ------
    ValueError
        If the rows hold no such learning rate.

    Examples
    --------
    >>> import re
    >>> from truncated_time.figures import loss_by_updates
    >>> measured = {"chunk": "20", "learning_rate": "0.01", "seed": "0"}
    >>> rows = [{**measured, "style": style, "loss": loss}
    ...         for style, loss in (("true", "4.8"), ("epochwise", "4.9"))]
    >>> svg = loss_by_updates("0.01", rows=rows)
    >>> print(re.search("<title>(.*)</title>", svg)[1])
    0.01. Learning rate 0.01: lowest at 20 steps an update; (true) validation
    loss in nats a word: mean and all seeds.
    """
    curves: dict[str, dict[int, list[float]]] = {style: {} for style in _STYLES}
    for row in rows:
        if row["learning_rate"] == learning_rate:
            losses = curves[row["style"]].setdefault(int(row["chunk"]), [])
            losses.append(float(row["loss"]))
    curves = {style: dict(sorted(curve.items())) for style, curve in curves.items() if curve}
    if not curves:
        raise ValueError(f"The rows hold no learning rate of {learning_rate}.")
    middle = {
        (style, chunk): mean(losses) for style, curve in curves.items() for chunk, losses in
        curve.items()
    }  # fmt: skip
    style, chunk = min(middle, key=lambda key: middle[key])
    headline = f"learning rate {learning_rate}: lowest at {chunk} steps an update"
    detail = f"({style}) validation loss in nats a word: mean and all seeds"
    drawing = Drawing(_WIDTH, 264, f"{learning_rate}. {headline.capitalize()}; {detail}.")
    drawing.heading(headline, detail)
    every_loss = [loss for curve in curves.values() for losses in curve.values() for loss in losses]
    low, high = floor(min(every_loss) * 10), ceil(max(every_loss) * 10)
    chart = Chart(
        drawing, Axis(4.7, 44, _LEFT, _WIDTH - 8, log=True), Axis(low / 10, high / 10, 190, 40)
    )
    chunks = sorted({chunk for _, chunk in middle})
    ticks = range(low, high + 1, 2 if high - low > 4 else 1)
    chart.grid([(n, str(n)) for n in chunks], [(n / 10, f"{n / 10:.1f}") for n in ticks])
    for style, curve in curves.items():
        chart.band(
            list(curve), [min(losses) for losses in curve.values()],
            [max(losses) for losses in curve.values()], fill=_STYLES[style]["stroke"],
        )  # fmt: skip
        chart.line(list(curve), [mean(losses) for losses in curve.values()], **_STYLES[style])
    for place, style in enumerate(curves):
        x, y = _LEFT + 130 * (place % 2), 242 + 16 * (place // 2)
        drawing.path(f"M{x} {y - 3}h18", **{"stroke_width": "2", **_STYLES[style]})
        drawing.text(x + 23, y, style, font_size="10")
    drawing.text(_WIDTH, 224, "steps between updates", text_anchor="end", font_size="10")
    return str(drawing)
