"""What every chapter takes: executed again, one at a time, and written where the book shows it.

Ours: no tool notes the memory of a kernel.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from pathlib import Path

from bookbuild.book import Book
from bookbuild.execute import execute, executions
from truncated_time.experiments.shared import results
from truncated_time.shipped import read

# Versions that decide how long chapters take.
_PACKAGES = ("ipykernel", "keras", "matplotlib", "numpy", "tensorflow-cpu", "torch")


class MeasureError(RuntimeError):
    """Not every chapter would have a row that is comparable with the others."""


def measure(book: Book, names: Sequence[str] = ()) -> list[str]:
    """Write ``data/results/chapters``; return the chapters that were executed for it.

    By default all are measured; the rows of chapters that are not named stay as they are. The
    figures are kept because they differ from run to run: printed by a cell, they would make every
    build another book.

    Raises
    ------
    ChapterError
        If a cell raises.
    MeasureError
        If no chapter has such a name, or the rows that would stay come from other versions.
    """
    folder = book.root / "data" / "results" / "chapters"
    chapters = book.notebooks()
    if unknown := set(names) - {path.stem for path in chapters}:
        raise MeasureError(
            f"There is no chapter {', '.join(sorted(unknown))} with code in _toc.yml."
        )
    kept = _kept(folder) if names else {}
    chosen = [path for path in chapters if not names or path.stem in names]
    executed = execute(book, at_once=1, anew=chosen)
    rows = kept | {
        took.chapter: {
            "chapter": took.chapter,
            "cells": str(took.cells),
            "seconds": f"{took.seconds:.1f}",
            "peak_mib": f"{took.peak_mib:.0f}",
        }
        for took in executions(book, chosen)
    }
    order = [path.relative_to(book.root).as_posix() for path in chapters]
    if missing := [name for name in order if name not in rows]:
        raise MeasureError(f"{', '.join(missing)}: never measured; name it as well.")
    results.write(
        folder,
        [rows[name] for name in order],
        options={},
        packages=_PACKAGES,
        seconds=sum(float(rows[name]["seconds"]) for name in order),
        command="python -m bookbuild --measure",
    )
    return executed


def _kept(folder: Path) -> dict[str, dict[str, str]]:
    """Return the rows as they are, by chapter, if they were measured with these versions."""
    told = results.check(folder).get("versions", {})
    if other := [name for name in _PACKAGES if told.get(name) != importlib.metadata.version(name)]:
        raise MeasureError(
            f"The chapters were measured with other versions of {', '.join(other)}: measure all."
        )
    return {row["chapter"]: dict(row) for row in read(folder / results.TABLE)}
