"""The book's face: its wordmark is the one picture, in the colours of all pictures."""

import re

import numpy as np
import pytest
from bs4 import BeautifulSoup

from tbptt.drawing import LOSS, REACH
from tbptt.schedule import Truncation

SQUARE = re.compile(r"M(\d+) (\d+)h8v8h-8z")


@pytest.mark.parametrize("name", ["wordmark", "wordmark-dark"])
def test_it_is_the_picture_of_a_truncation(book, name):
    svg = BeautifulSoup((book.root / f"chapters/_images/{name}.svg").read_text(), "xml").svg
    reached, losses, *letters = svg.find_all("path")

    def cells(path):
        return {(int(y) // 10, int(x) // 10) for x, y in SQUARE.findall(path["d"])}

    # A row is a step with its loss, a column a step that an error reaches.
    assert reached["fill"] == REACH
    assert losses["fill"] == LOSS
    wanted = set(map(tuple, np.argwhere(Truncation.true(3).reach(5))))
    assert cells(losses) == {(t, t) for t in range(5)}
    assert cells(reached) | cells(losses) == wanted
    assert len(letters) == 2


def test_each_page_has_the_one_for_its_theme(book, browser):
    page = browser.new_page()
    page.goto((book.html / "chapters/cost.html").as_uri())
    images = page.locator(".navbar-brand img")
    assert {image.get_attribute("alt") for image in images.all()} == {"Truncated Time"}
    for theme, name in (("light", "wordmark.svg"), ("dark", "wordmark-dark.svg")):
        page.evaluate(f"document.documentElement.dataset.theme = {theme!r}")
        shown = [image for image in images.all() if image.is_visible()]
        assert [image.get_attribute("src").split("/")[-1] for image in shown] == [name]
        assert shown[0].evaluate("image => image.naturalWidth") > 100
    page.close()


@pytest.mark.parametrize("path", ["book.css", "explorers.css"])
def test_links_boxes_and_sliders_are_in_its_colours(book, path):
    text = (book.root / "code/bookbuild/static/book" / path).read_text()
    assert REACH in text
    assert path == "explorers.css" or LOSS in text


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_link_under_the_pointer_can_be_read(book, browser, axe, scheme):
    page = browser.new_page(color_scheme=scheme)
    page.goto((book.html / "chapters/starts.html").as_uri())
    link = page.locator("table a.reference.internal").last
    link.hover()
    row = link.locator("xpath=ancestor::tr").evaluate(
        "row => getComputedStyle(row).backgroundColor"
    )
    assert row == {"light": "rgb(227, 244, 242)", "dark": "rgb(18, 48, 45)"}[scheme]
    assert [wrong for wrong in axe(page) if "color-contrast" in wrong] == []
    page.close()
