"""What the launch buttons open, against what the branch of notebooks holds."""

import os
import re
from pathlib import Path

from bookbuild import repository

ROOT = Path(__file__).parents[2]
OPENS = re.compile(
    r'href="https://(?:mybinder\.org/v2/gh/(?P<binder>[\w.-]+/[\w.-]+)/notebooks\?urlpath=lab/tree'
    r"|colab\.research\.google\.com/github/(?P<colab>[\w.-]+/[\w.-]+)/blob/notebooks)"
    r'/(?P<path>[^"]+)"'
)


def test_the_branch_holds_the_tree_and_the_notebooks(book, branch):
    for chapter in book.notebooks():
        name = chapter.relative_to(ROOT)
        assert (branch / name).is_file()
        assert (branch / name.with_suffix(".ipynb")).is_file()
    assert (branch / "code" / "tbptt" / "__init__.py").is_file()
    assert (branch / "data" / "published.csv").is_file()
    # A token of GitHub's workflows may not push a workflow.
    assert not (branch / ".github").exists()


def test_every_launch_link_opens_a_file(book, branch):
    address = repository.address(ROOT)
    for chapter in book.notebooks():
        page = book.html / chapter.relative_to(ROOT).with_suffix(".html")
        found = list(OPENS.finditer(page.read_text(encoding="utf-8")))
        assert len(found) == (2 if address else 0), page
        for link in found:
            assert address.endswith(link["binder"] or link["colab"])
            assert (branch / link["path"]).is_file(), link["path"]


def test_a_link_to_a_missing_file_would_be_seen(branch):
    link = OPENS.search(
        'href="https://mybinder.org/v2/gh/a/b/notebooks?urlpath=lab/tree/chapters/gone.ipynb"'
    )
    assert link["binder"] == "a/b"
    assert not (branch / link["path"]).is_file()
    assert os.path.normpath(link["path"]) == "chapters/gone.ipynb"
