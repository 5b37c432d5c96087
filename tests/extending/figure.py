"""How much of its beginning a state still holds, step by step."""

from __future__ import annotations

from tbptt.drawing import REACH, Drawing
from truncated_time.figures._chart import Axis, Chart


def fading_start(keep: int) -> str:
    """Draw the share of the beginning that is left, over steps.

    Parameters
    ----------
    keep : int
        What the cell keeps of its state at a step, in per cent, above 0 and below 100.

    Returns
    -------
    str
        An SVG, with its message as the title.

    Raises
    ------
    ValueError
        If the cell would keep all, or nothing.
    """
    if not 0 < keep < 100:
        raise ValueError(f"keep must be above 0 and below 100 per cent, got {keep}.")
    left = [(keep / 100) ** n for n in range(101)]
    gone = next((n for n, share in enumerate(left) if share < 0.01), None)
    headline = f"below 1% after {gone} steps" if gone else f"after 100 steps {left[-1]:.0%} is left"
    drawing = Drawing(360, 220, f"{keep}. Of the beginning: {headline}.")
    drawing.heading(headline, "share of the beginning that the state still holds")
    chart = Chart(drawing, Axis(0, 100, 44, 350), Axis(0, 1, 190, 40))
    chart.grid([(n, str(n)) for n in range(0, 101, 20)], [(0, "0"), (0.5, "half"), (1, "all")])
    chart.line(range(101), left, stroke=REACH)
    drawing.text(360, 218, "steps", text_anchor="end", font_size="10")
    return str(drawing)
