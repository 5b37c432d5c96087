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

from bookbuild.release import ReleaseError, check

ROOT = Path(__file__).parents[2]
FILES = ("pyproject.toml", "CITATION.cff", "CHANGELOG.md")


def test_this_version_could_be_released_as_it_is():
    version, notes = check(ROOT, None)
    assert check(ROOT, f"v{version}") == (version, notes)
    assert notes.startswith("* ")
    assert "##" not in notes


@pytest.fixture
def files(tmp_path):
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def change(path, pattern, new):
    text = path.read_text()
    assert re.search(pattern, text, flags=re.MULTILINE)
    path.write_text(re.sub(pattern, new, text, count=1, flags=re.MULTILINE))


@pytest.mark.parametrize(
    ("name", "pattern", "new", "words"),
    [
        ("pyproject.toml", r'^version = ".*"', 'version = "9.9.9"', "not 9.9.9"),
        ("CITATION.cff", r"^version: .*", "version: 9.9.9", "CITATION.cff has version 9.9.9"),
        ("CITATION.cff", r"^date-released: .*", "date-released: 2030-01-01", r"\(2030-01-01\)"),
        ("CHANGELOG.md", r"^## .*", "## Unreleased", "has no part"),
        ("CHANGELOG.md", r"^(## .*)$", r"\1\n\n## 0.0.1 (2020-01-01)", "with words in it"),
    ],
)
def test_files_that_disagree(files, name, pattern, new, words):
    change(files / name, pattern, new)
    with pytest.raises(ReleaseError, match=words):
        check(files, None)


def test_a_tag_of_another_version(files):
    with pytest.raises(ReleaseError, match=r"The tag is v9\.9\.9"):
        check(files, "v9.9.9")


def test_a_part_ends_where_the_next_begins(files):
    with (files / "CHANGELOG.md").open("a") as file:
        file.write("\n## 0.0.1 (2020-01-01)\n\n* The one before.\n")
    _, notes = check(files, None)
    assert "The one before" not in notes
    assert notes == check(ROOT, None)[1]


@pytest.mark.audit
@pytest.mark.build
@pytest.mark.browser
def test_a_release_holds_the_package_the_pages_and_the_book(published, version):
    told = subprocess.run(
        [sys.executable, "-m", "bookbuild", "--release", str(published.tree)],
        env=os.environ
        | {"GITHUB_REPOSITORY": "someone/book", "GITHUB_REF_TYPE": "tag"}
        | {"GITHUB_REF_NAME": f"v{version}"},
        capture_output=True,
        text=True,
        check=False,
    )
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
    return check(ROOT, None)[0]
