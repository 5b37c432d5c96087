"""Beyond the ruler: chunks of random length, the error of a mean, and memories in layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from tbptt._checks import positive_int
from tbptt.cost import memory_distances
from tbptt.drawing import INK, LOSS, REACH, Drawing, number
from tbptt.random_lengths import draw_factors, weighting
from truncated_time.figures._chart import Axis, Chart

_WIDTH, _STEPS, _SHOWN = 360.0, 16, 8
STYLES = {
    "true": ("ruler", {"stroke": INK, "opacity": ".6", "stroke_dasharray": "5 4"}),
    "coin": ("coin", {"stroke": REACH}),
    "plain coin": ("coin, no factors", {"stroke": LOSS}),
}


def random_reach(chance: float, draw: int) -> str:
    """Draw which error reaches which step when a coin ends the chunks, and what it counts.

    Parameters
    ----------
    chance : float
        Probability that a chunk ends before a step.
    draw : int
        Which draw to show.

    Returns
    -------
    str
        An SVG, with its message as the title.

    Raises
    ------
    TypeError, ValueError
        As for :func:`tbptt.random_lengths.draw_factors`.

    Examples
    --------
    >>> import re
    >>> from truncated_time.figures import random_reach
    >>> print(re.search("<title>(.*)</title>", random_reach(0.2, draw=1))[1])
    0.2, draw 1. chance 0.2: chunks of 5 steps on average; lag 5 survives 0.33 of
    the draws, and counts 3.1 times there.
    """
    draw = positive_int("draw", draw)
    weights = weighting(draw_factors(_STEPS, chance, draw))
    kept = (1 - chance) ** 5
    if chance:
        mean = f"{number(1 / chance)} steps on average"
        headline = f"chance {chance}: chunks of {mean}"
        detail = f"lag 5 survives {kept:.2g} of the draws, and counts {1 / kept:.2g} times there"
    else:
        headline, detail = "chance 0: no chunk ever ends", "full backpropagation"
    drawing = Drawing(_WIDTH, 250, f"{chance}, draw {draw}. {headline}; {detail}.")
    drawing.heading(headline, detail)
    side, top = 190.0, 40.0
    cell = side / _STEPS
    spans = [(t, int((row > 0).sum())) for t, row in enumerate(weights)]
    drawing.bars(
        [((t - n + 1) * cell, top + (t + 0.5) * cell, n * cell) for t, n in spans],
        cell * 0.82, REACH, round_caps=False,
    )  # fmt: skip
    drawing.bars(
        [(t * cell, top + (t + 0.5) * cell, cell) for t, _ in spans],
        cell * 0.82, LOSS, round_caps=False,
    )  # fmt: skip
    drawing.path(
        f"M0 {number(top)}V{number(top + side)}H{number(side)}",
        stroke=INK, opacity=".3", fill="none",
    )  # fmt: skip
    small = {"font_size": "10", "opacity": ".8"}
    drawing.text(side - 4, top + 12, "one row an error", text_anchor="end", **small)
    drawing.text(side / 2, top + side + 12, "step reached", text_anchor="middle", **small)
    left, pitch, base, height = 222.0, 17.0, top + 118.0, 96.0
    for lag in range(_SHOWN):
        x, share = left + (lag + 0.5) * pitch, (1 - chance) ** lag
        drawing.path(
            f"M{number(x)} {number(base)}v{number(-height * share)}",
            stroke=REACH, stroke_width="12",
        )  # fmt: skip
    ticks = [(left + (lag + 0.5) * pitch, str(lag)) for lag in range(_SHOWN)]
    drawing.row(base + 12, ticks, text_anchor="middle", **small)
    drawing.text(left, base + 24, "share of draws in which an", **small)
    drawing.text(left, base + 35, "error reaches that lag", **small)
    factors = [
        (
            base + 54 + 12 * line,
            f"lag {lag}: {(1 - chance) ** lag:.2g} × {(1 - chance) ** -lag:.3g}",
        )
        for line, lag in enumerate((1, 5))
    ]
    drawing.column(left, [*factors, (base + 78, "share × factor = 1")], font_size="10")
    return str(drawing)


def error_of_a_mean(draws: int, weights: str, *, rows: Sequence[Mapping[str, str]]) -> str:
    """Draw how far a mean of some gradients is from the full one, over the mean length.

    Parameters
    ----------
    draws : int
        How many gradients are averaged.
    weights : {"fresh", "trained"}
        Before or after learning.
    rows : sequence of mappings
        ``results/unbiased``: weights, seed, style, length, bias and noise.

    Returns
    -------
    str
        An SVG, with its message as the title.

    Raises
    ------
    TypeError, ValueError
        If `draws` is not an integer of at least 1, or the rows hold no such network.

    Examples
    --------
    >>> import re
    >>> from truncated_time.figures import error_of_a_mean
    >>> true = {"style": "true", "bias": "0.14", "noise": "0"}
    >>> coin = {"style": "coin", "bias": "0", "noise": "0.12"}
    >>> rows = [{"weights": "fresh", "length": k, **style}
    ...         for style in (true, coin) for k in ("5", "10")]
    >>> svg = error_of_a_mean(100, "fresh", rows=rows)
    >>> print(re.search("<title>(.*)</title>", svg)[1])
    100, fresh. length 5, mean of 100: ruler off by 14%, coin by 1.2%; fresh
    weights: distance from the full gradient, by reach or mean length.
    """
    draws = positive_int("draws", draws)
    curves: dict[str, dict[int, list[float]]] = {}
    for row in rows:
        if row["weights"] == weights and row["style"] in STYLES:
            error = (float(row["bias"]) ** 2 + float(row["noise"]) ** 2 / draws) ** 0.5
            curves.setdefault(row["style"], {}).setdefault(int(row["length"]), []).append(error)
    if not curves:
        raise ValueError(f"The rows hold no network with {weights} weights.")
    ruler, coin = (median(curves[style][5]) for style in ("true", "coin"))
    headline = f"length 5, mean of {draws}: ruler off by {ruler:.0%}, coin by {coin:.1%}"
    detail = f"{weights} weights: distance from the full gradient, by reach or mean length"
    drawing = Drawing(_WIDTH, 230, f"{draws}, {weights}. {headline}; {detail}.")
    drawing.heading(headline, detail)
    lengths = sorted(curves["coin"])
    chart = Chart(
        drawing,
        Axis(lengths[0], lengths[-1], 44, _WIDTH - 8, log=True),
        Axis(0.003, 30, 196, 40, log=True),
    )
    chart.grid(
        [(k, str(k)) for k in lengths], [(10.0, "×10"), (1.0, "100%"), (0.1, "10%"), (0.01, "1%")]
    )
    for style, curve in curves.items():
        values = [curve[k] for k in sorted(curve)]
        chart.line(sorted(curve), [median(value) for value in values], **STYLES[style][1])
    for x, (name, line) in zip((44.0, 122.0, 190.0), STYLES.values(), strict=True):
        drawing.path(f"M{x} 223h18", **{"stroke_width": "2", **line})
        drawing.text(x + 23, 226, name, font_size="10")
    return str(drawing)


def memory_reach(layers: int, width: int, segment: int) -> str:
    """Draw what the last output of a segment is made of, and what its error can change.

    Parameters
    ----------
    layers, width, segment : int
        As for :func:`tbptt.cost.memory_distances`.

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
    >>> from truncated_time.figures import memory_reach
    >>> svg = memory_reach(layers=3, width=2, segment=2)
    >>> print(re.search("<title>(.*)</title>", svg)[1])
    3 layers, width 2, segment 2. sees 6 steps back, is taught 3 at best; the word 5
    steps back is in sight, but no error teaches the way to it.
    """
    sight, taught = memory_distances(layers, width, segment)
    headline = f"sees {sight} steps back, is taught {taught} at best"
    if sight < 5:
        detail = "the word 5 steps back is out of sight"
    else:
        verdict = "taught" if taught >= 5 else "in sight, but no error teaches the way to it"
        detail = f"the word 5 steps back is {verdict}"
    steps, left, right = 13, 52.0, 352.0
    cell, top, rise = (right - left) / steps, 46.0, 34.0
    kind = f"{layers} layer{'s'[: layers > 1]}, width {width}, segment {segment}"
    drawing = Drawing(_WIDTH, top + layers * rise + 62, f"{kind}. {headline}; {detail}.")
    drawing.heading(headline.capitalize(), detail)
    small = {"font_size": "10", "opacity": ".8"}
    last = steps - 1

    def centre(step: int, layer: int) -> tuple[float, float]:
        return left + (step + 0.5) * cell, top + (layers - layer) * rise + 8

    # Chunks are laid end to end, the last one ending at the error.
    edges = [left + (last + 1 - k) * cell for k in range(segment, last + 1, segment)]
    bottom = top + layers * rise + 20
    drawing.path(
        "".join(f"M{number(x)} {number(top - 4)}V{number(bottom)}" for x in edges),
        stroke=INK, opacity=".35", stroke_dasharray="3 3",
    )  # fmt: skip
    live = {(layers, last)}
    for layer in range(layers, 0, -1):
        live |= {
            (layer - 1, step - back)
            for at, step in live if at == layer
            for back in range(width + 1) if step - back >= 0
        }  # fmt: skip
    for layer in range(layers + 1):
        name = "words" if layer == 0 else f"layer {layer}"
        drawing.text(0, centre(0, layer)[1] + 4, name, **small)
        for kept in (True, False):
            spans = []
            for step in range(steps):
                inside = step > last - segment
                if (layer, step) in live and inside == kept and layer < layers:
                    x, y = centre(step, layer)
                    spans.append((x - cell * 0.4, y, cell * 0.8))
            style = {} if kept or layer == 0 else {"opacity": ".35"}
            colour = INK if layer == 0 else REACH
            drawing.bars(spans, cell * 0.8, colour, round_caps=False, **style)
    x, y = centre(last, layers)
    drawing.bars([(x - cell * 0.4, y, cell * 0.8)], cell * 0.8, LOSS, round_caps=False)
    ticks = [(centre(last - back, 0)[0], str(back)) for back in (0, 5, 10)]
    drawing.row(bottom + 12, ticks, text_anchor="middle", **small)
    drawing.text(left, bottom + 24, "steps back; solid: an error gets there; faint: kept", **small)
    drawing.text(left, bottom + 35, "values, constant; dashed: where segments begin", **small)
    return str(drawing)
