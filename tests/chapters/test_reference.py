"""Notation, glossary, index and the line under each title."""

import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

CHAPTERS = Path(__file__).parents[2] / "chapters"
TEXTS = {path.stem: path.read_text(encoding="utf-8") for path in sorted(CHAPTERS.glob("*.md"))}
# A chapter says what its reader will be able to do.
NAMES = [name for name, text in TEXTS.items() if "**You will be able to**" in text]
GLOSSARY = re.search(r"^```\{glossary\}\n:sorted:\n\n(.*?)^```", TEXTS["glossary"], re.S | re.M)[1]
ENTRIES = [
    (re.findall(r"^(\S.*)\n", entry, re.M), " ".join(re.findall(r"^  (.*)", entry, re.M)))
    for entry in GLOSSARY.split("\n\n")
]
TERMS = {word for words, _ in ENTRIES for word in words}


ROLE = re.compile(r"\{term\}`([^`<]+?)(?: <([^>]+)>)?`")
# Words that are also something else in this book stand before in another sense.
AMBIGUOUS = {"error", "graph", "pass", "row", "leak of the state", "probe"}


def linked(text):
    """Return which terms a text links, in order: the term, and what stands in the text."""
    by_lower = {term.lower(): term for term in TERMS}
    found = [(term or shown, shown) for shown, term in ROLE.findall(text)]
    return [(by_lower.get(term.lower(), term), shown) for term, shown in found]


def prose(text):
    """Return the words before the exercises, where a first use would be; links in brackets."""
    text = ROLE.sub(r"<<\1>>", text.split("## Exercises")[0].split("---\n", 2)[-1])
    text = re.sub(
        r"^(`{3,})\{?(code-cell|console|python|index).*?^\1$", "", text, flags=re.S | re.M
    )
    text = re.sub(r"\$\$.*?\$\$", "", text, flags=re.S)
    text = re.sub(r"^(#|:\w+:|```).*$", "", text, flags=re.M)
    return re.sub(r"\{[\w:-]+\}`[^`]*`|`[^`]*`|\[[^\]]*\]\([^)]*\)", "", text)


def test_a_definition_is_short_and_names_its_chapter():
    assert len(TERMS) >= 40
    for words, meaning in ENTRIES:
        assert meaning.count(". ") <= 4, words
        assert len(meaning) < 300, words
        assert re.search(r"\]\(([\w-]+)\.md\)", meaning), words


@pytest.mark.parametrize("name", NAMES)
def test_a_chapter_links_its_terms(name):
    terms = [term for term, _ in linked(TEXTS[name])]
    assert len(terms) == len(set(terms)) >= 4
    assert set(terms) <= TERMS


@pytest.mark.parametrize("name", NAMES)
def test_the_link_is_at_the_first_use(name):
    text = prose(TEXTS[name])
    for term, shown in linked(TEXTS[name]):
        if term not in AMBIGUOUS:
            before = re.sub(r"<<.*?>>", "", text[: text.index(f"<<{shown}>>")], flags=re.S)
            assert not re.search(rf"(?<![\w-]){re.escape(shown)}(?![\w-])", before), (term, shown)


def test_every_term_is_linked_from_somewhere():
    seen = {term for text in TEXTS.values() for term, _ in linked(text)}
    # Of several words for one thing, one is enough.
    assert [words for words, _ in ENTRIES if not seen & set(words)] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_line_under_the_title(book, name):
    assert re.search(r"^# .*\n\n```\{needs\}\n", TEXTS[name], re.M), "put {needs} under the title"
    assert "You need " not in prose(TEXTS[name])[:4000]
    page = BeautifulSoup((book.html / f"chapters/{name}.html").read_text(), "html.parser")
    article = page.select_one("article.bd-article")
    (line,) = article.select("p.needs")
    assert line.find_previous_sibling().name == "h1"
    told = " ".join(line.get_text().split())
    minutes = int(re.fullmatch(r"About (\d+) minutes\. You need .*\.", told)[1])
    # Counted another way, by the same pace: words of the built page, lines of the source.
    predictions = len(
        [box for box in article.select(".admonition-title") if box.text.startswith("Predict")]
    )
    explorers = len(article.select(".explorer"))
    for part in article.select(".cell, .exercise, .solution, .math, script, .explorer"):
        part.decompose()
    before, *_ = TEXTS[name].split("## Exercises")
    cells = re.findall(r"^```\{code-cell\}[^\n]*\n(.*?)^```", before, re.S | re.M)
    shown = [cell for cell in cells if "hide-input" not in cell and "remove-cell" not in cell]
    lines = sum(len(cell.splitlines()) for cell in shown)
    words = len(article.get_text(" ").split())
    assert abs(minutes - words / 120 - lines / 10 - predictions - 2 * explorers) <= 5


def test_the_index_has_words_functions_and_what_people_look_up(book):
    page = BeautifulSoup((book.html / "genindex.html").read_text(), "html.parser")
    entries = page.select_one("article.bd-article").get_text(" ")
    for entry in ("lane", "reach", "retain_graph", "truncate_gradient", "pack_padded_sequence"):
        assert entry in entries
    assert "backward() (in module tbptt.pytorch)" in " ".join(entries.split())
    for name in ("index", "glossary", "api"):
        links = BeautifulSoup((book.html / f"chapters/{name}.html").read_text(), "html.parser")
        assert links.select('article a[href="../genindex.html"]')


def test_notation_has_the_letters_that_chapters_define():
    for letter in ("h_t", "J_t", "a_s", r"\ell_s", r"\theta_s", "e_t", r"\pi", "H(q)", "W", "L"):
        assert f"${letter}$" in TEXTS["notation"] or f"${letter}" in TEXTS["notation"], letter
