"""The whole book as one PDF: every page is looked at, as an image and as text."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

import numpy as np
import pypdfium2
import pytest
from bs4 import BeautifulSoup
from pypdf import PdfReader

from bookbuild import jupyterbook, paper, pdf
from truncated_time.exercises import NAMES, check

pytestmark = [pytest.mark.audit, pytest.mark.browser]

# A4 in millimetres, and the place of the text on it, as paper.css has them.
TOP, BOTTOM, LEFT, RIGHT = 24, 297 - 22, 24, 210 - 24


@pytest.fixture(scope="module")
def single(book):
    """Build the single page from what the site was built of."""
    jupyterbook.single_page(book)
    return BeautifulSoup(book.single_page.read_text(encoding="utf-8"), "html.parser")


@pytest.fixture(scope="module")
def place(book, single, browser, tmp_path_factory):
    """Print it; return where the PDF is."""
    target = tmp_path_factory.mktemp("pdf") / "book.pdf"
    pdf.write(book, browser, target)
    return target


@pytest.fixture(scope="module")
def printed(place):
    return PdfReader(place)


@pytest.fixture(scope="module")
def words(printed):
    """Return the text of every page, without spaces: some are lost where a line is broken."""
    return [re.sub(r"\s", "", page.extract_text()) for page in printed.pages]


@pytest.fixture(scope="module")
def drawn(place):
    """Draw every page, two dots a millimetre: True where there is something."""
    document = pypdfium2.PdfDocument(place)
    scale = 2 * 25.4 / 72
    images = (page.render(scale=scale, grayscale=True).to_numpy() for page in document)
    return [image.reshape(image.shape[:2]) < 245 for image in images]


def outline(printed, entries):
    """Return an outline's titles and places, flat."""
    for entry in entries:
        if isinstance(entry, list):
            yield from outline(printed, entry)
        else:
            yield entry.title, printed.get_destination_page_number(entry)


@pytest.fixture(scope="module")
def chapters(single, printed):
    """Return the title of every chapter and the index of its first page."""
    places = printed.named_destinations
    return [
        (
            section.h1.get_text().removesuffix("#"),
            printed.get_destination_page_number(places["/" + section["id"]]),
        )
        for section in single.select("section:has(> h1)")
    ]


def test_it_is_a_file_for_the_mail_with_a_title_and_a_language(place, printed):
    assert place.stat().st_size <= 8_000_000
    assert 150 <= len(printed.pages) <= 292
    assert printed.metadata.title == "Truncated Time"
    assert printed.metadata.author == "The Truncated Time authors"
    assert printed.trailer["/Root"]["/Lang"] == "en"
    assert printed.trailer["/Root"]["/MarkInfo"]["/Marked"]


def test_the_title_page_says_what_this_is(words):
    for said in ("TruncatedTime", "Windows,stateandgradients", "authors", "CCBY4.0"):
        assert said in words[0]


def test_every_chapter_begins_a_page(book, chapters, words):
    assert len(chapters) == len(book.pages())
    starts = [page for _, page in chapters]
    assert starts == sorted(set(starts))
    for title, page in chapters:
        assert re.sub(r"\s", "", title) in words[page]


def test_the_contents_name_the_page_on_which_each_section_stands(single, printed, chapters, words):
    entries = [(" ".join(it.get_text().split()), it["href"]) for it in single.select("nav a")]
    assert len(entries) >= 100
    assert [title for title, _ in outline(printed, printed.outline)] == [it for it, _ in entries]
    contents = "".join(words[1 : chapters[0][1]])
    for (title, href), (_, page) in zip(entries, outline(printed, printed.outline), strict=True):
        place = printed.named_destinations["/" + href[1:]]
        assert page == printed.get_destination_page_number(place)
        joined = re.sub(r"\s", "", title)
        assert joined.split(":")[0] in words[page], (title, page + 1)
        assert re.search(rf"{re.escape(joined)}{page + 1}(?!\d)", contents), title


