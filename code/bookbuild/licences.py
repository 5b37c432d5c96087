"""The licences of what the site passes on: the theme, scripts, icons and fonts of others."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path

# Whose files the pages load.
_PYTHON = (
    *("myst-nb", "pydata-sphinx-theme", "pygments", "sphinx", "sphinx-book-theme"),
    *("sphinx-copybutton", "sphinx-design", "sphinx-exercise", "sphinx-togglebutton"),
)
_FONT, _WIDGETS = "@fontsource/stix-two-math", "@jupyter-widgets/html-manager"
# Parts of the scripts above that come without a file of their own.
_LOADERS = {"css-loader", "style-loader"}
_NOTICES = """\
Under the MIT licence, whose words are those of sphinx-copybutton's above:
Bootstrap, Copyright 2011-2024 The Bootstrap Authors; Popper, Copyright 2019 Federico Zivolo;
clipboard.js, Copyright Zeno Rocha; css-loader and style-loader, Copyright JS Foundation and other
contributors."""
_NAME = re.compile(r"(.+[-_.])?licen[cs]e([-_.].+)?", re.IGNORECASE)


def text(modules: Path) -> str:
    """Return all licences, each under the name of the package and its version.

    Parameters
    ----------
    modules : Path
        The folder ``node_modules``.

    Raises
    ------
    ValueError
        If a package comes without a licence that is known.
    """
    parts = {}
    for name in _PYTHON:
        package = distribution(name)
        parts[f"{name} {package.version}"] = _words(
            Path(str(file.locate())) for file in package.files or ()
        )
    for name in (_FONT, _WIDGETS, *bundled(modules)):
        about = json.loads((modules / name / "package.json").read_text(encoding="utf-8"))
        words = _words((modules / name).iterdir())
        if (about["license"], about.get("author")) == ("BSD-3-Clause", "Project Jupyter"):
            words = words or f"BSD-3-Clause, Project Jupyter: in the words of {_WIDGETS}'s above."
        parts[f"{name} {about['version']}"] = words
    parts["Parts of these"] = _NOTICES
    if silent := [name for name, words in parts.items() if not words]:
        raise ValueError(f"Under which licence are these passed on? {', '.join(silent)}")
    return "\n\n".join(f"{name}\n{'=' * len(name)}\n\n{parts[name]}\n" for name in parts)


def bundled(modules: Path) -> list[str]:
    """Name the packages that the widget script was put together from, as its map says."""
    sources = json.loads((modules / _WIDGETS / "dist/embed.js.map").read_text("utf-8"))["sources"]
    names = re.findall(r"node_modules/((?:@[^/]+/)?[^/]+)", "\n".join(sources))
    return sorted({*names} - _LOADERS)


def _words(files: Iterable[Path]) -> str:
    licences = [file for file in files if _NAME.fullmatch(file.name) and file.suffix != ".py"]
    return "\n\n".join(file.read_text(encoding="utf-8").strip() for file in sorted(licences))
