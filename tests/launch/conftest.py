"""The book as it is now, published: a repository with an address, and what launch links open."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
ADDRESS = "https://github.com/someone/book"


class Published(NamedTuple):
    """A clone with one commit more, and the address under which it is known."""

    tree: Path
    address: str

    def notebook(self, chapter: str) -> Path:
        """Return the notebook of a chapter."""
        return self.tree / "_build" / "notebooks" / "chapters" / f"{chapter}.ipynb"


@pytest.fixture(scope="session")
def published(tmp_path_factory, clone, git):
    """Publish the book as it is now: a commit in a clone, its pages and notebooks."""
    tree = clone(tmp_path_factory.mktemp("published") / "book")
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--allow-empty", "-m", "as it is now")
    (tree / "_build").mkdir()
    for name in ("executed", "npm"):
        (tree / "_build" / name).symlink_to(ROOT / "_build" / name)
    for options in ([], ["--notebooks"]):
        subprocess.run(
            [sys.executable, "-m", "bookbuild", *options, str(tree)],
            env=os.environ | {"GITHUB_REPOSITORY": ADDRESS.removeprefix("https://github.com/")},
            check=True,
        )
    return Published(tree, ADDRESS)


@pytest.fixture(scope="session")
def branch(published):
    """Return the tree that `make branch` lays out; the notebooks are there already."""
    command = ["make", "branch", "--old-file=notebooks"]
    subprocess.run(command, cwd=published.tree, check=True)
    return published.tree / "_build" / "branch"
