"""The book as it is now, published: a repository with an address, and what launch links open."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def branch(published):
    """Return the tree that `make branch` lays out; the notebooks are there already."""
    command = ["make", "branch", "--old-file=notebooks"]
    subprocess.run(command, cwd=published.tree, check=True)
    return published.tree / "_build" / "branch"
