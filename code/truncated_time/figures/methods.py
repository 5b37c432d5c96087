"""Ways to make a gradient, side by side at one learning rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from tbptt._checks import finite
from tbptt.drawing import INK, LOSS, REACH, Drawing, number
from truncated_time.figures._chart import Axis

_WIDTH, _TOP, _RISE = 360.0, 46.0, 18.0


def losses_at_a_rate(
    rate: float,
    network: str,
    *,
    rows: Sequence[Mapping[str, str]],
    floor: float,
    guess: float,
) -> str:
    """Draw where every seed of every way ends at one learning rate, and its best median.

    Parameters
    ----------
    rate : float
        The learning rate.
    network : str
        The network, as in the rows.
    rows : sequence of mappings
        ``results/ahead``: network, way, seed, rate and loss.
    floor, guess : float
        Losses in nats between which everything lies.

    Returns
    -------
    str
        An SVG, with its message as the title.

    Raises
    ------
    TypeError, ValueError
        If a number is none, or the rows hold no such network or rate.

    Examples
    --------
    >>> import re
    >>> from truncated_time.figures import losses_at_a_rate
    >>> rows = [{"network": "plain", "way": way, "seed": "0", "rate": rate, "loss": loss}
    ...         for way, rate, loss in [("RTRL", "0.01", "0.21"), ("RTRL", "0.1", "0.6"),
    ...                                 ("UORO", "0.01", "0.4"), ("UORO", "0.1", "0.3")]]
    >>> svg = losses_at_a_rate(0.1, "plain", rows=rows, floor=0.2, guess=0.7)
    >>> print(re.search("<title>(.*)</title>", svg)[1])
    0.1, plain. rate 0.1: best is UORO, 0.30; medians: RTRL 0.60, UORO 0.30.
    """
    rate, floor, guess = finite("rate", rate), finite("floor", floor), finite("guess", guess)
    ends: dict[str, dict[float, list[float]]] = {}
    for row in rows:
        if row["network"] == network:
            of_way = ends.setdefault(row["way"], {})
            of_way.setdefault(float(row["rate"]), []).append(float(row["loss"]))
    here = {way: of_way[rate] for way, of_way in ends.items() if rate in of_way}
    if not here:
        raise ValueError(f"The rows hold no {network} network with rate {rate:g}.")
    middles = {way: median(losses) for way, losses in here.items()}
    winner = min(middles, key=middles.__getitem__)
    headline = f"rate {rate:g}: best is {winner}, {middles[winner]:.2f}"
    detail = "loss at the end, a dot per seed; line: the median at the best rate"
    spoken = ", ".join(f"{way} {middle:.2f}" for way, middle in middles.items())
    bottom = _TOP + len(here) * _RISE
    drawing = Drawing(_WIDTH, bottom + 22, f"{rate:g}, {network}. {headline}; medians: {spoken}.")
    drawing.heading(headline, detail)
    axis = Axis(floor - 0.02, guess + 0.06, 78, _WIDTH - 8)
    small = {"font_size": "10", "opacity": ".8"}
    edges = [(axis.at(floor), "floor"), (axis.at(guess), "guess")]
    drawing.path(
        "".join(f"M{number(x)} {number(_TOP - 4)}V{number(bottom)}" for x, _ in edges),
        stroke=INK, opacity=".3",
    )  # fmt: skip
    drawing.row(bottom + 13, edges, text_anchor="middle", **small)
    for place, (way, losses) in enumerate(here.items()):
        y = _TOP + (place + 0.5) * _RISE
        best = min(median(of_rate) for of_rate in ends[way].values())
        drawing.text(0, y + 4, way, font_size="10")
        drawing.path(
            f"M{number(axis.at(best))} {number(y - 6)}v12", stroke=LOSS, stroke_width="2.5"
        )
        dots = "".join(f"M{number(axis.at(loss))} {number(y)}h0.1" for loss in losses)
        drawing.path(dots, stroke=REACH, stroke_width="6", stroke_linecap="round", opacity=".75")
    return str(drawing)
