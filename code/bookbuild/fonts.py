"""Keep what the pages draw, out of the thousands of characters that a font holds."""

from __future__ import annotations

import re
import unicodedata
from html import unescape
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

_USED = re.compile(r"\bfa-[a-z0-9-]+")
# The converter's own output, which has neither "<" nor ">" in an attribute.
_MATHS, _TAG = re.compile(r"<math\b.*?</math>", re.DOTALL), re.compile(r"<[^>]*>")
# Styles name an icon by its code, or hold the character itself.
_CODE = re.compile(r"\\([ef][0-9a-f]{3})\b|([\ue000-\uf8ff])")
# A browser draws a name of one letter in mathematical italics, which are characters of their own.
_ITALIC = {
    unicodedata.normalize("NFKC", letter): letter
    for letter in map(chr, (0x210E, *range(0x1D434, 0x1D7CC)))
    if re.match("PLANCK|MATHEMATICAL ITALIC", unicodedata.name(letter, ""))
}


def shrink_icons(site: Path, theme_static: Path) -> None:
    """Replace the icon fonts of a built site by subsets of the theme's own.

    The sources are the theme's files, never the site's, so that an icon that comes into use later
    is found again.
    """
    (styles,) = (site / "_static").glob("vendor/fontawesome/*/css/all.min.css")
    used = icons_in_use(site, styles)
    for source in theme_static.glob("vendor/fontawesome/*/webfonts/*.woff2"):
        _cut(source, site / "_static" / source.relative_to(theme_static), used)


def shrink_maths(site: Path, whole: Path, target: Path) -> None:
    """Write a subset of a mathematical font: what the formulas of a built site are drawn with.

    Their taller and wider forms come along: the font says itself which they are.
    """
    _cut(whole, target, {ord(character) for character in formulas(site)})


def icons_in_use(site: Path, icons_css: Path) -> set[int]:
    """Return the code points that pages and scripts ask for by class, and styles by code."""
    by_class = dict(
        (name, int(code, 16))
        for names, code in re.findall(
            r"((?:\.fa-[a-z0-9-]+:+before,?)+)\{content:\"\\([0-9a-f]+)\"\}",
            icons_css.read_text(encoding="utf-8"),
        )
        for name in re.findall(r"fa-[a-z0-9-]+", names)
    )
    # The widget script brings icons of its own, which no explorer shows.
    texts = [
        path.read_text(encoding="utf-8")
        for path in (*site.rglob("*.html"), *site.rglob("*.js"))
        if not {"book", "fontawesome"} & {*path.relative_to(site).parts}
    ]
    named = {name for text in texts for name in _USED.findall(text)}
    styles = [path for path in site.rglob("*.css") if path != icons_css]
    coded = {
        int(code, 16) if code else ord(character)
        for path in styles
        for code, character in _CODE.findall(path.read_text(encoding="utf-8"))
    }
    return {by_class[name] for name in named & by_class.keys()} | coded


def formulas(site: Path) -> set[str]:
    """Return the characters in the formulas of all pages, as browsers draw them."""
    drawn = set()
    for page in site.rglob("*.html"):
        maths = "".join(_MATHS.findall(page.read_text(encoding="utf-8")))
        text = set(unescape(_TAG.sub("", maths)))
        drawn |= text | {_ITALIC[letter] for letter in text & _ITALIC.keys()}
    return {character for character in drawn if not character.isspace()}


def _cut(source: Path, target: Path, characters: set[int]) -> None:
    options = subset.Options(flavor="woff2", layout_features=[])
    target.parent.mkdir(parents=True, exist_ok=True)
    with TTFont(source, recalcTimestamp=False) as font:  # the same bytes in every build
        cutter = subset.Subsetter(options)
        cutter.populate(unicodes=characters)
        cutter.subset(font)
        subset.save_font(font, target, options)
