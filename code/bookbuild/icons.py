"""Keep the icons that the pages draw, out of the 1,400 that the theme's font holds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

_FONT = "fa-solid-900.woff2"
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
    """Replace the icon font of a built site by a subset of the theme's own.

    The source is the theme's file, never the site's, so that an icon that comes into use later
    is found again.
    """
    (source,) = theme_static.glob(f"vendor/fontawesome/*/webfonts/{_FONT}")
    target = site / "_static" / source.relative_to(theme_static)
    (styles,) = (site / "_static").glob("vendor/fontawesome/*/css/all.min.css")
    options = subset.Options(flavor="woff2", layout_features=[])
    with TTFont(source) as font:
        cutter = subset.Subsetter(options)
        cutter.populate(unicodes=codes_in_use(site, styles))
        cutter.subset(font)
        subset.save_font(font, target, options)


def _texts(site: Path, patterns: Iterable[str]) -> list[str]:
    # The widget script brings icons of its own, which no explorer shows.
    return [
        path.read_text(encoding="utf-8")
        for pattern in patterns
        for path in site.rglob(pattern)
        if "book" not in path.relative_to(site).parts
        and "fontawesome" not in path.relative_to(site).parts
    ]
