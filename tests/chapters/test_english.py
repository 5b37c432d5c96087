"""Words that readers had to read twice, and what is written in their place."""

import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INSTEAD = {
    r"behind": 'after, past; "worse" of a result',
    r"anew": "again",
    r"midst": "in the middle of",
    r"in silence": "silently",
    r"owed": "because of",
    r"mended": "fixed, cured",
    r"seldom": "rarely",
    r"whoever": "if you",
    r"mind that": "remember that",
    r"of above": "from above",
    r"besides?": "next to, compared with, as well as",
    r"ten times (longer|more) neither": "not even after ten times as many",
    r"nobody (checks|resets|sets|clears)": "nothing does",
}
PAGES = sorted((ROOT / "chapters").rglob("*.md"))
OTHER = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]


def words(path: Path) -> str:
    """Return a page's words, its exercises' too, without code."""
    text = re.sub(r"^(`{3,})\{?(code-cell|console|bibtex|index|glue).*?^\1$", "",
                  path.read_text("utf-8"), flags=re.S | re.M)  # fmt: skip
    return " ".join(re.sub(r"`[^`\n]*`", "", text).split())


def texts_of(path: Path) -> Iterator[str]:
    """Yield docstrings, messages and comments: what is no name of anything."""
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type in (tokenize.STRING, tokenize.COMMENT):
                yield re.sub(r"``?[^`]*``?|\{[^}]*\}", "", token.string)


def plain(text: str) -> None:
    """Fail where a word of the list is in a text."""
    for pattern, instead in INSTEAD.items():
        found = re.search(rf".{{0,30}}\b{pattern}\b.{{0,30}}", text, re.I)
        assert not found, f"...{found[0]}...: write {instead}"


@pytest.mark.parametrize("path", [*PAGES, *OTHER], ids=lambda path: path.stem)
def test_a_page_is_plain_english(path):
    plain(words(path))


@pytest.mark.parametrize("package", ["tbptt", "truncated_time", "bookbuild"])
def test_docstrings_messages_and_comments_are_plain_english(package):
    for path in (ROOT / "code" / package).rglob("*.py"):
        for text in texts_of(path):
            plain(" ".join(text.split()))
