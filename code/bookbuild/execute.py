"""Execute the chapters, in parallel, into the cache that Sphinx then reads.

jupyter-cache looks at a chapter's code cells only. The package, the data and the lock count as
well, so every state of them has a cache of its own (`Book.cache`).
"""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path
from typing import cast

import click
import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn, ProjectNb
from jupyter_cache.executors.utils import single_nb_execution

from bookbuild.book import Book

_WIDGETS = "application/vnd.jupyter.widget-state+json"
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
    notebooks = [cache.get_project_notebook(uri) for uri in waiting]
    failed = []
    with ProcessPoolExecutor() as pool:
        for notebook, (executed, seconds, traceback) in zip(
            notebooks, pool.map(_execute, notebooks, repeat(timeout)), strict=True
        ):
            if traceback:
                failed.append(_report(os.path.relpath(notebook.uri, book.root), traceback))
            else:
                cache.cache_notebook_bundle(
                    CacheBundleIn(executed, notebook.uri, data={"execution_seconds": seconds}),
                    check_validity=False,
                    overwrite=True,
                )
    if failed:
        raise ChapterError("\n\n".join(failed))
    _prune(book)
    return sorted(os.path.relpath(uri, book.root) for uri in waiting)


def _execute(notebook: ProjectNb, timeout: int) -> tuple[nbformat.NotebookNode, float, str | None]:
    """Execute a chapter beside its file, in a process of its own.

    Only the parent writes to the cache: jupyter-cache's own parallel executor writes from every
    process, and one of them then meets the half-written record of another.
    """
    folder = str(Path(notebook.uri).parent)
    # A kernel sends what is printed in pieces, cut by the clock: put them together as they came.
    result = single_nb_execution(
        notebook.nb, cwd=folder, timeout=timeout, allow_errors=False, coalesce_streams=True
    )
    return number_widgets(result.nb), result.time, result.exc_string


def number_widgets(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Replace the random ids of widgets by their order, so that builds are alike to the byte."""
    states = notebook.metadata.get("widgets", {}).get(_WIDGETS, {}).get("state", {})
    text = nbformat.writes(notebook)
    for number, name in enumerate(states):  # in the order in which the kernel made them
        text = text.replace(name, f"{number:032x}")
    return cast("nbformat.NotebookNode", nbformat.reads(text, as_version=notebook.nbformat))


def _report(chapter: str, traceback: str) -> str:
    # nbclient's message holds the cell's source and the traceback, after its own frames.
    _, _, told = traceback.partition("CellExecutionError: ")
    return f"A cell of {chapter} failed.\n{click.unstyle(told or traceback)}"


def _prune(book: Book) -> None:
    caches = sorted(book.caches.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for stale in caches[_KEPT:]:
        shutil.rmtree(stale)
