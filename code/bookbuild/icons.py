"""Keep the icons that the pages draw, out of the thousands that the theme's fonts hold."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

_USED = re.compile(r"\bfa-[a-z0-9-]+")
# Styles name an icon by its code, or hold the character itself.
_CODE = re.compile(r"\\([ef][0-9a-f]{3})\b|([\ue000-\uf8ff])")


def codes_in_use(site: Path, icons_css: Path) -> set[int]:
    """Return the code points that pages and scripts ask for by class, and styles by code."""
    by_class = dict(
        (name, int(code, 16))
        for names, code in re.findall(
            r"((?:\.fa-[a-z0-9-]+:+before,?)+)\{content:\"\\([0-9a-f]+)\"\}",
            icons_css.read_text(encoding="utf-8"),
        )
        for name in re.findall(r"fa-[a-z0-9-]+", names)
    )
    texts = _texts(site, ("*.html", "*.js"))
    named = {name for text in texts for name in _USED.findall(text)}
    styles = [path for path in site.rglob("*.css") if path != icons_css]
    coded = {
        int(code, 16) if code else ord(character)
        for path in styles
        for code, character in _CODE.findall(path.read_text(encoding="utf-8"))
    }
    return {by_class[name] for name in named & by_class.keys()} | coded


def shrink(site: Path, theme_static: Path) -> None:
    """Replace the icon fonts of a built site by subsets of the theme's own.

    The sources are the theme's files, never the site's, so that an icon that comes into use later
    is found again.
    """
    (styles,) = (site / "_static").glob("vendor/fontawesome/*/css/all.min.css")
    used = codes_in_use(site, styles)
    options = subset.Options(flavor="woff2", layout_features=[])
    for source in theme_static.glob("vendor/fontawesome/*/webfonts/*.woff2"):
        with TTFont(source, recalcTimestamp=False) as font:  # the same bytes in every build
            cutter = subset.Subsetter(options)
            cutter.populate(unicodes=used)
            cutter.subset(font)
            subset.save_font(font, site / "_static" / source.relative_to(theme_static), options)


def _texts(site: Path, patterns: Iterable[str]) -> list[str]:
    # The widget script brings icons of its own, which no explorer shows.
    return [
        path.read_text(encoding="utf-8")
        for pattern in patterns
        for path in site.rglob(pattern)
        if "book" not in path.relative_to(site).parts
        and "fontawesome" not in path.relative_to(site).parts
    ]
