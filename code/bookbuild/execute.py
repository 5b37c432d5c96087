"""Execute the chapters, in parallel, into the cache that Sphinx then reads.

jupyter-cache looks at a chapter's code cells only. The package, the data and the lock count as
well, so every state of them has a cache of its own (`Book.cache`).
"""

from __future__ import annotations

import logging
import os
import shutil

import click
from jupyter_cache import get_cache
from jupyter_cache.cache.db import NbProjectRecord
from jupyter_cache.executors import load_executor

from bookbuild.book import Book

_KEPT = 3  # caches of earlier states, so that undoing a change costs nothing


class ChapterError(RuntimeError):
    """A cell of a chapter raised; the message names the chapter and shows cell and traceback."""


def execute(book: Book, *, timeout: int = 900) -> list[str]:
    """Execute the chapters whose outputs are not in the cache.

    Parameters
    ----------
    book : Book
        The book.
    timeout : int
        Seconds that one cell may take.

    Returns
    -------
    list of str
        Paths of the chapters that were executed, relative to the book.

    Raises
    ------
    ChapterError
        If a cell raises or takes too long.
    """
    # Kernels inherit these: quiet logs, figures without a screen, one source of order.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # its rounding depends on the machine
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    os.environ.setdefault("PYTHONHASHSEED", "0")
    book.cache.mkdir(parents=True, exist_ok=True)
    os.utime(book.cache)  # the age by which it is kept
    cache = get_cache(book.cache)
    # The cache may know chapters that have gone, or lain elsewhere; these are the book's.
    chapters = [str(notebook) for notebook in book.notebooks()]
    for chapter in chapters:
        cache.add_nb_to_project(chapter, read_data={"name": "myst_nb_md", "type": "plugin"})
    waiting = [record.uri for record in cache.list_unexecuted(filter_uris=chapters)]
    if waiting:
        logger = logging.getLogger("bookbuild.execute")
        result = load_executor("local-parallel", cache, logger=logger).run_and_cache(
            filter_uris=waiting, timeout=timeout
        )
        broken = result.excepted + result.errored
        if broken:
            raise ChapterError("\n\n".join(_report(book, uri, cache.db) for uri in broken))
    _prune(book)
    return sorted(os.path.relpath(uri, book.root) for uri in waiting)


def _report(book: Book, uri: str, db: object) -> str:
    traceback = NbProjectRecord.record_from_uri(uri, db).traceback
    if not traceback:
        return f"{os.path.relpath(uri, book.root)} could not be run; the log above says why."
    # nbclient's message holds the cell's source and the traceback, after its own frames.
    _, _, told = traceback.partition("CellExecutionError: ")
    plain = click.unstyle(told or traceback)
    return f"A cell of {os.path.relpath(uri, book.root)} failed.\n{plain}"


def _prune(book: Book) -> None:
    caches = sorted(book.caches.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for stale in caches[_KEPT:]:
        shutil.rmtree(stale)
