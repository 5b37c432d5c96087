"""The cost calculator: what a truncation takes, and which dependencies it can teach."""

from __future__ import annotations

from tbptt.cost import cost, within_reach
from tbptt.drawing import INK, REACH, Drawing
from tbptt.schedule import Truncation
from truncated_time.figures._chart import Axis, Chart


def size(count: float) -> str:
    """Write bytes in the largest unit of which there is at least one.

    Examples
    --------
    >>> from truncated_time.figures.calculator import size
    >>> size(999), size(25_600_000)
    ('999 B', '25.6 MB')
    """
    units = ("B", "kB", "MB", "GB")
    power = next(p for p in (3, 2, 1, 0) if p == 0 or count >= 1000**p)
    return f"{count / 1000**power:.3g} {units[power]}"


def cost_calculator(steps: int, hidden: int, batch: int, k1: int, k2: int) -> str:
    """Draw one frame of the calculator, for a GRU or a plain network in float32, one input.

    Parameters
    ----------
    steps, hidden, batch : int
        Length of the stretch, units, rows.
    k1, k2 : int
        The truncation.

    Returns
    -------
    str
        An SVG; its title says the values and every count.

    Raises
    ------
    TypeError, ValueError
        As :func:`tbptt.cost.cost`.

    Examples
    --------
    >>> import re
    >>> from truncated_time.figures import cost_calculator
    >>> svg = cost_calculator(steps=1000, hidden=100, batch=32, k1=1, k2=20)
    >>> print(re.search("<title>(.*)</title>", svg)[1])
    1000 steps, 100 units, 32 rows, k1 = 1, k2 = 20: work 19,810 backward steps,
    19.8 full passes; depth 20 steps that wait for one another; memory 259 kB as a
    stream, 12.9 MB at once. In reach: 100% of the dependencies over 10 steps, 100%
    of the dependencies over 19 steps
    """
    truncation = Truncation(k1, k2)
    counted = cost(truncation, steps, hidden, batch)
    lags = sorted({min(round(10 ** (n / 8)), steps - 1) for n in range(25)})
    shares = [within_reach(truncation, steps, lag) for lag in lags]
    passes = "pass" if counted.work == steps else "passes"
    rows = (
        ("work", f"{counted.work:,} backward steps, {counted.work / steps:.3g} full {passes}"),
        ("depth", f"{counted.depth:,} steps that wait for one another"),
        ("memory", f"{size(counted.stream)} as a stream, {size(counted.whole)} at once"),
    )
    far = {lag: within_reach(truncation, steps, lag) for lag in (10, counted.depth - 1)}
    title = f"{steps} steps, {hidden} units, {batch} rows, k1 = {k1}, k2 = {k2}: "
    title += "; ".join(f"{name} {words}" for name, words in rows)
    title += ". In reach: " + ", ".join(
        f"{share:.0%} of the dependencies over {lag} steps" for lag, share in far.items()
    )
    drawing = Drawing(360, 232, title)
    drawing.column(0, [(14 + 17 * i, name) for i, (name, _) in enumerate(rows)], font_weight="700")
    drawing.column(60, [(14 + 17 * i, words) for i, (_, words) in enumerate(rows)])
    chart = Chart(drawing, Axis(1, 1000, 40, 344, log=True), Axis(0, 1, 196, 76))
    drawing.text(0, 66, "share of dependencies in reach", font_size="10", opacity=".8")
    chart.grid([(n, str(n)) for n in (1, 10, 100, 1000)], [(0, "0%"), (0.5, "50%"), (1, "100%")])
    chart.line(lags, shares, stroke=REACH)
    drawing.text(350, 226, "lag of the dependency, in steps", text_anchor="end", font_size="10",
                 fill=INK)  # fmt: skip
    return str(drawing)
