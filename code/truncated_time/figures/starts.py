"""What a chunk or a window begins with: the loss far past it, and how old states mislead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from tbptt.drawing import INK, LOSS, REACH, Drawing
from truncated_time.figures._chart import Axis, Chart

_WIDTH, _LEFT = 360.0, 52.0
Rows = Sequence[Mapping[str, str]]
Style = Mapping[str, str]


def loss_by_position(
    model: str, rate: str, begun: str, *, rows: Rows, chunk: int, floor: float, guess: float
) -> str:
    """Draw the loss by position of models trained from one start, next to those from zeros.

    Parameters
    ----------
    model : str
        Cell and slowest channel, as the rows have them: ``diagonal 0.999``.
    rate : str
        Learning rate, as the rows have it.
    begun : str
        What training chunks began with.
    rows : sequence of mappings
        ``results/passing``: cell, slowest, rate, start, seed, last and loss.
    chunk : int
        Steps of a training chunk.
    floor, guess : float
        The lowest loss with memory of the lag and without it, in nats.

    Returns
    -------
    str
        An SVG, with its message as the title. Shaded: all seeds.

    Raises
    ------
    ValueError
        If the rows hold no such model or start.

    Examples
    --------
    >>> import re
    >>> from truncated_time.figures import loss_by_position
    >>> rows = [{"cell": "diagonal", "slowest": "0.9", "rate": "0.1", "start": start, "seed": "0",
    ...          "last": last, "loss": loss}
    ...         for start in ("zeros", "carried") for last, loss in (("24", "0.2"), ("48", "0.3"))]
    >>> bounds = {"chunk": 24, "floor": 0.2, "guess": 0.69}
    >>> svg = loss_by_position("diagonal 0.9", "0.1", "carried", rows=rows, **bounds)
    >>> print(re.search("<title>(.*)</title>", svg)[1])
    diagonal 0.9, 0.1, carried. zeros 0.30, carried 0.30 at 2 times the chunk; loss in
    nats by position, chunks of 24; shaded: all seeds.
    """
    curves: dict[str, dict[int, list[float]]] = {}
    for row in rows:
        of_model = f"{row['cell']} {row['slowest']}" == model and row["rate"] == rate
        if of_model and row["start"] in ("zeros", begun):
            curve = curves.setdefault(row["start"], {})
            curve.setdefault(int(row["last"]), []).append(float(row["loss"]))
    if not curves:
        raise ValueError(f"The rows hold no model {model!r} at a rate of {rate}.")
    if begun not in curves:
        raise ValueError(f"The rows hold no start {begun!r} of {model}.")
    ends = sorted(curves[begun])
    told = ", ".join(f"{name} {median(curve[ends[-1]]):.2f}" for name, curve in curves.items())
    headline = f"{told} at {ends[-1] // chunk} times the chunk"
    detail = f"loss in nats by position, chunks of {chunk}; shaded: all seeds"
    drawing = Drawing(_WIDTH, 248, f"{model}, {rate}, {begun}. {headline}; {detail}.")
    drawing.heading(headline, detail)
    top = max(8.0, *(max(values) for curve in curves.values() for values in curve.values()))
    chart = Chart(
        drawing, Axis(ends[0], ends[-1], _LEFT, _WIDTH - 12, log=True),
        Axis(0.15, top, 196, 40, log=True),
    )  # fmt: skip
    ticks = [position for position in ends if position >= chunk][::2]
    chart.grid(
        [(ends[0], str(ends[0])), *((position, str(position)) for position in ticks)],
        [(floor, f"floor {floor:.1f}"), (guess, f"guess {guess:.1f}"), (2, "2"), (8, "8")],
    )
    edge = chart.x.at(chunk)
    drawing.path(f"M{edge:.1f} 40V196", stroke=INK, opacity=".5", stroke_dasharray="2 3")
    styles: dict[str, Style] = {
        name: {"stroke": LOSS, "stroke_dasharray": "6 4"} if name == "zeros" else {"stroke": REACH}
        for name in curves
    }
    for name, curve in curves.items():
        _spread(chart, curve, styles[name])
    _legend(drawing, styles)
    drawing.text(_WIDTH, 226, "position", text_anchor="end", font_size="10")
    return str(drawing)


def staleness(stored: int, burn: int, *, rows: Rows) -> str:
    """Draw how far a window's state is from the true one, over the updates since it was stored.

    Parameters
    ----------
    stored : int
        Updates that had been made when the state was stored.
    burn : int
        Steps of burn-in.
    rows : sequence of mappings
        ``results/staleness``: stored, start, burn, age and state.

    Returns
    -------
    str
        An SVG, with its message as the title. Shaded: all seeds.

    Raises
    ------
    ValueError
        If the rows hold no such moment or burn-in.

    Examples
    --------
    >>> import re
    >>> from truncated_time.figures import staleness
    >>> rows = [{"stored": "300", "start": start, "burn": "5", "age": age, "state": "0.5"}
    ...         for start in ("zeros", "stored") for age in ("1", "100")]
    >>> print(re.search("<title>(.*)</title>", staleness(300, 5, rows=rows))[1])
    300, 5. 100 updates later: off by 50% from zeros, by 50% from stored; error of
    the state by updates since storing; shaded: all seeds.
    """
    curves: dict[str, dict[int, list[float]]] = {}
    for row in rows:
        if (int(row["stored"]), int(row["burn"])) == (stored, burn) and int(row["age"]) > 0:
            curve = curves.setdefault(row["start"], {})
            curve.setdefault(int(row["age"]), []).append(float(row["state"]))
    if not curves:
        raise ValueError(f"The rows hold no burn-in of {burn} steps at {stored} updates.")
    last = max(curves["stored"])
    zeros, old = (median(curves[name][last]) for name in ("zeros", "stored"))
    headline = f"{last} updates later: off by {zeros:.0%} from zeros, by {old:.0%} from stored"
    detail = "error of the state by updates since storing; shaded: all seeds"
    drawing = Drawing(_WIDTH, 248, f"{stored}, {burn}. {headline}; {detail}.")
    drawing.heading(headline, detail)
    chart = Chart(drawing, Axis(1, last, _LEFT, _WIDTH - 12, log=True), Axis(0, 1.5, 196, 40))
    chart.grid(
        [(age, str(age)) for age in (1, 10, 100, 1000) if age <= last],
        [(share, f"{share:.0%}") for share in (0, 0.5, 1, 1.5)],
    )
    styles: dict[str, Style] = {
        "zeros": {"stroke": LOSS, "stroke_dasharray": "6 4"}, "stored": {"stroke": REACH},
    }  # fmt: skip
    for name, curve in curves.items():
        _spread(chart, curve, styles[name])
    _legend(drawing, styles)
    drawing.text(_WIDTH, 226, "updates", text_anchor="end", font_size="10")
    return str(drawing)


def _spread(chart: Chart, curve: Mapping[int, Sequence[float]], style: Style) -> None:
    """Draw the median over the seeds, and all of them as a band."""
    places = sorted(curve)
    low, high = ([edge(curve[place]) for place in places] for edge in (min, max))
    chart.band(places, low, high, fill=style["stroke"])
    chart.line(places, [median(curve[place]) for place in places], **style)


def _legend(drawing: Drawing, styles: Mapping[str, Style]) -> None:
    for place, (name, style) in enumerate(styles.items()):
        x = _LEFT + 130 * place
        drawing.path(f"M{x} 240h18", **{"stroke_width": "2", **style})
        drawing.text(x + 23, 243, f"from {name}", font_size="10")
