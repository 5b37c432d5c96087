"""The fonts that the site serves hold what the pages draw, and little else."""

import pytest
from bs4 import BeautifulSoup
from fontTools.ttLib import TTFont

from bookbuild import fonts


def test_the_icons_in_use_are_there_and_no_others(book):
    (css,) = (book.html / "_static").glob("vendor/fontawesome/*/css/all.min.css")
    files = sorted((book.html / "_static").glob("vendor/fontawesome/*/webfonts/*.woff2"))
    used, held = fonts.icons_in_use(book.html, css), set()
    for file in files:
        with TTFont(file) as drawn:
            held |= set(drawn.getBestCmap() or {})
    named = {0xF0C9, 0xF002, 0xF042, 0xF0EB}  # menu, search, theme switch, the tip's lamp
    assert named <= used & held
    assert held <= used
    assert sum(file.stat().st_size for file in files) < 20_000


@pytest.fixture
def maths(book):
    with TTFont(book.html / "_static/book/stix-two-math.woff2") as font:
        yield font


def test_every_character_of_every_formula_is_there(book, maths):
    held = {chr(code) for code in maths.getBestCmap()}
    for page in sorted(book.html.rglob("*.html")):
        soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
        for formula in soup.find_all("math"):
            text = {it for it in formula.get_text() if not it.isspace()}
            assert text <= held | {"\u2061", "\u2062", "\u200b"}, (page.name, text - held)
    assert {"𝑊", "ℎ", "𝜆", "∑"} <= held  # as browsers draw W, h, λ
    assert len(held) < 250


def test_brackets_grow_and_the_font_is_small(book, maths):
    variants = maths["MATH"].table.MathVariants
    assert maths.getBestCmap()[ord("(")] in variants.VertGlyphCoverage.glyphs
    assert (book.html / "_static/book/stix-two-math.woff2").stat().st_size < 40_000
