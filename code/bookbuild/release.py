"""What a release attaches: wheel, source, the book as a PDF and as a site to unpack, notes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml

from bookbuild import jupyterbook
from bookbuild.book import Book


class ReleaseError(RuntimeError):
    """The files do not agree on what is released; the message says which and how."""


def check(root: Path, tag: str | None) -> tuple[str, str]:
    """Compare what the files say of the version.

    Parameters
    ----------
    root : Path
        The folder with `pyproject.toml`, `CITATION.cff` and `CHANGELOG.md`.
    tag : str or None
        Name of the git tag that is released, where there is one.

    Returns
    -------
    version, notes : str
        The version, and its part of the changelog.

    Raises
    ------
    ReleaseError
        If versions or dates differ, the tag is not ``v`` and the version, or the changelog says
        nothing of it.
    """
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    version = str(project["version"])
    if tag is not None and tag != f"v{version}":
        raise ReleaseError(f"The tag is {tag}, and pyproject.toml has version {version}.")
    citation = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    if citation["version"] != version:
        raise ReleaseError(f"CITATION.cff has version {citation['version']}, not {version}.")
    title = f"{version} ({citation['date-released']})"
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    _, *parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    notes = dict(zip(parts[::2], map(str.strip, parts[1::2]), strict=True))
    if not notes.get(title):
        raise ReleaseError(
            f'CHANGELOG.md has no part "## {title}" with words in it; it has {list(notes)}. '
            "The date is that of CITATION.cff."
        )
    return version, notes[title]


def release(book: Book) -> list[str]:
    """Fill ``_build/release`` with all that a release attaches; return the executed chapters.

    The tag is what GitHub's workflow names as ``GITHUB_REF_NAME``, when it runs for a tag. Raises
    what `check` and `jupyterbook.pdf` raise.
    """
    tagged = os.environ.get("GITHUB_REF_TYPE") == "tag"
    version, notes = check(book.root, os.environ["GITHUB_REF_NAME"] if tagged else None)
    executed = jupyterbook.pdf(book)
    folder = book.build / "release"
    shutil.rmtree(folder, ignore_errors=True)
    build = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
    subprocess.run(build, cwd=book.root, check=True)
    name = f"{book.name}-{version}"
    shutil.copy2(book.build / book.pdf.name, folder / f"{name}.pdf")
    shutil.copytree(book.html, folder / name)  # so that it unpacks into a folder of its own
    shutil.make_archive(str(folder / name), "zip", folder, name)
    shutil.rmtree(folder / name)
    (folder / "notes.md").write_text(notes + "\n", encoding="utf-8")
    return executed
