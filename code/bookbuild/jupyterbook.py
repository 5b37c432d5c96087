"""Build the book: as pages, or as notebooks."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from bookbuild import execute, repository, vendor
from bookbuild.book import Book


def pages(book: Book) -> list[str]:
    """Build the site into ``_build/html``, with the notebooks that it offers.

    Returns
    -------
    list of str
        The chapters that were executed.

    Raises
    ------
    execute.ChapterError
        If a cell raises.
    subprocess.CalledProcessError
        If Sphinx fails or warns: a warning is an error.
    """
    vendor.install(book)
    executed = execute.execute(book)
    _unless_current(book, book.html, _pages)
    return executed


def notebooks(book: Book) -> list[str]:
    """Build a notebook for each chapter into ``_build/notebooks``.

    Returns what `pages` returns, and raises what it raises: numbers in the text come from executed
    cells, and Sphinx warns of what it cannot write as Markdown.
    """
    executed = execute.execute(book)
    _unless_current(book, book.ipynb, _notebooks)
    return executed


def pdf(book: Book) -> list[str]:
    """Build the site, print the book into ``_build/truncated-time.pdf``, offer that on the site.

    Returns what `pages` returns, and raises what it raises, or ``playwright.sync_api.Error`` where
    there is no browser to print with.
    """
    from bookbuild import pdf as printed  # Playwright comes with the tests

    executed = pages(book)
    if not book.pdf.is_file():
        single_page(book)
        printed.make(book)
        pages(book)  # with the menu's new line
    shutil.copy2(book.pdf, book.build)
    return executed


def single_page(book: Book) -> None:
    """Build the whole book as one page for `pdf`, from chapters that are executed."""
    shutil.rmtree(book.single_page.parent, ignore_errors=True)
    _sphinx(book, "paper", book.single_page.parent)


def _unless_current(book: Book, made: Path, build: Callable[[Book], None]) -> None:
    """Build what is not there for the files, the repository and the printed book as they are."""
    root, done = book.root, book.done(made.name)
    place = (repository.address(root), repository.commit(root), repository.site(root))
    key = f"{book.page_key()} {place} {book.pdf.is_file()}"
    if not (made.is_dir() and done.is_file() and done.read_text(encoding="utf-8") == key):
        build(book)
        done.write_text(key, encoding="utf-8")


def _pages(book: Book) -> None:
    with ThreadPoolExecutor() as pool:  # at the same time, each in a process of its own
        notebooks = pool.submit(_unless_current, book, book.ipynb, partial(_notebooks, quiet=True))
        _sphinx(book, "html", book.html)
        try:
            notebooks.result()
        except subprocess.CalledProcessError as error:
            # Only here: what the pages warn of, the notebooks warn of as well.
            print(error.stderr, file=sys.stderr)
            raise
    offered = book.html / "_downloads"
    shutil.copytree(book.ipynb, offered, dirs_exist_ok=True)
    if book.pdf.is_file():
        shutil.copy2(book.pdf, offered)


def _notebooks(book: Book, quiet: bool = False) -> None:
    shutil.rmtree(book.ipynb, ignore_errors=True)  # chapters may go
    _sphinx(book, "notebooks", book.ipynb, quiet)
    shutil.rmtree(book.ipynb / "_static", ignore_errors=True)  # sphinx-exercise leaves a style


def _sphinx(book: Book, builder: str, target: Path, quiet: bool = False) -> None:
    known = book.build / ".doctrees" / builder
    options = ["--builder", builder, "--conf-dir", str(book.root / "code/bookbuild")]
    options += ["--doctree-dir", str(known), "--fail-on-warning", "--keep-going", "--nitpicky"]
    command = [sys.executable, "-m", "sphinx", "build", *options, "--quiet"]
    places = [str(book.root), str(target)]
    try:
        subprocess.run([*command, *places], check=True, capture_output=quiet, text=True)
    except subprocess.CalledProcessError:
        # Sphinx keeps what it has read, and warns of it only once.
        shutil.rmtree(known, ignore_errors=True)
        raise
