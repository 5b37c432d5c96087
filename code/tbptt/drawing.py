"""A small drawing that becomes an SVG string: legible in light and dark, with a title in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from xml.etree import ElementTree

from tbptt._checks import finite, flag, shown, text

# Two colours with enough contrast on white and on near-black; everything else is currentColor.
REACH = "#0d9488"
LOSS = "#ea580c"
INK = "currentColor"


def number(value: float) -> str:
    """Format a coordinate in as few characters as a tenth of a unit needs.

    Raises
    ------
    TypeError, ValueError
        If `value` is no finite number.

    Examples
    --------
    >>> from tbptt.drawing import number
    >>> number(12), number(12.34), number(1 / 3)
    ('12', '12.3', '0.3')
    """
    return f"{finite('value', value):.1f}".rstrip("0").rstrip(".")


class Drawing:
    """An SVG of `width` by `height` units, as wide as its column allows.

    Parameters
    ----------
    width, height : float
        Size in units; a unit is a CSS pixel at the natural size.
    title : str
        What a screen reader says, and what a pointer shows: the frame's message in words.

    Raises
    ------
    TypeError, ValueError
        Here and below: if a size or place is no finite number, or words or a style are no string.

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
        width, height = finite("width", width), finite("height", height)
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
        ElementTree.SubElement(self._root, "title").text = text("title", title)

    def text(self, x: float, y: float, words: str, **style: str) -> None:
        """Write `words` with the baseline's start (or ``text_anchor``) at ``(x, y)``."""
        attributes = _attributes(x=finite("x", x), y=finite("y", y), **style)
        ElementTree.SubElement(self._root, "text", attributes).text = text("words", words)

    def heading(self, headline: str, detail: str) -> None:
        """Write the frame's message at the top, and a smaller line below it."""
        headline, detail = text("headline", headline), text("detail", detail)
        self.text(0, 12, headline, font_weight="700")
        self.text(0, 27, detail, font_size="10", opacity=".8")

    def row(self, y: float, placed: Iterable[tuple[float, str]], **style: str) -> None:
        """Write short texts ``(x, words)`` on one line, in one style."""
        attributes = _attributes(y=finite("y", y), **style)
        words_at = [(_attributes(x=x), words) for x, words in _placed(placed)]
        self._texts(attributes, words_at)

    def column(self, x: float, placed: Iterable[tuple[float, str]], **style: str) -> None:
        """Write short texts ``(y, words)`` below one another, in one style."""
        x, attributes = finite("x", x), _attributes(**style)
        self._texts(attributes, [(_attributes(x=x, y=y), words) for y, words in _placed(placed)])

    def path(self, data: str, **style: str) -> None:
        """Draw a path; an empty one is left out."""
        if text("data", data):
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
        thickness = finite("thickness", thickness)
        inset = thickness / 2 if flag("round_caps", round_caps) else 0.0
        data = "".join(
            f"M{number(x + inset)} {number(y)}h{number(max(length - 2 * inset, 0.1))}"
            for x, y, length in _tuples("spans", spans, (float, float, float))
        )
        caps = {"stroke_linecap": "round"} if round_caps else {}
        # Straight lines enclose nothing, so the inherited fill does not show.
        self.path(
            data, stroke=text("colour", colour), stroke_width=number(thickness), **caps, **style
        )

    def _texts(
        self, attributes: dict[str, str], words_at: list[tuple[dict[str, str], str]]
    ) -> None:
        node = ElementTree.SubElement(self._root, "text", attributes)
        for place, words in words_at:
            ElementTree.SubElement(node, "tspan", place).text = words

    def __str__(self) -> str:
        return ElementTree.tostring(self._root, encoding="unicode")


def _attributes(**values: float | str) -> dict[str, str]:
    return {
        name.replace("_", "-"): value if isinstance(value, str) else number(finite(name, value))
        for name, value in values.items()
    }


def _placed(given: Any) -> list[tuple[float, str]]:
    return _tuples("placed", given, (float, str))


def _tuples(name: str, given: Any, kinds: tuple[type, ...]) -> list[Any]:
    """Return an iterable of tuples as a list of them, each part of the kind that it should be."""
    wanted = f"({', '.join('a number' if kind is float else 'a string' for kind in kinds)})"
    try:
        rows = [tuple(row) for row in given]
    except Exception as error:  # whatever the iterable raises
        raise TypeError(f"{name} must hold tuples {wanted}, got {shown(given)}.") from error
    for row in rows:
        if len(row) != len(kinds):
            raise ValueError(f"{name} must hold tuples {wanted}, got {shown(row)} among them.")
    checked = {float: finite, str: text}
    return [
        tuple(checked[kind](name, part) for kind, part in zip(kinds, row, strict=True))
        for row in rows
    ]
