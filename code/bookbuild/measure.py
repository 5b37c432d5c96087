"""What every chapter takes: executed anew, one at a time, and written where the book shows it."""

from __future__ import annotations

import shutil
import time

from bookbuild.book import Book
from bookbuild.execute import execute, executions
from tbptt.experiments import results

# Versions that decide how long chapters take.
_PACKAGES = ("ipykernel", "keras", "matplotlib", "numpy", "tensorflow-cpu", "torch")


def measure(book: Book) -> list[str]:
    """Write ``data/results/chapters``; return the chapters, which were all executed.

    The figures are kept because they differ from run to run: printed by a cell, they would make
    every build another book.

    Raises
    ------
    ChapterError
        If a cell raises.
    """
    shutil.rmtree(book.cache, ignore_errors=True)
    began = time.monotonic()
    executed = execute(book, at_once=1)
    rows = [
        {
            "chapter": took.chapter,
            "cells": took.cells,
            "seconds": f"{took.seconds:.1f}",
            "peak_mib": f"{took.peak_mib:.0f}",
        }
        for took in executions(book)
    ]
    results.write(
        book.root / "data" / "results" / "chapters",
        rows,
        options={},
        packages=_PACKAGES,
        seconds=time.monotonic() - began,
        command="python -m bookbuild --measure",
    )
    return executed
