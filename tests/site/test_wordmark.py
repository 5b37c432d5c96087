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


def test_each_page_has_the_one_for_its_theme(book):
    page = BeautifulSoup((book.html / "chapters/cost.html").read_text(), "html.parser")
    images = page.select(".navbar-brand img")
    assert {image["alt"].removesuffix(" - Home") for image in images} == {"Truncated Time"}
    assert [(image["class"][-1], image["src"].split("/")[-1]) for image in images] == [
        ("only-light", "wordmark.svg"), ("only-dark", "wordmark-dark.svg"),
    ]  # fmt: skip


@pytest.mark.parametrize("path", ["book.css", "explorers.css"])
def test_links_boxes_and_sliders_are_in_its_colours(book, path):
    text = (book.root / "code/bookbuild/static/book" / path).read_text()
    assert REACH in text
    assert path == "explorers.css" or LOSS in text
