"""A book without chapters, to put broken ones into."""

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def copy_bare():
    """Return a function that copies all a build needs but the chapters; npm's part is shared."""

    def copy(target):
        for name in ("_config.yml", "requirements.lock"):
            shutil.copy(ROOT / name, target)
        for name in ("code", "data", "chapters/_images"):
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, target / name, ignore=ignore)
        shutil.copy(ROOT / "chapters/references.bib", target / "chapters")
        (target / "_build").mkdir()
        (target / "_build" / "npm").symlink_to(ROOT / "_build" / "npm")
        return target

    return copy


@pytest.fixture
def bare(tmp_path, copy_bare):
    """Copy all that a build needs but the chapters, as an archive is unpacked.

    The folder's name has spaces, and it is no clone.
    """
    book = tmp_path / "a path with spaces"
    book.mkdir()
    return copy_bare(book)
