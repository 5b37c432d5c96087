"""What becomes of an output when the state is not fed back at a call's border."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tbptt.drawing import INK, LOSS, REACH, Drawing
from truncated_time.figures._chart import Axis, Chart


def error_by_step(
    chunk: int, feedback: str, *, errors: Mapping[tuple[int, str], Sequence[float]]
) -> str:
    """Draw how far the outputs of several calls lie from those of one long run, step by step.

    Parameters
    ----------
    chunk : int
        Steps in a call.
    feedback : str
        What of the final state of a call goes on into the next: ``"off"``, ``"on"``, or a name.
    errors : mapping
        For each pair of the two, the distance at every step.

    Returns
    -------
    str
        An SVG, with its message as the title. Thin lines are the borders between calls.

    Raises
    ------
    ValueError
        If `errors` holds no such pair.

    Examples
    --------
    >>> import re
    >>> from truncated_time.figures import error_by_step
    >>> svg = error_by_step(2, "off", errors={(2, "off"): [0, 0, 0.5, 0.25]})
    >>> print(re.search("<title>(.*)</title>", svg)[1])
    2, off. 2 of 4 outputs differ from one long run; distance by step; 2 calls of 2,
    feedback off.
    """
    if (chunk, feedback) not in errors:
        raise ValueError(f"errors holds no chunk {chunk} with feedback {feedback!r}.")
    shown = errors[chunk, feedback]
    steps = len(shown)
    wrong = sum(error > 1e-6 for error in shown)
    headline = f"{wrong} of {steps} outputs differ from one long run"
    handed = f"feedback {feedback}" if feedback in ("off", "on") else f"handed on: {feedback}"
    detail = f"distance by step; {-(-steps // chunk)} calls of {chunk}, {handed}"
    drawing = Drawing(360, 230, f"{chunk}, {feedback}. {headline}; {detail}.")
    drawing.heading(headline, detail)
    top = max(max(curve) for curve in errors.values())
    chart = Chart(drawing, Axis(1, steps, 44, 350), Axis(0, 1.05 * top, 196, 40))
    chart.grid(
        [(1, "1"), *((n, str(n)) for n in range(6, steps + 1, 6))],
        [(0, "0"), (top / 2, f"{top / 2:.2f}"), (top, f"{top:.2f}")],
    )
    borders = "".join(
        f"M{chart.x.at(border + 0.5):.1f} 40V196" for border in range(chunk, steps, chunk)
    )
    drawing.path(borders, stroke=INK, opacity=".5", stroke_dasharray="2 3")
    colour = LOSS if wrong else REACH
    for first in range(0, steps, chunk):  # a call is a line of its own
        run = range(first + 1, min(first + chunk, steps) + 1)
        chart.line(run, shown[first : first + chunk], stroke=colour)
        drawing.bars(
            [(chart.x.at(step) - 2, chart.y.at(shown[step - 1]), 4) for step in run], 4, colour
        )
    drawing.text(350, 226, "step", text_anchor="end", font_size="10")
    return str(drawing)
