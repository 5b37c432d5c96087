"""On paper: what a page prints, and the whole book in one PDF."""

import pytest
from bs4 import BeautifulSoup
from pypdf import PdfReader
from sphinx_external_toc.parsing import parse_toc_yaml

from bookbuild import pdf

pytestmark = pytest.mark.browser


def test_a_page_prints_its_text_alone_and_whole(open_page):
    page = open_page("chapters/windowing.html", color_scheme="dark")
    page.wait_for_load_state("networkidle")
    page.emulate_media(media="print")
    for hidden in (".bd-sidebar-primary", ".bd-sidebar-secondary", ".bd-header-article"):
        assert not page.locator(hidden).is_visible(), hidden
    assert page.locator(".explorer-still svg").first.is_visible()
    assert page.get_by_text("Only the first window contains the first step").is_visible()
    cut = page.locator("article pre:visible").evaluate_all(
        "boxes => boxes.filter(box => box.scrollWidth > box.clientWidth + 1).length"
    )
    assert cut == 0
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


@pytest.fixture(scope="module")
def printed(book, browser, tmp_path_factory):
    """Print the book that is built."""
    target = tmp_path_factory.mktemp("pdf") / "book.pdf"
    pdf.write(book, browser, target)
    return PdfReader(target)


def test_the_outline_holds_every_chapter_in_order(book, printed):
    chapters = [entry for entry in printed.outline if not isinstance(entry, list)]
    titles = []
    for name in parse_toc_yaml(book.root / "_toc.yml"):
        page = (book.html / f"{name}.html").read_text(encoding="utf-8")
        titles.append(BeautifulSoup(page, "html.parser").h1.get_text().removesuffix("#"))
    # Where a title is broken into lines, the browser loses a space.
    assert [it.title.replace(" ", "") for it in chapters] == [it.replace(" ", "") for it in titles]
    starts = [printed.get_destination_page_number(entry) for entry in chapters]
    assert starts == sorted(set(starts))  # each on a page of its own
    assert printed.metadata.title == "Truncated Time"


def test_pictures_keep_their_words_and_links_stay_within(printed):
    root = printed.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en"
    told, waiting = [], [root["/StructTreeRoot"]]
    while waiting:
        node = waiting.pop()
        if "/Alt" in node:
            told.append(node["/Alt"])
        children = node.get("/K", [])
        children = children if isinstance(children, list) else [children]
        waiting += [it for it in (child.get_object() for child in children) if hasattr(it, "get")]
    assert sum(len(words.split()) >= 5 for words in told) >= 10
    assert any("errors travel the full 4 steps" in words for words in told)
    addresses = [
        annotation.get_object().get("/A", {}).get("/URI", "")
        for page in printed.pages
        for annotation in page.get("/Annots", [])
    ]
    assert [one for one in addresses if one.startswith("file:")] == []
    inner = [one for page in printed.pages for one in page.get("/Annots", [])]
    assert sum("/Dest" in one.get_object() for one in inner) >= 50
