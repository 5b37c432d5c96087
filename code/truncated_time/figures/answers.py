"""The loss of each answer of a window, by what the window begins with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean

from tbptt.drawing import INK, LOSS, REACH, Drawing
from truncated_time.figures._chart import Axis, Chart

_WIDTH, _LEFT, _BOTTOM = 360.0, 60.0, 176.0
Rows = Sequence[Mapping[str, str]]


def loss_by_answer(
    start: str, distance: int, *, rows: Rows, floor: float, guess: float, highest: float = 1.0
) -> str:
    """Draw the loss of each answer of a window that begins one way, next to one from zeros.

    Parameters
    ----------
    start : str
        What the window begins with, as the rows have it: ``zero``, ``warmed up``.
    distance : int
        Steps between an answer's input and the word that it repeats.
    rows : sequence of mappings
        ``results/starts`` of one language: start, seed, step and loss.
    floor, guess : float
        The lowest loss with the word that is repeated, and without it, in nats.
    highest : float
        Where the axis of the loss ends.

    Returns
    -------
    str
        An SVG, with its message as the title.

    Raises
    ------
    ValueError
        If the rows hold no such start.

    Examples
    --------
    >>> import re
    >>> from truncated_time.figures import loss_by_answer
    >>> rows = [{"start": "carried", "seed": "0", "step": str(step), "loss": "0.33"}
    ...         for step in range(20)]
    >>> svg = loss_by_answer("carried", 5, rows=rows, floor=0.33, guess=0.69)
    >>> print(re.search("<title>(.*)</title>", svg)[1])
    5, carried. 0 of 20 answers are closer to a guess than to the floor; loss in nats
    by answer of the window, mean of 1 seeds.
    """
    curves = {name: _by_step(rows, name) for name in ("zero", start)}
    if not curves[start]:
        raise ValueError(f"The rows hold no start {start!r}.")
    losses = curves[start]
    guessed = sum(loss > (floor + guess) / 2 for loss in losses.values())
    headline = f"{guessed} of {len(losses)} answers are closer to a guess than to the floor"
    seeds = len({row["seed"] for row in rows})
    detail = f"loss in nats by answer of the window, mean of {seeds} seeds"
    drawing = Drawing(_WIDTH, 226, f"{distance}, {start}. {headline}; {detail}.")
    drawing.heading(headline, detail)
    last = max(losses) + 1
    chart = Chart(drawing, Axis(1, last, _LEFT, _WIDTH - 8), Axis(0, highest, _BOTTOM, 40))
    chart.grid(
        [(answer, str(answer)) for answer in (1, 5, 10, 15, 20) if answer <= last],
        [(floor, f"floor {floor:.2f}"), (guess, f"guess {guess:.2f}")],
    )
    if distance < last:  # from here on the window itself holds what is repeated
        edge = chart.x.at(distance + 0.5)
        drawing.path(f"M{edge:.1f} 40V{_BOTTOM:.0f}", stroke=INK, stroke_dasharray="2 3")
        drawing.text(edge + 5, 50, "the word lies in the window", font_size="10", opacity=".8")
    styles = {
        "zero": {"stroke": LOSS, "stroke_dasharray": "6 4"},
        start: {"stroke": REACH} if start != "zero" else {"stroke": LOSS},
    }
    for place, (name, style) in enumerate(styles.items()):
        answers = [step + 1 for step in curves[name]]
        if answers:
            chart.line(answers, list(curves[name].values()), **style)
        x = _LEFT + 110 * place
        drawing.path(f"M{x} 216h18", **{"stroke_width": "2", **style})
        drawing.text(x + 23, 219, name, font_size="10")
    drawing.text(_WIDTH, 204, "answer", text_anchor="end", font_size="10")
    return str(drawing)


def _by_step(rows: Rows, start: str) -> dict[int, float]:
    """Return the mean loss over the seeds of each step of windows that begin so."""
    losses: dict[int, list[float]] = {}
    for row in rows:
        if row["start"] == start:
            losses.setdefault(int(row["step"]), []).append(float(row["loss"]))
    return {step: mean(losses[step]) for step in sorted(losses)}
