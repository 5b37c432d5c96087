"""Execute the chapters, in parallel, into the cache that Sphinx then reads.

jupyter-cache looks at a chapter's code cells only. The package, the data and the lock count as
well, so every state of them has a cache of its own (`Book.cache`). Ours, because in jupyter-cache's
parallel executor every process writes to the cache, and meets the half-written record of another.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path
from typing import NamedTuple, cast

import click
import nbclient
import nbformat
import zmq
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn, ProjectNb
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from traitlets.config import Config

from bookbuild.book import Book
from truncated_time.experiments.shared.peak import peak_kib

_WIDGETS = "application/vnd.jupyter.widget-state+json"
# In what kernels find themselves: quiet logs, figures without a screen, one source of order, and
# one thread each. There are as many kernels as cores, and threads of several that wait for each
# other would take time from those that work.
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",  # its rounding depends on the machine
    "CUDA_VISIBLE_DEVICES": "",
    "PYTHONHASHSEED": "0",
}
_KEPT = 3  # caches of earlier states, so that undoing a change costs nothing


class ChapterError(RuntimeError):
    """A cell of a chapter raised; the message names the chapter and shows cell and traceback."""


class Execution(NamedTuple):
    """What a chapter's kernel took, from its start to its end; the peak is its most memory."""

    chapter: str
    cells: int
    seconds: float
    peak_mib: float


def execute(
    book: Book,
    *,
    timeout: int = 900,
    at_once: int | None = None,
    anew: Iterable[Path] | None = None,
) -> list[str]:
    """Execute the chapters whose outputs are not in the cache.

    One cell may take `timeout` seconds, and as many chapters run at the same time as there are
    cores or `at_once` says. The chapters `anew` are executed whatever the cache holds, and no
    others. Returns the paths of those that were executed, relative to the book.

    Raises
    ------
    ChapterError
        If a cell raises or takes too long.
    """
    book.cache.mkdir(parents=True, exist_ok=True)
    os.utime(book.cache)  # the age by which it is kept
    cache = get_cache(book.cache)
    # The cache may know chapters that have gone, or lain elsewhere; these are the book's.
    chapters = [str(notebook) for notebook in (book.notebooks() if anew is None else anew)]
    for chapter in chapters:
        cache.add_nb_to_project(chapter, read_data={"name": "myst_nb_md", "type": "plugin"})
        record = cache.get_cached_project_nb(chapter) if anew is not None else None
        if record is not None:
            cache.remove_cache(record.pk)
    waiting = [record.uri for record in cache.list_unexecuted(filter_uris=chapters)]
    notebooks = [cache.get_project_notebook(uri) for uri in waiting]
    failed = []
    # A process a chapter: the most memory that a process's children had is then that of one kernel.
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(at_once, mp_context=fresh, max_tasks_per_child=1) as pool:
        for notebook, (executed, took, trouble) in zip(
            notebooks, pool.map(_execute, notebooks, repeat(timeout)), strict=True
        ):
            if trouble:
                chapter = os.path.relpath(notebook.uri, book.root)
                failed.append(f"A cell of {chapter} failed.\n{click.unstyle(trouble)}")
            else:
                bundle = CacheBundleIn(executed, notebook.uri, data=took)
                cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    if failed:
        raise ChapterError("\n\n".join(failed))
    _prune(book)
    return sorted(os.path.relpath(uri, book.root) for uri in waiting)


def executions(book: Book, chapters: Iterable[Path] | None = None) -> list[Execution]:
    """List what the outputs that are in the cache took when they were made, by chapter."""
    cache = get_cache(book.cache)
    found = []
    for chapter in book.notebooks() if chapters is None else chapters:
        record = cache.get_cached_project_nb(str(chapter))
        if record is None:
            raise LookupError(f"{chapter} is not executed as it is now; run `make book` first.")
        cells = cache.get_cache_bundle(record.pk).nb.cells
        found.append(
            Execution(
                os.path.relpath(chapter, book.root),
                sum(cell.cell_type == "code" for cell in cells),
                record.data["execution_seconds"],
                record.data["peak_mib"],
            )
        )
    return found


def _execute(
    notebook: ProjectNb, timeout: int
) -> tuple[nbformat.NotebookNode, dict[str, float], str | None]:
    """Execute a chapter next to its file; return it, what it took, and what a cell raised."""
    os.environ.update(_ENVIRONMENT)
    started, trouble = time.perf_counter(), None
    with tempfile.TemporaryDirectory(prefix="kernel") as folder:
        try:
            nbclient.execute(
                notebook.nb,
                cwd=str(Path(notebook.uri).parent),
                timeout=timeout,
                startup_timeout=timeout,
                coalesce_streams=True,  # what is printed arrives in pieces, cut by the clock
                record_timing=False,  # the cache would take a time for a part of the cell
                config=_connection(folder),
                extra_arguments=["--log-level=40"],  # else a kernel over TCP warns of it
            )
        except (CellExecutionError, CellTimeoutError) as error:
            trouble = str(error)
    took = {
        "execution_seconds": time.perf_counter() - started,
        "peak_mib": peak_kib(children=True) / 1024,
    }
    return number_widgets(notebook.nb), took, trouble


def _connection(folder: str) -> Config:
    """Let a kernel be spoken to through files in `folder`, where the machine can.

    A port is looked for, let go, and bound by the kernel some time later. On a busy machine
    somebody else takes it meanwhile, and the kernel dies before it has said a word.
    """
    if not zmq.has("ipc"):
        return Config()
    return Config(KernelManager={"transport": "ipc", "connection_file": f"{folder}/kernel.json"})


def number_widgets(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Replace the random ids of widgets by their order, so that builds are alike to the byte."""
    states = notebook.metadata.get("widgets", {}).get(_WIDGETS, {}).get("state", {})
    text = nbformat.writes(notebook)
    for number, name in enumerate(states):  # in the order in which the kernel made them
        text = text.replace(name, f"{number:032x}")
    return cast("nbformat.NotebookNode", nbformat.reads(text, as_version=notebook.nbformat))


def _prune(book: Book) -> None:
    caches = sorted(book.caches.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for stale in caches[_KEPT:]:
        shutil.rmtree(stale)
