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


def git(folder, *arguments):
    me = ("-c", "user.name=a", "-c", "user.email=b")
    subprocess.run(["git", "-C", str(folder), *me, *arguments], check=True, capture_output=True)


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    """Publish the book as it is now: a commit in a clone, its pages and notebooks."""
    clone = tmp_path_factory.mktemp("published") / "book"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    git(clone, f"--work-tree={ROOT}", "add", "--all")
    git(clone, f"--work-tree={ROOT}", "commit", "--quiet", "--allow-empty", "-m", "as it is now")
    git(clone, "reset", "--hard")
    (clone / "_build").mkdir()
    for name in ("executed", "npm"):
        (clone / "_build" / name).symlink_to(ROOT / "_build" / name)
    for options in ([], ["--notebooks"]):
        subprocess.run(
            [sys.executable, "-m", "bookbuild", *options, str(clone)],
            env=os.environ | {"GITHUB_REPOSITORY": ADDRESS.removeprefix("https://github.com/")},
            check=True,
        )
    return Published(clone, ADDRESS)


@pytest.fixture(scope="session")
def branch(published):
    """Return the tree that `make branch` lays out; the notebooks are there already."""
    command = ["make", "branch", "--old-file=notebooks"]
    subprocess.run(command, cwd=published.tree, check=True)
    return published.tree / "_build" / "branch"
