"""A book without chapters, to put broken ones into."""

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def bare(tmp_path):
    """Copy all that a build needs but the chapters; what npm unpacked is shared."""
    for name in ("_config.yml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("code", "data", "chapters/_images"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "chapters/references.bib", tmp_path / "chapters")
    (tmp_path / "_build").mkdir()
    (tmp_path / "_build" / "npm").symlink_to(ROOT / "_build" / "npm")
    return tmp_path
