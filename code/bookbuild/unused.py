"""Take away the static files that no page loads: maps, translations, fonts of another format."""

from __future__ import annotations

import re
from pathlib import Path

_TEXTS = {".css", ".html", ".js"}
_FROM_PAGE = re.compile(r"_static/([^\"'?#\s)]+)")
# For developers of the theme, and for browsers that cannot read the pages anyway.
_FOR_NOBODY = re.compile(
    r"\s*/[/*]# sourceMappingURL=[^\s*]+(\s*\*/)?\s*\Z"
    r"|,\s*url\([^)]+\.ttf\) format\(\"truetype\"\)"
)


def remove(site: Path) -> None:
    """Remove from ``_static`` of a built site what neither a page nor one of its files names."""
    static = site / "_static"
    for path in static.rglob("*"):
        if path.suffix in {".css", ".js"}:
            text = path.read_text(encoding="utf-8")
            path.write_text(_FOR_NOBODY.sub("", text), encoding="utf-8")
    used = loaded(site)
    for path in sorted(static.rglob("*"), reverse=True):  # what is in a folder before the folder
        if path.is_file() and path not in used:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def loaded(site: Path) -> set[Path]:
    """Return the static files that the pages lead to, at first or by way of another.

    Scripts and styles put addresses together in their own ways, so a file counts as loaded by
    them when they have its name.
    """
    static = site / "_static"
    pages = [page for page in site.rglob("*.html") if static not in page.parents]
    named = {name for page in pages for name in _FROM_PAGE.findall(page.read_text("utf-8"))}
    waiting = {static / name for name in named}
    left = {path for path in static.rglob("*") if path.is_file()}
    found = set()
    while waiting := waiting & left:
        left -= waiting
        found |= waiting
        texts = [path.read_text("utf-8") for path in waiting if path.suffix in _TEXTS]
        waiting = {path for path in left for text in texts if path.name in text}
    return found
