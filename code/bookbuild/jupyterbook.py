"""Build the book, with Jupyter Book: as pages, or as notebooks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from bookbuild import execute, vendor
from bookbuild.book import Book


def pages(book: Book) -> list[str]:
    """Build the site into ``_build/html``; return the chapters that were executed.

    Raises
    ------
    execute.ChapterError
        If a cell raises.
    subprocess.CalledProcessError
        If Sphinx fails or warns: a warning is an error.
    """
    vendor.install(book)
    executed = execute.execute(book)
    _build(book)
    return executed


def notebooks(book: Book) -> list[str]:
    """Build a notebook for each chapter into ``_build/notebooks``; return what was executed.

    Raises
    ------
    execute.ChapterError
        If a cell raises: numbers in the text come from executed cells.
    subprocess.CalledProcessError
        If Sphinx fails or warns, as it does at what it cannot write as Markdown.
    """
    executed = execute.execute(book)
    shutil.rmtree(book.ipynb, ignore_errors=True)  # chapters may go
    _build(book, "--builder", "custom", "--custom-builder", "notebooks")
    shutil.rmtree(book.ipynb / "_static", ignore_errors=True)  # sphinx-exercise leaves a style
    return executed


def links(book: Book) -> list[str]:
    """Ask every other site that the book links to; return what was executed.

    Raises
    ------
    execute.ChapterError
        If a cell raises.
    subprocess.CalledProcessError
        If a link is dead: ``_build/linkcheck/output.txt`` names it.
    """
    executed = execute.execute(book)
    _build(book, "--builder", "custom", "--custom-builder", "linkcheck")
    return executed


def _build(book: Book, *options: str) -> None:
    program = Path(sys.executable).with_name("jupyter-book")
    command = [str(program), "build", str(book.root), "-W", "-n", "--keep-going", "-q", *options]
    environment = os.environ | {"BOOKBUILD_ROOT": str(book.root)}
    try:
        subprocess.run(command, check=True, env=environment)
    except subprocess.CalledProcessError:
        # Sphinx keeps what it has read, and warns of it only once.
        shutil.rmtree(book.build / ".doctrees", ignore_errors=True)
        raise
