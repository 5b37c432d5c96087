"""``python -m bookbuild.serve``: show the book, and build it again when something changes."""

from __future__ import annotations

import argparse
from pathlib import Path

from livereload import Server

from bookbuild.__main__ import main as build
from bookbuild.book import Book


def server(book: Book) -> Server:
    """Return a server of the built pages that watches what they are made of."""
    live = Server()
    for name in ("chapters", "code", "data", "_config.yml", "_toc.yml"):
        # A chapter that fails prints why, and the pages stay as they were.
        live.watch(str(book.root / name), lambda: build([str(book.root)]))
    return live


def main() -> None:
    """Build, serve on this machine alone, open the browser."""
    parser = argparse.ArgumentParser(prog="bookbuild.serve", description=main.__doc__)
    parser.add_argument("--port", type=int, default=8000)
    chosen = parser.parse_args()
    book = Book(Path.cwd())
    build([str(book.root)])
    server(book).serve(root=str(book.html), port=chosen.port, open_url_delay=1)


if __name__ == "__main__":
    main()
