"""Build the site: scripts, executed chapters, pages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from bookbuild import execute, vendor
from bookbuild.book import Book


def build(book: Book) -> list[str]:
    """Build the book into ``_build/html``; return the chapters that were executed.

    Raises
    ------
    execute.ChapterError
        If a cell raises.
    subprocess.CalledProcessError
        If Sphinx fails or warns: a warning is an error.
    """
    vendor.install(book)
    executed = execute.execute(book)
    program = Path(sys.executable).with_name("jupyter-book")
    command = [str(program), "build", str(book.root), "-W", "-n", "--keep-going", "-q"]
    environment = os.environ | {"BOOKBUILD_ROOT": str(book.root)}
    subprocess.run(command, check=True, env=environment)
    return executed
