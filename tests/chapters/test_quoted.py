"""Sentences say what they said when somebody last read them next to their results."""

import json

import pytest

from quoted import HERE, READ, key, marks, unread


@pytest.mark.parametrize("path", READ, ids=key)
def test_sentences_are_those_that_were_found_right(path):
    read = json.loads(HERE.read_text(encoding="utf-8"))
    assert unread(path, read.get(key(path), "")) == [], (
        f"{key(path)} says something else than what was found right: read these sentences again "
        "next to their results, then run `python tests/quoted.py`."
    )


def test_every_page_that_was_read_is_there():
    assert set(json.loads(HERE.read_text(encoding="utf-8"))) == {key(path) for path in READ}


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("all fifteen networks", "all twelve networks"),
        ("has {glue:text}`right_none:.0%` right", "has {glue:text}`right_dropout:.0%` right"),
        ("5 answers of 24", "6 answers of 24"),
        ("`k2 >= d + 1`", "`k2 >= d + 2`"),
        ("It leaks 3 times of 5", "It heals 3 times of 5"),
        ("a state that is newer", "a state that is older"),
        ("on true truncation", "on epochwise truncation"),
        ("Divide the loss by", "Multiply the loss by"),
        ("no promise that", "a promise that"),
        ("## Exercises\n\nYou need at least 5 steps", "## Exercises\n\nYou need at least 6 steps"),
    ],
)
def test_another_number_or_another_word_is_noticed(tmp_path, right, wrong):
    path = tmp_path / "page.md"
    page = "---\n---\nA page. First words. {}, and more.\n\nLast words.\n"
    path.write_text(page.format(right), encoding="utf-8")
    read = " ".join(marks(path))
    assert unread(path, read) == []
    path.write_text(page.format(wrong), encoding="utf-8")
    (changed,) = unread(path, read)
    assert changed.endswith("and more.")
    # A sentence that is gone is seen as well, where the next one stands.
    path.write_text(page.replace("{}, and more.", "").format(), encoding="utf-8")
    assert unread(path, read)
