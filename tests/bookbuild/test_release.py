"""What is released agrees with what the files say, and holds what it should."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from pypdf import PdfReader

import tbptt

ROOT = Path(__file__).parents[2]
FILES = ("Makefile", "code/tbptt/__init__.py", "CITATION.cff", "CHANGELOG.md")


def make(root, target, *options, **environment):
    nowhere = {"GITHUB_REF_TYPE": "", "GITHUB_REF_NAME": ""}
    return subprocess.run(
        ["make", "-C", str(root), target, *options],
        env=os.environ | nowhere | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def notes(root):
    told = make(root, "notes")
    assert told.returncode == 0, told.stderr
    return (root / "_build" / "notes.md").read_text()


@pytest.fixture
def files(tmp_path):
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_this_version_could_be_released_as_it_is(files):
    assert notes(files).strip().startswith("* ")
    assert "##" not in notes(files)


def change(path, pattern, new):
    text = path.read_text()
    assert re.search(pattern, text, flags=re.MULTILINE)
    path.write_text(re.sub(pattern, new, text, count=1, flags=re.MULTILINE))


@pytest.mark.parametrize(
    ("name", "pattern", "new", "words"),
    [
        ("code/tbptt/__init__.py", r"^__version__ = .*", '__version__ = "9.9.9"', "not 9.9.9"),
        ("CITATION.cff", r"^version: .*", "version: 9.9.9", "CITATION.cff has another version"),
        ("CITATION.cff", r"^date-released: .*", "date-released: 2030-01-01", "(2030-01-01)"),
        ("CHANGELOG.md", r"^## .*", "## Unreleased", "has no part"),
        ("CHANGELOG.md", r"^(## .*)$", r"\1\n\n## 0.0.1 (2020-01-01)", "with words in it"),
    ],
)
def test_files_that_disagree(files, name, pattern, new, words):
    change(files / name, pattern, new)
    told = make(files, "notes")
    assert told.returncode != 0
    assert words in told.stderr


def test_a_tag_of_another_version(files, version):
    told = make(files, "notes", GITHUB_REF_TYPE="tag", GITHUB_REF_NAME="v9.9.9")
    assert told.returncode != 0
    assert f"The tag is not v{version}" in told.stderr
    told = make(files, "notes", GITHUB_REF_TYPE="tag", GITHUB_REF_NAME=f"v{version}")
    assert told.returncode == 0


def test_a_part_ends_where_the_next_begins(files):
    before = notes(files)
    with (files / "CHANGELOG.md").open("a") as file:
        file.write("\n## 0.0.1 (2020-01-01)\n\n* The one before.\n")
    assert "The one before" not in notes(files)
    assert notes(files).strip() == before.strip()


@pytest.mark.audit
@pytest.mark.build
@pytest.mark.browser
def test_a_release_holds_the_package_the_pages_and_the_book(published, version):
    # The environment is there; `-o` says that it need not be laid out again.
    (published.tree / ".venv").symlink_to(Path(sys.prefix))
    told = make(
        published.tree, "release", "-o", ".venv/ready", GITHUB_REPOSITORY="someone/book",
        GITHUB_REF_TYPE="tag", GITHUB_REF_NAME=f"v{version}",
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    folder = published.tree / "_build" / "release"
    assert {path.name for path in folder.iterdir()} == {
        f"tbptt-{version}-py3-none-any.whl",
        f"tbptt-{version}.tar.gz",
        f"truncated-time-{version}.pdf",
        f"truncated-time-{version}.zip",
        "notes.md",
    }
    with zipfile.ZipFile(folder / f"truncated-time-{version}.zip") as site:
        names = set(site.namelist())
        assert {name.split("/")[0] for name in names} == {f"truncated-time-{version}"}
        built = published.tree / "_build" / "html"
        assert {
            f"truncated-time-{version}/{path.relative_to(built).as_posix()}"
            for path in built.rglob("*")
            if path.is_file()
        } <= names
    printed = PdfReader(folder / f"truncated-time-{version}.pdf")
    assert len(printed.pages) > 50
    assert printed.root_object["/MarkInfo"]["/Marked"]  # a screen reader finds headings and texts
    assert printed.root_object["/Lang"] == "en"
    first = [entry.title for entry in printed.outline if not isinstance(entry, list)]
    assert len(first) >= 1
    everything = "".join(page.extract_text() for page in printed.pages)
    for words in ("Windows: what a cut can no longer know", "Glossary", "Bibliography"):
        assert words in everything


@pytest.fixture(scope="module")
def version():
    return tbptt.__version__
