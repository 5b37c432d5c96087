"""What a release attaches: wheel, source, the book as a PDF and as a site to unpack, notes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import yaml
from markdown_it import MarkdownIt

from bookbuild import jupyterbook
from bookbuild.book import Book


class ReleaseError(RuntimeError):
    """The files do not agree on what is released; the message says which and how."""


def check(root: Path, tag: str | None) -> tuple[str, str]:
    """Compare what the files say of the version.

    Parameters
    ----------
    root : Path
        The folder with `code/tbptt`, `CITATION.cff` and `CHANGELOG.md`.
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
    # Read, not imported: the folder may be another than that of the package that runs.
    package = (root / "code" / "tbptt" / "__init__.py").read_text(encoding="utf-8")
    (version,) = re.findall(r'^__version__ = "(.+)"$', package, flags=re.MULTILINE)
    if tag is not None and tag != f"v{version}":
        raise ReleaseError(f"The tag is {tag}, and tbptt.__version__ is {version}.")
    citation = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    if citation["version"] != version:
        raise ReleaseError(f"CITATION.cff has version {citation['version']}, not {version}.")
    title = f"{version} ({citation['date-released']})"
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    parts = _parts(text)
    if not parts.get(title, "").strip():
        raise ReleaseError(
            f'CHANGELOG.md has no part "## {title}" with words in it; it has {list(parts)}. '
            "The date is that of CITATION.cff."
        )
    return version, parts[title]


def _parts(changelog: str) -> dict[str, str]:
    """Cut Markdown at its headings of the second level: heading to text below it."""
    lines = changelog.splitlines()
    tokens = MarkdownIt("commonmark").parse(changelog)
    heads = [
        (token.map[0], token.map[1], words.content)
        for token, words in pairwise(tokens)
        if token.type == "heading_open" and token.tag == "h2" and token.map
    ]
    ends = [head[0] for head in heads[1:]] + [len(lines)]
    return {
        title: "\n".join(lines[first:end]).strip()
        for (_, first, title), end in zip(heads, ends, strict=True)
    }


def release(book: Book) -> list[str]:
    """Fill ``_build/release`` with all that a release attaches; return the executed chapters.

    The tag is what GitHub's workflow names as ``GITHUB_REF_NAME``, when it runs for a tag.

    Raises
    ------
    ReleaseError
        See `check`.
    ChapterError
        If a cell raises.
    subprocess.CalledProcessError
        If the book or the package cannot be built.
    """
    tagged = os.environ.get("GITHUB_REF_TYPE") == "tag"
    version, notes = check(book.root, os.environ["GITHUB_REF_NAME"] if tagged else None)
    executed = jupyterbook.pdf(book)
    folder = book.build / "release"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)],
        cwd=book.root,
        check=True,
    )
    name = f"truncated-time-{version}"
    shutil.copy2(book.build / book.pdf.name, folder / f"{name}.pdf")
    shutil.copytree(book.html, folder / name)  # so that it unpacks into a folder of its own
    shutil.make_archive(str(folder / name), "zip", folder, name)
    shutil.rmtree(folder / name)
    (folder / "notes.md").write_text(notes + "\n", encoding="utf-8")
    return executed
