"""What was tried on a series, at one reach: every run, next to what it has to beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean
from types import MappingProxyType

from tbptt.drawing import INK, LOSS, REACH, Drawing, number
from truncated_time.figures._chart import Axis

_WIDTH, _LEFT, _RISE = 360.0, 128.0, 22.0
# As the rows have a setting, and whether `k1` is 1; and as the frame writes it.
_WORDS = {
    ("zeros", False): "zeros, all scored",
    ("zeros, last", False): "zeros, last scored",
    ("warm-up", False): "warm-up of a year",
    ("carried", False): "carried, chunks",
    ("carried", True): "carried, k1 = 1",
}


def errors_at_a_reach(
    reach: int,
    *,
    rows: Sequence[Mapping[str, str]],
    to_beat: Mapping[str, float] = MappingProxyType({}),
    unit: str = "ppm",
    low: float = 0.5,
    high: float = 1.1,
) -> str:
    """Draw the error of every seed of every setting with one reach, each at its best rate.

    Parameters
    ----------
    reach : int
        The reach, as in the rows.
    rows : sequence of mappings
        ``results/choosing``: policy, k1, k2, rate, seed and validation_error.
    to_beat : mapping of str to float, optional
        The errors of simple forecasts, by name: a line for each.
    unit : str
        What errors are measured in.
    low, high : float
        Errors between which the axis runs; what lies beyond stands at its edge, with its number.

    Returns
    -------
    str
        An SVG, with its message as the title.

    Raises
    ------
    ValueError
        If the rows hold no setting with this reach.

    Examples
    --------
    >>> import re
    >>> from truncated_time.figures import errors_at_a_reach
    >>> rows = [{"policy": policy, "k1": "4", "k2": "4", "rate": rate, "validation_error": error}
    ...         for policy, rate, error in [("zeros", "0.01", "2.8"), ("carried", "0.01", "0.9"),
    ...                                     ("carried", "0.1", "1.0")]]
    >>> svg = errors_at_a_reach(4, rows=rows, to_beat={"last year": 0.82})
    >>> print(re.search("<title>(.*)</title>", svg)[1])
    4. Reach 4: carried, chunks has the least, 0.90 ppm; zeros, all scored 2.80,
    carried, chunks 0.90. To beat: last year 0.82.
    """
    settings = _at_best_rate(rows, reach)
    if not settings:
        raise ValueError(f"The rows hold no setting with a reach of {reach}.")
    middles = {name: mean(errors) for name, errors in settings.items()}
    winner = min(middles, key=middles.__getitem__)
    headline = f"Reach {reach}: {winner} has the least, {middles[winner]:.2f} {unit}"
    spoken = ", ".join(f"{name} {middle:.2f}" for name, middle in middles.items())
    beaten = ", ".join(f"{name} {error:.2f}" for name, error in to_beat.items())
    top = 50 + 13 * len(to_beat)
    bottom = top + max(4, len(settings)) * _RISE
    title = f"{reach}. {headline}; {spoken}." + f" To beat: {beaten}." * bool(to_beat)
    drawing = Drawing(_WIDTH, bottom + 32, title)
    drawing.heading(headline, "validation error; a dot for each seed, and the mean of the seeds")
    axis = Axis(low, high, _LEFT, _WIDTH - 34)
    small = {"font_size": "10"}
    for place, (name, error) in enumerate(sorted(to_beat.items(), key=lambda item: item[1])):
        x, above = axis.at(error), 46 + 13 * place
        drawing.path(f"M{number(x)} {above}V{number(bottom)}", stroke=LOSS, stroke_dasharray="3 3")
        drawing.text(x + 4, above + 5, f"{name} {error:.2f}", fill=LOSS, **small)
    for place, (name, errors) in enumerate(settings.items()):
        y = top + (place + 0.5) * _RISE
        weight = "700" if name == winner else "400"
        drawing.text(0, y + 4, name, font_weight=weight, **small)
        dots = "".join(f"M{number(axis.at(error))} {number(y)}h0.1" for error in errors)
        drawing.path(dots, stroke=REACH, stroke_width="7", stroke_linecap="round", opacity=".7")
        if max(errors) > high:
            drawing.text(axis.end + 6, y + 4, "→", text_anchor="start", fill=REACH, **small)
        drawing.text(_WIDTH, y + 4, f"{middles[name]:.2f}", text_anchor="end",
                     font_weight=weight, **small)  # fmt: skip
    ticks = [low + (high - low) * n / 3 for n in range(4)]
    drawing.path(f"M{number(axis.begin)} {number(bottom)}H{number(axis.end)}",
                 stroke=INK, opacity=".5")  # fmt: skip
    drawing.row(bottom + 13, [(axis.at(tick), f"{tick:.1f}") for tick in ticks],
                text_anchor="middle", **small)  # fmt: skip
    drawing.text(axis.end, bottom + 27, f"validation error in {unit}", text_anchor="end", **small)
    return str(drawing)


def _at_best_rate(rows: Sequence[Mapping[str, str]], reach: int) -> dict[str, list[float]]:
    """Return the errors of the seeds of each setting, at the rate with the lowest mean."""
    found: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        if float(row["k2"]) == reach:
            name = _WORDS[row["policy"], float(row["k1"]) == 1]
            of_setting = found.setdefault(name, {})
            of_setting.setdefault(row["rate"], []).append(float(row["validation_error"]))
    return {name: min(found[name].values(), key=mean) for name in _WORDS.values() if name in found}
