"""``python -m bookbuild``: what make's targets call."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bookbuild import jupyterbook
from bookbuild.book import Book
from bookbuild.execute import ChapterError
from bookbuild.measure import MeasureError, measure
from bookbuild.release import ReleaseError, release


def main(arguments: list[str] | None = None) -> int:
    """Build the book in the folder that is named, and say what was done."""
    parser = argparse.ArgumentParser(prog="bookbuild", description=main.__doc__)
    parser.add_argument("root", nargs="?", type=Path, default=Path(), help="folder of the book")
    other = parser.add_mutually_exclusive_group()
    other.add_argument("--notebooks", action="store_true", help="notebooks instead of pages")
    other.add_argument("--pdf", action="store_true", help="pages, and all of them in one PDF")
    other.add_argument("--links", action="store_true", help="ask the sites that it links to")
    other.add_argument(
        "--measure",
        nargs="*",
        metavar="CHAPTER",
        help="note what these chapters take, or all of them",
    )
    other.add_argument("--release", action="store_true", help="all that a release attaches")
    chosen = parser.parse_args(arguments)
    book = Book(chosen.root.resolve())
    make: Callable[[Book], list[str]] = jupyterbook.pages
    made = book.html / "index.html"
    if chosen.notebooks:
        make, made = jupyterbook.notebooks, book.ipynb
    elif chosen.pdf:
        make, made = jupyterbook.pdf, book.build / book.pdf.name
    elif chosen.links:
        make, made = jupyterbook.links, book.build / "linkcheck" / "output.txt"
    elif chosen.measure is not None:
        make = partial(measure, names=chosen.measure)
        made = book.root / "data/results/chapters/results.csv"
    elif chosen.release:
        make, made = release, book.build / "release"
    try:
        executed = make(book)
    except (ChapterError, MeasureError, ReleaseError) as error:
        print(error, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError:
        print("The book was not built: a warning is an error. See above.", file=sys.stderr)
        return 1
    print(f"Executed: {', '.join(executed) or 'nothing, all outputs are current'}.")
    print(f"What was made is at {made.as_uri()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
