"""What the full gradient holds in memory when it is taken one chunk at a time."""

from __future__ import annotations

from math import ceil

from tbptt.drawing import INK, LOSS, REACH, Drawing
from truncated_time.figures._chart import Axis, Chart

_WIDTH = 360.0
_DECADES = ((1e2, "100"), (1e3, "1,000"), (1e4, "10,000"), (1e5, "100,000"), (1e6, "million"))


def chunk_memory(steps: int, graph: int, chunk: int) -> str:
    """Draw how much is held over the length of a chunk: states at borders, and one chunk's graph.

    Parameters
    ----------
    steps : int
        Length of the sequence.
    graph : int
        What the graph of one step takes, in states.
    chunk : int
        Steps of a chunk, at most `steps`; this length is marked.

    Returns
    -------
    str
        An SVG, with its message as the title. Solid: both together; dashed: the graph alone, which
        a cut at every border needs as well.

    Raises
    ------
    ValueError
        If a number is below 1, or a chunk is longer than the sequence.

    Examples
    --------
    >>> import re
    >>> from truncated_time.figures import chunk_memory
    >>> svg = chunk_memory(steps=1024, graph=12, chunk=16)
    >>> print(re.search("<title>(.*)</title>", svg)[1])
    1024, 12, 16. 256 states' worth; 64 at borders, 192 in one chunk's graph. One pass
    over all steps: 12,288.
    """
    if min(steps, graph, chunk) < 1 or chunk > steps:
        raise ValueError(
            f"steps, graph and chunk must be at least 1 and chunk at most {steps} steps, got "
            f"{steps}, {graph}, {chunk}."
        )
    borders, held = ceil(steps / chunk), graph * chunk
    headline = f"{borders + held:,} states' worth"
    detail = f"{borders:,} at borders, {held:,} in one chunk's graph"
    whole = f"One pass over all steps: {graph * steps:,}."
    drawing = Drawing(_WIDTH, 262, f"{steps}, {graph}, {chunk}. {headline}; {detail}. {whole}")
    drawing.heading(headline, detail)
    chart = Chart(
        drawing,
        Axis(1, steps, 62, _WIDTH - 20, log=True),  # room for the last tick
        Axis(10, 3e6, 186, 42, log=True),
    )
    lengths = [2**power for power in range(steps.bit_length()) if 2**power <= steps]
    chart.grid([(length, f"{length:,}") for length in lengths[::2]], _DECADES)
    chart.line(
        lengths, [float(graph * length) for length in lengths], stroke=LOSS, stroke_dasharray="6 4"
    )
    both = [float(ceil(steps / length) + graph * length) for length in lengths]
    chart.line(lengths, both, stroke=REACH)
    x, y = chart.x.at(chunk), chart.y.at(borders + held)
    drawing.bars([(x - 4, y, 8)], 8, INK)
    drawing.text(_WIDTH, 216, "steps of a chunk", text_anchor="end", font_size="10")
    for place, (words, line) in enumerate(
        (("borders and one graph", {"stroke": REACH}),
         ("one graph: a cut at every border", {"stroke": LOSS, "stroke_dasharray": "6 4"}))
    ):  # fmt: skip
        at = 236 + 16 * place
        drawing.path(f"M62 {at - 3}h18", **{"stroke_width": "2", **line})
        drawing.text(85, at, words, font_size="10")
    return str(drawing)
