"""What a truncated gradient costs over the interval between passes: counted, and measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from tbptt.drawing import INK, REACH, Drawing
from truncated_time.figures._chart import Axis, Chart


def cost_by_interval(cell: str, *, rows: Sequence[Mapping[str, str]]) -> str:
    """Draw the time of the exact engine, in fused full passes of PyTorch's, over `k1`.

    Next to it stands what counting operations predicts: forward, weight gradients and ``k2 / k1``
    backward sweeps instead of one, ``(2 + k2 / k1) / 3``.

    Parameters
    ----------
    cell : {"RNN", "GRU", "LSTM"}
        Which network.
    rows : sequence of mappings
        ``results/timing``, of one workload for each cell: cell, baseline, k1, k2 and ratio.

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
    >>> from truncated_time.figures import cost_by_interval
    >>> usual = {"cell": "RNN", "baseline": "fused", "k2": "20"}
    >>> rows = [{**usual, "k1": "1", "ratio": "1.7"}, {**usual, "k1": "10", "ratio": "0.8"}]
    >>> svg = cost_by_interval("RNN", rows=rows)
    >>> print(re.search("<title>(.*)</title>", svg)[1])
    RNN. RNN: 1.7 times a fused full pass at k1 = 1; by counting operations 7.3
    (dashed); k2 = 20 throughout.
    """
    ratios: dict[int, list[float]] = {}
    reaches = set()
    for row in rows:
        if row["cell"] == cell and row["baseline"] == "fused":
            ratios.setdefault(int(row["k1"]), []).append(float(row["ratio"]))
            reaches.add(int(row["k2"]))
    if len(reaches) != 1:
        raise ValueError(f"The rows must hold one reach of {cell}, got {sorted(reaches)}.")
    k2 = reaches.pop()
    intervals = sorted(ratios)
    measured = [median(ratios[k1]) for k1 in intervals]
    counted = [(2 + k2 / k1) / 3 for k1 in intervals]
    headline = f"{cell}: {measured[0]:.1f} times a fused full pass at k1 = 1"
    detail = f"by counting operations {counted[0]:.1f} (dashed); k2 = {k2} throughout"
    drawing = Drawing(360, 230, f"{cell}. {headline}; {detail}.")
    drawing.heading(headline, detail)
    chart = Chart(drawing, Axis(1, k2, 44, 350, log=True), Axis(0, 8, 196, 40))
    chart.grid([(k1, str(k1)) for k1 in intervals], [(n, f"{n}×") for n in (0, 1, 2, 4, 6, 8)])
    chart.line(intervals, counted, stroke=INK, opacity=".6", stroke_dasharray="5 4")
    chart.band(
        intervals, [min(ratios[k1]) for k1 in intervals], [max(ratios[k1]) for k1 in intervals],
        fill=REACH,
    )  # fmt: skip
    chart.line(intervals, measured, stroke=REACH)
    drawing.text(360, 226, "k1, steps between passes", text_anchor="end", font_size="10")
    return str(drawing)
