"""The book as it is now, published: a repository with an address, and what launch links open."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bookbuild.book import Book

ROOT = Path(__file__).parents[2]


def pytest_generate_tests(metafunc):
    """Run a test that asks for a `chapter` once for each; in the audit, if not in its SAMPLE."""
    if "chapter" in metafunc.fixturenames:
        sample = metafunc.module.SAMPLE
        metafunc.parametrize("chapter", [
            pytest.param(path.stem, marks=() if path.stem in sample else pytest.mark.audit)
            for path in Book(ROOT).notebooks()
        ])  # fmt: skip


@pytest.fixture(scope="session")
def branch(published):
    """Return the tree that `make branch` lays out; the notebooks are there already."""
    command = ["make", "branch", "--old-file=notebooks"]
    subprocess.run(command, cwd=published.tree, check=True)
    return published.tree / "_build" / "branch"
