"""What the launch buttons open, against what the branch of notebooks holds."""

import re
import shutil
from pathlib import Path

from bookbuild.book import Book

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


def dead(published, branch):
    """Return the launch links that open nothing."""
    found = []
    for chapter in Book(ROOT).notebooks():
        page = published.tree / "_build/html" / chapter.relative_to(ROOT).with_suffix(".html")
        links = list(OPENS.finditer(page.read_text(encoding="utf-8")))
        assert len(links) == 2, page
        for link in links:
            assert published.address.endswith("/" + (link["binder"] or link["colab"]))
            if not (branch / link["path"]).is_file():
                found.append(link["path"])
    return found


def test_every_launch_link_opens_a_file(published, branch):
    assert dead(published, branch) == []


def test_a_link_to_a_missing_file_is_seen(published, branch, tmp_path):
    lacking = shutil.copytree(branch / "chapters", tmp_path / "chapters")
    (lacking / "index.ipynb").unlink()
    assert dead(published, tmp_path) == ["chapters/index.ipynb"] * 2
