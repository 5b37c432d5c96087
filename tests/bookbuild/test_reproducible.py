"""A second build from nothing, in another folder, against what lies here."""

import filecmp
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bookbuild import repository

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def again(tmp_path_factory, clone):
    """Build all of it once more: only what npm unpacked, by hash, is shared."""
    tree = clone(tmp_path_factory.mktemp("again") / "elsewhere")
    (tree / "_build").mkdir()
    (tree / "_build" / "npm").symlink_to(ROOT / "_build" / "npm")
    name = (repository.address(ROOT) or "").removeprefix("https://github.com/")
    for options in ([], ["--notebooks"]):
        told = subprocess.run(
            [sys.executable, "-m", "bookbuild", *options, str(tree)],
            env=os.environ | {"PYTHONPATH": str(tree / "code"), "GITHUB_REPOSITORY": name},
            check=True,
            capture_output=True,
            text=True,
        )
        assert ("Executed: nothing" in told.stdout) == bool(options)
    return tree


def files(folder):
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


def different(one, other):
    """Return the files that only one of two folders has, or that differ in a byte."""
    alone = set(files(one)) ^ set(files(other))
    _, differ, errors = filecmp.cmpfiles(one, other, set(files(one)) - alone, shallow=False)
    return sorted(map(str, [*alone, *differ, *errors]))


@pytest.mark.audit
@pytest.mark.build
@pytest.mark.parametrize("made", ["html", "notebooks"])
def test_two_builds_from_nothing_are_the_same_bytes(book, again, made):
    assert len(files(again / "_build" / made)) > 5
    assert different(book.build / made, again / "_build" / made) == []


def test_a_byte_that_differs_would_be_seen(tmp_path):
    for name in ("one", "other"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub" / "page.html").write_text("the same")
    assert different(tmp_path / "one", tmp_path / "other") == []
    (tmp_path / "other" / "sub" / "page.html").write_text("The same")
    (tmp_path / "one" / "more.html").touch()
    assert different(tmp_path / "one", tmp_path / "other") == ["more.html", "sub/page.html"]
