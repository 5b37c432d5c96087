"""What was measured, as frames: gradients by lag, their bias, and what they teach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from tbptt.drawing import INK, LOSS, REACH, Drawing
from truncated_time.figures._chart import Axis, Chart

_WIDTH, _LEFT = 360.0, 44.0
STYLES = {
    "true": {"stroke": REACH},
    "semi-epochwise": {"stroke": INK, "opacity": ".6", "stroke_dasharray": "5 4"},
    "epochwise": {"stroke": LOSS},
}
Rows = Sequence[Mapping[str, str]]


def gradient_by_lag(cell: str, scale: str, *, rows: Rows, published: Sequence[float]) -> str:
    """Draw the size of the recurrent gradient by lag, relative to lag 0.

    Parameters
    ----------
    cell : {"RNN", "GRU", "LSTM"}
        Which network.
    scale : str
        Of the recurrent weights, as in the rows.
    rows : sequence of mappings
        ``results/vanishing``: cell, scale, seed, lag and norm.
    published : sequence of float
        The published run, by lag.

    Returns
    -------
    str
        An SVG, with its message as the title.

    Raises
    ------
    ValueError
        If the rows hold no such run.

    Examples
    --------
    >>> import re
    >>> from truncated_time.figures import gradient_by_lag
    >>> rows = [{"cell": "RNN", "scale": "0.25", "seed": "0", "norm": norm}
    ...         for norm in ("8", "4", "2", "1")]  # by lag
    >>> svg = gradient_by_lag("RNN", "0.25", rows=rows, published=[98, 40, 17, 8])
    >>> print(re.search("<title>(.*)</title>", svg)[1])
    RNN, scale 0.25. RNN: the gradient shrinks 2.0 times a step; L1 norm by lag,
    compared with lag 0: median of 1 seeds; dashed: published.
    """
    runs: dict[str, list[float]] = {}
    for row in rows:
        if row["cell"] == cell and row["scale"] == scale:
            runs.setdefault(row["seed"], []).append(float(row["norm"]))
    if not runs:
        raise ValueError(f"The rows hold no run of {cell} with scale {scale}.")
    relative = [[norm / run[0] for norm in run] for run in runs.values()]
    middle = [median(values) for values in zip(*relative, strict=True)]
    lags = range(len(middle))
    last = len(middle) - 1
    factor = middle[last] ** (1 / last)
    verb = f"shrinks {1 / factor:.1f}" if factor < 1 else f"grows {factor:.1f}"
    headline = f"{cell}: the gradient {verb} times a step"
    detail = f"L1 norm by lag, compared with lag 0: median of {len(runs)} seeds; dashed: published"
    drawing = Drawing(_WIDTH, 230, f"{cell}, scale {scale}. {headline}; {detail}.")
    drawing.heading(headline, detail)
    chart = Chart(drawing, Axis(0, last, _LEFT, _WIDTH - 6), Axis(1e-10, 10, 200, 40, log=True))
    chart.grid(
        [(lag, str(lag)) for lag in range(0, last + 1, 5)],
        [(10.0**e, words) for e, words in ((0, "1"), (-3, "10⁻³"), (-6, "10⁻⁶"), (-9, "10⁻⁹"))],
    )
    chart.band(
        lags,
        [min(values) for values in zip(*relative, strict=True)],
        [max(values) for values in zip(*relative, strict=True)],
        fill=REACH,
    )
    chart.line(lags, middle, stroke=REACH)
    chart.line(
        range(len(published)), [norm / published[0] for norm in published],
        stroke=INK, opacity=".6", stroke_dasharray="5 4",
    )  # fmt: skip
    drawing.text(_WIDTH, 226, "lag, steps before the error", text_anchor="end", font_size="10")
    return str(drawing)


def learning_curves(k2: int, *, rows: Rows, floor: float, guess: float) -> str:
    """Draw the loss over training for the three styles at one reach.

    Parameters
    ----------
    k2 : int
        The reach.
    rows : sequence of mappings
        ``results/language``: style, k2, seed, updates and loss.
    floor, guess : float
        The lowest loss with memory of the lag and without it, in nats.

    Returns
    -------
    str
        An SVG, with its message as the title.

    Raises
    ------
    ValueError
        If the rows hold no such reach.

    Examples
    --------
    >>> import re
    >>> from truncated_time.figures import learning_curves
    >>> rows = [{"style": style, "k2": "6", "seed": "0", "updates": updates, "loss": loss}
    ...         for style, end in (("true", "0.2"), ("epochwise", "0.7"))
    ...         for updates, loss in (("20", "0.7"), ("400", end))]
    >>> svg = learning_curves(6, rows=rows, floor=0.2, guess=0.69)
    >>> print(re.search("<title>(.*)</title>", svg)[1])
    k2 = 6. Reach 6: 1 styles learn the language; loss in nats by update, 0.20 to
    0.70 at the end; shaded: all seeds.
    """
    curves: dict[str, dict[int, list[float]]] = {}
    for row in rows:
        if int(row["k2"]) == k2:
            curve = curves.setdefault(row["style"], {})
            curve.setdefault(int(row["updates"]), []).append(float(row["loss"]))
    if not curves:
        raise ValueError(f"The rows hold no reach of {k2} steps.")
    low, high = (edge(min(curve[max(curve)]) for curve in curves.values()) for edge in (min, max))
    learned = sum(median(curve[max(curve)]) < (floor + guess) / 2 for curve in curves.values())
    verdict = {0: "no style learns", len(curves): "every style learns"}
    headline = f"reach {k2}: {verdict.get(learned, f'{learned} styles learn')} the language"
    detail = f"loss in nats by update, {low:.2f} to {high:.2f} at the end; shaded: all seeds"
    drawing = Drawing(_WIDTH, 230, f"k2 = {k2}. {headline.capitalize()}; {detail}.")
    drawing.heading(headline, detail)
    last = max(max(curve) for curve in curves.values())
    chart = Chart(drawing, Axis(0, last, _LEFT + 12, _WIDTH - 10), Axis(0.1, 0.8, 196, 40))
    chart.grid(
        [(updates, str(updates)) for updates in range(0, last + 1, 100)],
        [(guess, f"guess {guess:.1f}"), (floor, f"floor {floor:.1f}")],
    )
    for style, curve in curves.items():
        updates = [point - 10 for point in curve]  # each is a mean over the 20 before it
        chart.band(
            updates, [min(c) for c in curve.values()], [max(c) for c in curve.values()],
            fill=STYLES[style]["stroke"],
        )  # fmt: skip
        chart.line(updates, [median(c) for c in curve.values()], **STYLES[style])
    _legend(drawing, 226, {style: STYLES[style] for style in curves})
    return str(drawing)


def gradient_bias(cell: str, weights: str, *, rows: Rows) -> str:
    """Draw direction and length of truncated gradients next to the full one, over the reach.

    Parameters
    ----------
    cell : {"RNN", "GRU", "LSTM"}
        Which network.
    weights : {"fresh", "trained"}
        Before or after learning.
    rows : sequence of mappings
        ``results/bias``: cell, weights, seed, style, k2, cosine and length.

    Returns
    -------
    str
        An SVG, with its message as the title.

    Raises
    ------
    ValueError
        If the rows hold no such network.

    Examples
    --------
    >>> import re
    >>> from truncated_time.figures import gradient_bias
    >>> measured = {"cell": "RNN", "weights": "fresh", "seed": "0", "length": "0.9"}
    >>> rows = [{**measured, "style": style, "k2": k2, "cosine": cosine}
    ...         for style, k2, cosine in (("true", "5", "0.99"), ("epochwise", "6", "0.95"))]
    >>> svg = gradient_bias("RNN", "fresh", rows=rows)
    >>> print(re.search("<title>(.*)</title>", svg)[1])
    RNN, fresh. RNN, fresh: cosine 0.99 at true 5, 0.95 at epochwise 6; next to the
    full gradient, over the reach k2: above direction, below length.
    """
    curves: dict[str, dict[int, list[tuple[float, float]]]] = {}
    for row in rows:
        if row["cell"] == cell and row["weights"] == weights:
            points = curves.setdefault(row["style"], {}).setdefault(int(row["k2"]), [])
            points.append((float(row["cosine"]), float(row["length"])))
    if not curves:
        raise ValueError(f"The rows hold no {cell} with {weights} weights.")
    true, chunks = (
        median(cosine for cosine, _ in curves[style][k2])
        for style, k2 in (("true", 5), ("epochwise", 6))
    )
    headline = f"{cell}, {weights}: cosine {true:.2f} at true 5, {chunks:.2f} at epochwise 6"
    detail = "next to the full gradient, over the reach k2: above direction, below length"
    drawing = Drawing(_WIDTH, 264, f"{cell}, {weights}. {headline}; {detail}.")
    drawing.heading(headline, detail)
    last = max(max(curve) for curve in curves.values())
    for part, (top, name) in enumerate(((40.0, "cosine"), (142.0, "length"))):
        chart = Chart(
            drawing, Axis(1, last, _LEFT, _WIDTH - 10, log=True), Axis(0.3, 1.1, top + 88, top)
        )
        ticks = [(k, str(k)) for k in (1, 2, 3, 6, 12, 24, 48)] if part else []
        chart.grid(ticks, [(0.5, "0.5"), (1.0, "1")])
        drawing.text(_WIDTH - 12, top + 84, name, text_anchor="end", font_size="10")
        for style, curve in curves.items():
            middle = [median(point[part] for point in points) for points in curve.values()]
            chart.line(list(curve), middle, **STYLES[style])
    _legend(drawing, 260, {style: STYLES[style] for style in curves})
    return str(drawing)


def _legend(drawing: Drawing, y: float, styles: Mapping[str, Mapping[str, str]]) -> None:
    for x, (name, style) in zip((_LEFT, _LEFT + 78, _LEFT + 206), styles.items(), strict=False):
        drawing.path(f"M{x} {y - 3}h18", **{"stroke_width": "2", **style})
        drawing.text(x + 23, y, name, font_size="10")
