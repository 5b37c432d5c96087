"""Every public name of the packages has a docstring, and is on a page about them.

What autodoc finds undocumented it leaves out silently, and a module that no page names as well.
"""

import inspect
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from bs4 import BeautifulSoup

from offers import PYTORCH_ALONE, table
from public_names import public, rooms

ROOT = Path(__file__).parents[2]
SHOWN = re.findall(
    r"automodule:: (\S+)", "".join(path.read_text() for path in ROOT.glob("chapters/api/*.md"))
)


def missing(names, known):
    """Say of each name why it is not documented, if it is not."""
    # Some are in two rooms; one page is enough.
    shown = {home(it) for name, it in names.items() if name in known}
    for name, it in names.items():
        if not inspect.getdoc(it):
            yield f"{name} has no docstring"
        elif home(it) not in shown:
            yield f"{name} is on no page"


def home(it):
    it = getattr(it, "fget", it)
    return it.__module__, it.__qualname__


@pytest.fixture(scope="module")
def names():
    return {name: it for room in rooms() for name, it in public(room)}


@pytest.fixture(scope="module")
def anchors(book):
    pages = [
        BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for path in (book.html / "chapters/api").glob("*.html")
    ]
    return {tag["id"] for page in pages for tag in page.select("dt.sig[id]")}


def test_the_rooms(names):
    modules = {room.__name__ for room in rooms() if any(public(room))}
    # The schedule's names are those of the package itself.
    assert modules - {"tbptt.schedule"} == set(SHOWN)
    assert "truncated_time.experiments" not in modules
    for name in (
        "tbptt.Truncation",
        "tbptt.Truncation.reach",
        "tbptt.windows.Cut.starts",
        "tbptt.pytorch.backward",
        "tbptt.keras.ResetState",
        "tbptt.tensorflow.graph.GraphLSTM",
        "truncated_time.explorers.explore",
    ):
        assert name in names
    assert not any("._" in name for name in names)


def test_every_public_name_is_documented_and_on_a_page(names, anchors):
    assert list(missing(names, anchors)) == []


def test_what_is_missing_is_named(names):
    name = "tbptt.splits.block_folds"
    assert list(missing(names, set(names) - {name})) == [f"{name} is on no page"]
    # Shown in one of its rooms, it may be absent from the other.
    assert list(missing(names, set(names) - {"tbptt.schedule.Truncation"})) == []
    loose = SimpleNamespace(__module__="tbptt", __qualname__="loose", __doc__=None)
    assert list(missing({"tbptt.loose": loose}, {"tbptt.loose"})) == [
        "tbptt.loose has no docstring"
    ]


def test_the_page_says_what_each_engine_offers():
    page = (ROOT / "chapters" / "api.md").read_text()
    assert table() in page, f"the table should be:\n{table()}"
    assert all(f"`{name}`" in page.partition(table())[2] for name in PYTORCH_ALONE)
