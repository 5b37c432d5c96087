"""Two small pages as one: what the single page does that Sphinx's own does not."""

import pytest
from bs4 import BeautifulSoup

from bookbuild import jupyterbook, paper
from bookbuild.book import Book

FIRST = """# One

(one-summary)=
## Summary

[That](two.md), [its own](#summary) and {ref}`two-summary`; the [index](genindex).
"""
SECOND = """# Two

(two-summary)=
## Summary

{ref}`one-summary` and {eq}`eq-second`.

$$
a = b
$$ (eq-second)
"""


@pytest.mark.build
def test_ids_differ_between_pages_and_links_arrive(bare):
    (bare / "_toc.yml").write_text(
        "format: jb-book\nroot: chapters/one\nchapters:\n- file: chapters/two\n"
    )
    (bare / "chapters/one.md").write_text(FIRST)
    (bare / "chapters/two.md").write_text(SECOND)
    (bare / "CITATION.cff").write_text("version: 1.2.3\ndate-released: 2026-01-02\n")
    book = Book(bare)
    jupyterbook.single_page(book)
    page = BeautifulSoup((book.build / "paper/one.html").read_text("utf-8"), "html.parser")
    assert [title.get_text() for title in page.select("section > h1")] == ["One#", "Two#"]
    names = [tag["id"] for tag in page.select("[id]")]
    assert len(names) == len(set(names))
    article = page.select("section p a.reference")
    assert [link["href"] for link in article] == [
        "#chapters-two--",
        "#chapters-one--summary",
        "#chapters-two--two-summary",
        "#chapters-one--one-summary",
        "#chapters-two--equation-eq-second",
    ]
    assert {link["href"][1:] for link in page.select("a[href^='#']")} <= set(names)
    assert page.select_one("div.math .eqno").get_text().startswith("(1)")
    assert "Version 1.2.3, 2026-01-02" in page.header.get_text()


def test_names_fit_into_a_pdf_and_still_differ():
    long = "a-question-" * 20
    first, second = (
        paper.anchor("chapters/questions", long),
        paper.anchor("chapters/questions", long + "b"),
    )
    assert first != second
    assert max(len(first), len(second)) <= 127
    assert paper.anchor("chapters/questions", "short") == "chapters-questions--short"