def test_heads_name_the_chapter_and_feet_the_page(chapters, words):
    ends = [*(page for _, page in chapters[1:]), len(words)]
    for (title, first), end in zip(chapters, ends, strict=True):
        for page in range(first, end):
            assert re.sub(r"\s", "", title) in words[page], (title, page + 1)
            assert str(page + 1) in words[page]


def test_no_gap_is_larger_than_a_third_of_a_page_but_at_a_chapters_end(chapters, drawn):
    last = {page - 1 for _, page in chapters} | {len(drawn) - 1}
    for number, page in enumerate(drawn[1:], start=1):
        lines = np.flatnonzero(page[2 * TOP : 2 * BOTTOM].any(axis=1))
        assert lines.size, f"page {number + 1} is empty"
        ends = [0, *lines, 2 * (BOTTOM - TOP)] if number not in last else [0, *lines]
        gap = max(b - a for a, b in pairwise(ends)) / (2 * (BOTTOM - TOP))
        assert gap <= 1 / 3, f"page {number + 1}: {gap:.0%} of it is empty"


def test_nothing_stands_in_the_margins(drawn):
    for number, page in enumerate(drawn, start=1):
        used = np.flatnonzero(page.any(axis=0)) / 2
        assert used.min() >= LEFT - 1, f"page {number}, left: {used.min()} mm"
        assert used.max() <= RIGHT + 1, f"page {number}, right: {used.max()} mm"


def test_every_explorer_says_where_it_moves(single, words):
    explorers = single.select("figure.explorer")
    assert len(explorers) >= 10
    assert all(explorer.svg for explorer in explorers)
    whole = "".join(words)
    for number in range(1, len(explorers) + 1):
        assert re.search(rf"Figure{number}\..{{1,200}}?Theslidersmove", whole), number


def test_what_nobody_answered_is_not_printed(single, chapters, words):
    message = check(NAMES[0], ...).message
    assert message.startswith(paper.UNANSWERED)
    assert paper.UNANSWERED not in "".join(it.get_text() for it in single.select(".cell_output"))
    # The package's own pages may quote it, in an example.
    learnt = words[: dict(chapters)["The package"]]
    assert len(learnt) >= 100
    assert not [text for text in learnt if re.sub(r"\s", "", paper.UNANSWERED) in text]


def test_formulas_are_drawn_in_their_own_font(printed):
    (page,) = [it for it in printed.pages if "The network in letters" in it.extract_text()]
    names = [str(font.get_object()["/BaseFont"]) for font in page["/Resources"]["/Font"].values()]
    assert any("STIX" in name for name in names)


def test_pictures_keep_their_words(printed):
    told, waiting = [], [printed.trailer["/Root"]["/StructTreeRoot"]]
    while waiting:
        node = waiting.pop()
        if "/Alt" in node:
            told.append(node["/Alt"])
        children = node.get("/K", [])
        children = children if isinstance(children, list) else [children]
        waiting += [it for it in (child.get_object() for child in children) if hasattr(it, "get")]
    assert sum(len(text.split()) >= 5 for text in told) >= 10
    assert any("errors reach the full 4 steps" in text for text in told)


def test_links_stay_within_and_arrive(single, printed):
    known = {tag["id"] for tag in single.select("[id]")}
    names = Counter(tag["id"] for tag in single.select("[id]") if not tag.find_parent("svg"))
    assert [name for name, times in names.items() if times > 1] == []
    inner = [link["href"][1:] for link in single.select("a[href^='#']")]
    assert len(inner) >= 500
    assert [name for name in inner if name not in known] == []
    others = [link["href"] for link in single.select("a[href]:not([href^='#'])")]
    assert [address for address in others if not address.startswith("http")] == []
    annotations = [
        annotation.get_object() for page in printed.pages for annotation in page.get("/Annots", [])
    ]
    arriving = [link["/Dest"] for link in annotations if "/Dest" in link]
    assert len(arriving) >= 500
    assert {str(name) for name in arriving} <= set(printed.named_destinations)
    addresses = [link.get("/A", {}).get("/URI", "") for link in annotations]
    assert [address for address in addresses if address.startswith("file:")] == []
