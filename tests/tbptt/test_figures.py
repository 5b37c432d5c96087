"""Pictures against numbers worked out another way: from the SVG back to the schedule."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tbptt import Truncation
from tbptt.figures import ceiling_curve, labelled_windows, one_picture, split_picture
from tbptt.figures._draw import LOSS, REACH

SVG = "{http://www.w3.org/2000/svg}"


def parsed(svg):
    return ElementTree.fromstring(svg)


def title(svg):
    return parsed(svg).findtext(f"{SVG}title")


def cells(svg, colour, width):
    """Count the squares of one colour: moves of the pen in paths stroked with that width."""
    return sum(
        path.get("d").count("M")
        for path in parsed(svg).iter(f"{SVG}path")
        if path.get("stroke") == colour and path.get("stroke-width") == width
    )


@settings(max_examples=40)
@given(st.integers(1, 16), st.integers(1, 16))
def test_one_picture_draws_every_reach(window, stride):
    window, stride = max(window, stride), min(window, stride)
    svg = one_picture(window, stride)
    reach = Truncation(stride, window).reach(16)
    assert cells(svg, LOSS, "11") == 16
    assert cells(svg, REACH, "11") == reach.sum() - 16
    full = (reach.sum(axis=1) == window).sum()
    passes = Truncation(stride, window).passes(16)
    backward = sum(one.stop - one.start for one in passes)
    assert re.match(
        rf"Windows of {window}, stride {stride}\. {full} of 16 errors travels? the full {window} "
        rf"steps\. {len(passes)} backward pass(es)?, {backward} backward steps",
        title(svg),
    )


@pytest.mark.parametrize(("window", "stride", "lost"), [(3, 5, 6), (1, 2, 8), (15, 16, 1)])
def test_one_picture_shows_the_losses_that_no_window_owns(window, stride, lost):
    svg = one_picture(window, stride)
    assert f"{lost} of 16 errors belong to no window" in title(svg)
    assert cells(svg, LOSS, "11") == 16 - lost
    assert svg.count(">lost<") == lost


def test_labelled_windows_colours_what_holds_the_one():
    svg = labelled_windows(10, 1, 1)
    assert "1 of 11 windows shows the 1: ceiling 54.5%; every step is in a window." in title(svg)
    svg = labelled_windows(5, 2, 10)
    assert "2 of 8 windows show the 1: ceiling 62.5%; 1 of 20 steps" in title(svg)
    assert sum(path.get("stroke") == REACH for path in parsed(svg).iter(f"{SVG}path")) == 1


@pytest.mark.parametrize(
    ("increment", "step", "words"),
    [
        ("end to end", 1, "windows of 10 reach 75% at best; 10 of 20"),
        (1, 1, "windows of 10 reach 54.5% at best; 1 of 20"),
        (1, 10, "windows of 10 reach 95.5% at best; 10 of 20"),
    ],
)
def test_ceiling_curve_says_the_chapters_figures(increment, step, words):
    assert words in title(ceiling_curve(increment, step))


def test_split_picture_tells_the_sides_apart():
    def draw(leaked):
        words = {"headline": "h", "detail": "d", "title": "said", "train": [0, 1]}
        return split_picture(
            np.ones(20), range(1700, 1720), [0, 5, 10], 8, [2], leaked, words=words
        )

    assert title(draw([])) == "said"
    strokes = [path.get("stroke") for path in parsed(draw([])).iter(f"{SVG}path")]
    assert REACH in strokes
    assert LOSS not in strokes
    assert LOSS in [path.get("stroke") for path in parsed(draw([2])).iter(f"{SVG}path")]


@pytest.mark.parametrize(
    ("figure", "arguments", "words"),
    [
        (one_picture, (0, 1), "window must be at least 1"),
        (labelled_windows, (21, 1, 1), "longer than the sequence"),
        (labelled_windows, (10, 1, 21), "position must be a step"),
        (ceiling_curve, (0, 1), "increment must be at least 1"),
    ],
)
def test_bad_input(figure, arguments, words):
    with pytest.raises(ValueError, match=words):
        figure(*arguments)
