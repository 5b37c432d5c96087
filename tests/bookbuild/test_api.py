"""The pages about the package: complete here, and a build that fails where they are not."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from bookbuild import api

ROOT = Path(__file__).parents[2]
SHOWN = re.findall(
    r"automodule:: (\S+)", "".join(path.read_text() for path in ROOT.glob("chapters/api/*.md"))
)


def build(root):
    return subprocess.run(
        [sys.executable, "-m", "bookbuild", str(root)],
        env=os.environ | {"GITHUB_REPOSITORY": ""},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(bare):
    """Return a book of one page, about the whole package."""
    rooms = "\n".join(
        f"```{{eval-rst}}\n.. automodule:: {room}\n   :members:\n```" for room in SHOWN
    )
    (bare / "chapters/index.md").write_text(f"# The package\n\n{rooms}\n")
    (bare / "chapters/second.md").write_text("# Another\n\nSo that there is a menu.\n")
    (bare / "_toc.yml").write_text(
        "format: jb-book\nroot: chapters/index\nchapters:\n  - file: chapters/second\n"
    )
    return bare


def test_the_rooms():
    rooms = {room.__name__ for room in api.rooms()}
    # The schedule's names are those of the package itself.
    assert rooms - {"tbptt.schedule"} == set(SHOWN)
    assert "truncated_time.experiments" not in rooms
    names = {name for room in api.rooms() for name, _ in api.public(room)}
    for name in (
        "Truncation",
        "Truncation.reach",
        "windows.Cut.starts",
        "pytorch.backward",
        "keras.ResetState",
        "tensorflow.graph.GraphLSTM",
        "explorers.explore",
    ):
        assert f"tbptt.{name}" in names  # fmt: skip
    assert not any("._" in name for name in names)


def test_what_is_missing_is_named(monkeypatch):
    names = {name for room in api.rooms() for name, _ in api.public(room)}
    assert list(api.missing(names)) == []
    (told,) = api.missing(names - {"tbptt.splits.block_folds"})
    assert told == "tbptt.splits.block_folds is public and on no page about the package."
    # Shown in one of its rooms, it may be absent from the other.
    assert list(api.missing(names - {"tbptt.schedule.Truncation"})) == []
    splits = importlib.import_module("tbptt.splits")
    monkeypatch.setattr(splits.block_folds, "__doc__", None)
    (told,) = api.missing(names)
    assert told == "tbptt.splits.block_folds is public and has no docstring."


def test_every_public_name_is_on_a_page(book):
    anchors = set()
    for path in (book.html / "chapters/api").glob("*.html"):
        page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        anchors |= {tag["id"] for tag in page.select("dt.sig[id]")}
    names = {name for room in api.rooms() for name, _ in api.public(room)}
    assert {name for name in names if not name.startswith("tbptt.schedule.")} <= anchors


@pytest.mark.build
def test_a_name_that_is_undocumented_or_on_no_page_fails_the_build(copy):
    page, splits = copy / "chapters/index.md", copy / "code/tbptt/splits.py"
    page.write_text(
        page.read_text().replace(
            "automodule:: truncated_time.notebook\n   :members:", "currentmodule:: tbptt"
        )
    )
    with splits.open("a") as file:
        file.write("\n\ndef loose(x):\n    return x\n\n\ndef _helper(x):\n    return x\n")
    told = build(copy)
    assert told.returncode == 1
    said = told.stdout + told.stderr
    assert "tbptt.splits.loose is public and has no docstring." in said
    assert "truncated_time.notebook.glue is public and on no page" in said
    assert "_helper" not in said
    # And nothing else: without the two, it would have been built.
    assert set(re.findall(r"WARNING: (tbptt\.\w+)", said)) == {
        "tbptt.splits",
        "truncated_time.notebook",
    }
    assert said.count("WARNING") == said.count("WARNING: tbptt.")
