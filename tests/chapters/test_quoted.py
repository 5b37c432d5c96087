"""Sentences with claims say what they said when they were last read against their results."""

import json

import pytest

from quoted import HERE, READ, claims, digest


@pytest.mark.parametrize("path", READ, ids=lambda path: path.stem)
def test_claims_stand_where_they_were_found_right(path):
    read = json.loads(HERE.read_text(encoding="utf-8"))
    assert digest(path) == read.get(path.stem), (
        f"Claims of {path.name}, or words around them, are not those that were found right: "
        "read again what changed there, then run `python tests/quoted.py`."
    )


def test_every_page_that_was_read_is_there():
    assert set(json.loads(HERE.read_text(encoding="utf-8"))) == {path.stem for path in READ}


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
        ("## Exercises\n\nYou need at least 5 steps", "## Exercises\n\nYou need at least 6 steps"),
    ],
)
def test_another_number_or_another_word_beside_it_is_noticed(tmp_path, right, wrong):
    said = []
    for words in (right, wrong):
        path = tmp_path / "page.md"
        path.write_text(f"---\n---\nA page. {words}, and more.\n", encoding="utf-8")
        assert claims(path)
        said.append(digest(path))
    assert said[0] != said[1]
