"""What several rooms of the tests share."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import settings
from jupyter_cache import get_cache
from myst_nb.core.read import myst_nb_reader_plugin
from playwright.sync_api import Browser, Error, sync_playwright

from bookbuild.book import Book

ROOT = Path(__file__).parents[1]
ADDRESS = "https://github.com/someone/book"  # where the book is published, for tests
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]


# What takes longest begins first, so that no process ends long after the other.
_LONG = (
    "site/test_every_page.py", "truncated_time/test_runner.py", "bookbuild/test_strict.py",
    "site/test_browser.py", "tbptt/tensorflow", "tbptt/pytorch/test_beyond.py",
    "chapters/test_windowing.py", "bookbuild", "tbptt/keras", "site",
)  # fmt: skip


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file in one process, and begin with the files that take longest."""
    for item in items:
        if not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.path.relative_to(ROOT).as_posix()))
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    name = item.path.relative_to(ROOT / "tests").as_posix()
    return next((i for i, long in enumerate(_LONG) if name.startswith(long)), len(_LONG))


# A slow machine is no failure; in CI the same examples every time, elsewhere new ones. `make audit`
# asks for more of them.
settings.register_profile(
    "book",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    max_examples=int(os.environ.get("EXAMPLES", "30")),
)
settings.load_profile("book")


def built(root: Path) -> Book:
    """Return a book that was built, and not from other files than those that are there."""
    book = Book(root)
    assert (book.html / "index.html").is_file(), "there is no built book; run `make test`"
    # The pages are those of the files as they are: else their outputs would be under another key.
    assert book.cache.is_dir(), "the built book is stale; run `make test`, which builds it anew"
    return book


@pytest.fixture(scope="session")
def book() -> Book:
    """Return the book that was built just before: `make test` builds it."""
    return built(ROOT)


@pytest.fixture(scope="session")
def is_built():
    """Return the function that refuses a stale book, for another folder."""
    return built


@pytest.fixture(scope="session")
def git():
    """Return a function that runs git in a folder, as somebody."""

    def run(folder: Path, *arguments: str) -> str:
        me = ("-c", "user.name=a", "-c", "user.email=b")
        command = ["git", "-C", str(folder), *me, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    return run


@pytest.fixture(scope="session")
def clone(git):
    """Return a function that clones the book as it is now, without anything that was built."""

    def make(target: Path) -> Path:
        git(ROOT, "clone", "--quiet", str(ROOT), str(target))
        git(target, "rm", "-r", "--quiet", "--force", ".")
        now = git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard")
        for name in now.splitlines():
            if (ROOT / name).is_file():
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, target / name)
        return target

    return make


@pytest.fixture(scope="session")
def glued(book: Book):
    """Return what a chapter's cells stored for its prose, by name."""

    @cache
    def read(chapter: str) -> dict[str, Any]:
        source = myst_nb_reader_plugin(str(ROOT / "chapters" / f"{chapter}.md"))
        _, executed = get_cache(book.cache).merge_match_into_notebook(source)
        records = [
            output
            for cell in executed.cells
            if cell.cell_type == "code"
            for output in cell.outputs
            if "scrapbook" in output.get("metadata", {})
        ]
        values = {}
        for record in records:
            (text,) = record.data.values()
            try:
                values[record.metadata.scrapbook.name] = ast.literal_eval(text)
            except (SyntaxError, ValueError):
                values[record.metadata.scrapbook.name] = text
        return values

    return read


@pytest.fixture(scope="session")
def browser() -> Browser:
    """Start Debian's Chromium, else whatever Playwright finds; without one, only CI fails.

    ``BROWSER=firefox`` or ``BROWSER=webkit`` asks for Playwright's build of that one; other values
    are the desktop's own business.
    """
    name = os.environ.get("BROWSER")
    with sync_playwright() as playwright:
        try:
            if name in ("firefox", "webkit"):
                started = getattr(playwright, name).launch()
            else:
                found = shutil.which("chromium")
                started = playwright.chromium.launch(executable_path=found, args=FLAGS)
        except Error as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(f"NO BROWSER: install chromium to run these tests ({error.message[:80]})")
        yield started
        started.close()


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
