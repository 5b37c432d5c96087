"""The picture of a loop as it ran."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from tbptt import Truncation
from tbptt.measured import measured_picture


def title(picture):
    ET.fromstring(picture)
    return re.search("<title>(.*)</title>", picture)[1]


@pytest.mark.parametrize("truncation", [Truncation(1, 4), Truncation(3, 6), Truncation(4, 4)])
def test_what_was_meant_is_what_it_says(truncation):
    counts = truncation.reach(12).astype(int)
    assert title(measured_picture(counts, intended=truncation)).endswith("as it is")


def test_what_is_missing_or_too_much_is_counted():
    counts, meant = Truncation(4, 4).reach(12).astype(int), Truncation(1, 4)
    missing = int((meant.reach(12) & (counts == 0)).sum())
    assert f": {missing} squares are missing" in title(measured_picture(counts, intended=meant))
    extra = title(measured_picture(meant.reach(12), intended=Truncation(4, 4)))
    assert extra.endswith(f": {missing} are too many")
    # Hollow where an error should have come: one outline each.
    (outlines,) = re.findall('d="([^"]*z)"', measured_picture(counts, intended=meant))
    assert outlines.count("z") == missing


def test_counts_above_one_are_said_and_darker():
    counts = np.tril(np.full((5, 5), 3))
    assert "darker: counted up to 3 times" in title(measured_picture(counts))


def test_what_is_said_is_of_all_steps_where_the_first_are_drawn():
    said = title(measured_picture(np.eye(48), intended=Truncation.epochwise(12)))
    assert "Intended 1 to 12: 264 squares are missing; the first 32 are drawn" in said
    said = title(measured_picture(np.tril(np.ones((60, 60))), intended=Truncation.true(50)))
    assert "reach 1 to 60 steps. Intended 1 to 50: 55 are too many" in said


def test_a_long_one_shows_its_beginning_and_a_silent_one_says_so():
    assert "the first 32 are drawn" in title(measured_picture(np.eye(100)))
    assert title(measured_picture(np.zeros((4, 4)))) == "4 steps: no error was sent back"
    assert title(measured_picture(np.zeros((0, 0)))) == "No step was seen"


@pytest.mark.parametrize("truncation", [Truncation(1, 4), Truncation(5, 9), Truncation(12, 12)])
@pytest.mark.parametrize("steps", [40, 48, 50])
def test_of_a_long_one_the_beginning_is_what_was_meant(truncation, steps):
    counts = truncation.reach(steps).astype(int)
    assert "as it is" in title(measured_picture(counts, intended=truncation))
    counts[5, 4] = 0
    assert "1 squares are missing" in title(measured_picture(counts, intended=truncation))


def test_a_last_chunk_that_is_short_is_as_it_was_meant():
    counts = np.kron(np.eye(4, dtype=int), np.tril(np.ones((4, 4), dtype=int)))[:14, :14]
    assert title(measured_picture(counts, intended=Truncation(4, 4))).endswith("as it is")
    assert "missing" in title(measured_picture(counts, intended=Truncation(5, 5)))


def test_bad_input():
    with pytest.raises(ValueError, match=r"square table .* got \(2, 3\)"):
        measured_picture(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="numbers from 0"):
        measured_picture([[-1]])
    with pytest.raises(TypeError, match="intended must be a Truncation, got int"):
        measured_picture(np.eye(2), intended=4)
