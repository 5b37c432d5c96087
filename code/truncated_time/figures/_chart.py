"""Lines on a linear or logarithmic grid, drawn into a `Drawing`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log10

from tbptt.drawing import INK, Drawing, number


@dataclass(frozen=True)
class Axis:
    """One direction of a chart: from the value `low` to `high`, over `begin` to `end` units."""

    low: float
    high: float
    begin: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """Return where a value lies; beyond the ends it stays at the edge."""
        low, high = (log10(edge) if self.log else edge for edge in (self.low, self.high))
        here = log10(max(value, self.low / 10)) if self.log else value
        share = min(max((here - low) / (high - low), 0.0), 1.0)
        return self.begin + share * (self.end - self.begin)


@dataclass(frozen=True)
class Chart:
    """Two axes and what is drawn between them."""

    drawing: Drawing
    x: Axis
    y: Axis

    def grid(
        self, ticks_x: Iterable[tuple[float, str]], ticks_y: Iterable[tuple[float, str]]
    ) -> None:
        """Write the ticks, and a faint line for each one of the vertical axis."""
        small = {"font_size": "10", "opacity": ".8"}
        ticks_y = list(ticks_y)
        data = "".join(
            f"M{number(self.x.begin)} {number(self.y.at(value))}H{number(self.x.end)}"
            for value, _ in ticks_y
        )
        self.drawing.path(data, stroke=INK, opacity=".2")
        for value, words in ticks_y:
            y = self.y.at(value) + 3
            self.drawing.text(self.x.begin - 5, y, words, text_anchor="end", **small)
        self.drawing.row(
            self.y.begin + 14,
            [(self.x.at(value), words) for value, words in ticks_x],
            text_anchor="middle",
            **small,
        )

    def line(self, xs: Sequence[float], ys: Sequence[float], **style: str) -> None:
        """Draw a line through points."""
        style = {"stroke_width": "2", "fill": "none", **style}
        self.drawing.path(f"M{self._points(xs, ys)}", **style)

    def band(
        self, xs: Sequence[float], low: Sequence[float], high: Sequence[float], **style: str
    ) -> None:
        """Fill between two lines: the spread over seeds."""
        there, back = self._points(xs, low), self._points(xs[::-1], high[::-1])
        self.drawing.path(f"M{there} {back}Z", **{"opacity": ".2", **style})

    def _points(self, xs: Sequence[float], ys: Sequence[float]) -> str:
        return " ".join(
            f"{number(self.x.at(x))} {number(self.y.at(y))}" for x, y in zip(xs, ys, strict=True)
        )
