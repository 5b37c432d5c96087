"""A small drawing that becomes an SVG string: legible in light and dark, with a title in words."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree

# Two colours with enough contrast on white and on near-black; everything else is currentColor.
REACH = "#0d9488"
LOSS = "#ea580c"
INK = "currentColor"


def number(value: float) -> str:
    """Format a coordinate in as few characters as a tenth of a unit needs.

    Examples
    --------
    >>> from tbptt.drawing import number
    >>> number(12), number(12.34), number(1 / 3)
    ('12', '12.3', '0.3')
    """
    return f"{value:.1f}".rstrip("0").rstrip(".")


class Drawing:
    """An SVG of `width` by `height` units, as wide as its column allows.

    Parameters
    ----------
    width, height : float
        Size in units; a unit is a CSS pixel at the natural size.
    title : str
        What a screen reader says, and what a pointer shows: the frame's message in words.

    Examples
    --------
    >>> from tbptt.drawing import REACH, Drawing
    >>> drawing = Drawing(120, 60, title="Two errors, the second travels further")
    >>> drawing.heading("Two errors", "one row each")
    >>> drawing.bars([(0, 40, 20), (0, 50, 60)], thickness=8, colour=REACH)
    >>> drawing.path("M0 34V58", stroke="currentColor")
    >>> drawing.column(70, [(42, "1 step"), (52, "3 steps")])
    >>> drawing.row(58, [(10, "1"), (30, "2"), (50, "3")], font_size="6")
    >>> drawing.text(70, 58, "step", font_size="6")
    >>> print(str(drawing)[:60])
    <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 60"
    """

    def __init__(self, width: float, height: float, title: str) -> None:
        self._root = ElementTree.Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                "viewBox": f"0 0 {number(width)} {number(height)}",
                # Without a width an SVG collapses to nothing inside an HTML widget.
                "width": "100%",
                "style": f"max-width:{number(width * 1.5)}px;height:auto;display:block",
                "role": "img",
                "font-family": "system-ui,sans-serif",
                "font-size": "11.5",
                "fill": INK,
            },
        )
        ElementTree.SubElement(self._root, "title").text = title

    def text(self, x: float, y: float, words: str, **style: str) -> None:
        """Write `words` with the baseline's start (or ``text_anchor``) at ``(x, y)``."""
        node = ElementTree.SubElement(self._root, "text", _attributes(x=x, y=y, **style))
        node.text = words

    def heading(self, headline: str, detail: str) -> None:
        """Write the frame's message at the top, and a smaller line below it."""
        self.text(0, 12, headline, font_weight="700")
        self.text(0, 27, detail, font_size="10", opacity=".8")

    def row(self, y: float, placed: Iterable[tuple[float, str]], **style: str) -> None:
        """Write short texts ``(x, words)`` on one line, in one style."""
        node = ElementTree.SubElement(self._root, "text", _attributes(y=y, **style))
        for x, words in placed:
            ElementTree.SubElement(node, "tspan", _attributes(x=x)).text = words

    def column(self, x: float, placed: Iterable[tuple[float, str]], **style: str) -> None:
        """Write short texts ``(y, words)`` below one another, in one style."""
        node = ElementTree.SubElement(self._root, "text", _attributes(**style))
        for y, words in placed:
            ElementTree.SubElement(node, "tspan", _attributes(x=x, y=y)).text = words

    def path(self, data: str, **style: str) -> None:
        """Draw a path; an empty one is left out."""
        if data:
            ElementTree.SubElement(self._root, "path", _attributes(d=data, **style))

    def bars(
        self,
        spans: Iterable[tuple[float, float, float]],
        thickness: float,
        colour: str,
        *,
        round_caps: bool = True,
        **style: str,
    ) -> None:
        """Draw horizontal bars ``(x, y of the middle, length)`` as one stroked path."""
        inset = thickness / 2 if round_caps else 0.0
        data = "".join(
            f"M{number(x + inset)} {number(y)}h{number(max(length - 2 * inset, 0.1))}"
            for x, y, length in spans
        )
        caps = {"stroke_linecap": "round"} if round_caps else {}
        # Straight lines enclose nothing, so the inherited fill does not show.
        self.path(data, stroke=colour, stroke_width=number(thickness), **caps, **style)

    def __str__(self) -> str:
        return ElementTree.tostring(self._root, encoding="unicode")


def _attributes(**values: float | str) -> dict[str, str]:
    return {
        name.replace("_", "-"): value if isinstance(value, str) else number(value)
        for name, value in values.items()
    }
