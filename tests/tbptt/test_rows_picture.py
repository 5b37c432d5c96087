"""The picture of rows and borders says and draws what came in."""

import re

import numpy as np
import pytest

from tbptt.rows import rows_picture
from tbptt.windows import continuity


def title(svg):
    return re.search("<title>(.*)</title>", svg)[1]


def squares(svg, colour):
    return sum(d.count("h") for d in re.findall(rf'd="([^"]*)"[^>]*stroke="{colour}"', svg))


def test_every_row_of_every_border_is_drawn_as_what_came_in():
    svg = rows_picture([("carried", "zero", "random", "other"), ["carried", "carried"]])
    assert title(svg) == "2 borders of 4 rows: 3 carried, 1 zero, 1 random, 1 other"
    assert squares(svg, "#0d9488") == 3
    assert squares(svg, "#ea580c") == 2
    (outlines,) = re.findall('d="([^"]*z)"', svg)
    assert outlines.count("z") == 1
    assert svg.count(">?<") == 2


@pytest.mark.parametrize(
    ("order", "word", "mark"),
    [("as cut", "skips", "»"), ("lanes", "continues", None), ("again", "repeats", "=")],
)
def test_of_a_pipeline(order, word, mark):
    windows = np.arange(5 * 3 * 4).reshape(5, 3, 4)
    dealt = {"as cut": windows, "lanes": windows.reshape(3, 5, 4).transpose(1, 0, 2),
             "again": windows[:1].repeat(5, 0)}[order]  # fmt: skip
    svg = rows_picture(continuity(dealt).kinds)
    assert title(svg) == f"4 borders of 3 rows: 12 {word}"
    assert squares(svg, "#0d9488" if mark is None else "#ea580c") == 12
    assert mark is None or svg.count(f">{mark}<") == 12


def test_of_many_the_first_are_drawn_and_all_are_counted():
    svg = rows_picture([["carried"] * 40] * 100)
    assert title(svg) == "100 borders of 40 rows: 4000 carried; the first 24 and 12 are drawn"
    assert squares(svg, "#0d9488") == 24 * 12
    assert title(rows_picture(iter([]))) == "0 borders of 0 rows: no row"
    assert title(rows_picture([["has no row"]])) == "1 border of 1 row: 1 has no row"


@pytest.mark.parametrize("bad", [3, "zero", None, [3]])
def test_what_is_no_rows_of_words(bad):
    with pytest.raises(TypeError, match="a row of words for each border"):
        rows_picture(bad)


@pytest.mark.parametrize("bad", [["zero", "nought"], [["nought"]], [[3]], [[None]], ["x"]])
def test_another_word(bad):
    with pytest.raises(ValueError, match="borders must be words of continues, carried, zero"):
        rows_picture(bad)
