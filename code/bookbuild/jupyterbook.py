"""Build the book, with Jupyter Book: as pages, or as notebooks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from sphinx_external_toc.parsing import parse_toc_yaml

from bookbuild import execute, vendor
from bookbuild.book import Book

_FIRST = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url={page}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="description" content="The first page of Truncated Time.">
<link rel="icon" href="_static/favicon.svg">
<title>Truncated Time</title>
</head>
<body><main><h1>Truncated Time</h1><p><a href="{page}">Read the book</a></p></main></body>
</html>
"""


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
    _build(book)
    # Jupyter Book's own line is no page: without a language, a title or a link.
    first = parse_toc_yaml(book.root / "_toc.yml").root.docname
    (book.html / "index.html").write_text(_FIRST.format(page=f"{first}.html"), encoding="utf-8")
    _notebooks(book)
    offered = book.html / "_downloads"
    shutil.rmtree(offered, ignore_errors=True)
    shutil.copytree(book.ipynb, offered)
    if book.pdf.is_file():
        shutil.copy2(book.pdf, offered)
    return executed


def pdf(book: Book) -> list[str]:
    """Build the site, print it into ``_build/truncated-time.pdf``, offer that on the site.

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
    playwright.sync_api.Error
        If there is no browser to print with.
    """
    from bookbuild import pdf as printed  # Playwright comes with the tests

    executed = pages(book)
    if not book.pdf.is_file():
        printed.make(book)
        pages(book)  # with the menu's new line
    shutil.copy2(book.pdf, book.build)
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
    _notebooks(book)
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


def _notebooks(book: Book) -> None:
    shutil.rmtree(book.ipynb, ignore_errors=True)  # chapters may go
    _build(book, "--builder", "custom", "--custom-builder", "notebooks")
    shutil.rmtree(book.ipynb / "_static", ignore_errors=True)  # sphinx-exercise leaves a style


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
