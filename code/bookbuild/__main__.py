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
from bookbuild.execute import ChapterError, execute
from bookbuild.measure import MeasureError, measure

_WORDS = {
    "execute": "the chapters, and build nothing",
    "notebooks": "notebooks instead of pages",
    "pdf": "pages, and all of them in one PDF",
}


def main(arguments: list[str] | None = None) -> int:
    """Build the book in the folder that is named, and say what was done."""
    parser = argparse.ArgumentParser(prog="bookbuild", description=main.__doc__)
    parser.add_argument("root", nargs="?", type=Path, default=Path(), help="folder of the book")
    other = parser.add_mutually_exclusive_group()
    for option, words in _WORDS.items():
        other.add_argument(
            f"--{option}", dest="what", action="store_const", const=option, help=words
        )
    words = "note what these chapters take, or all of them"
    other.add_argument("--measure", nargs="*", metavar="CHAPTER", help=words)
    chosen = parser.parse_args(arguments)
    book = Book(chosen.root.resolve())
    jobs: dict[str, tuple[Callable[[Book], list[str]], Path]] = {
        "pages": (jupyterbook.pages, book.html / "index.html"),
        "execute": (execute, book.cache),
        "notebooks": (jupyterbook.notebooks, book.ipynb),
        "pdf": (jupyterbook.pdf, book.build / book.pdf.name),
        "measure": (partial(measure, names=chosen.measure), book.root / "data/results/chapters"),
    }
    build, target = jobs["measure" if chosen.measure is not None else chosen.what or "pages"]
    try:
        executed = build(book)
    except (ChapterError, MeasureError) as error:
        print(error, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError:
        print("The book was not built: a warning is an error. See above.", file=sys.stderr)
        return 1
    print(f"Executed: {', '.join(executed) or 'nothing, all outputs are current'}.")
    print(f"The result is at {target.as_uri()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
