"""Every reference says where to find it, and is used."""

import re
from pathlib import Path

import pytest
from pybtex.database import parse_file

from truncated_time.shipped import table

CHAPTERS = Path(__file__).parents[2] / "chapters"
ENTRIES = parse_file(str(CHAPTERS / "references.bib")).entries
FIELDS = {
    "doi": r"10\.\d{4,}/\S+",
    "eprint": r"\d{4}\.\d{4,5}",
    "url": r"https://\S+",
}


@pytest.mark.parametrize("key", ENTRIES)
def test_an_entry_says_where_to_find_it(key):
    fields = ENTRIES[key].fields
    found = [name for name in FIELDS if name in fields]
    assert found, "add a doi, an eprint or a url"
    for name in found:
        assert re.fullmatch(FIELDS[name], fields[name]), name
    # An address in another field is no link.
    assert not any("http" in fields[name] for name in fields if name != "url")
    assert ENTRIES[key].persons.get("author")
    assert fields["title"]
    assert fields["year"]


def test_no_two_entries_are_the_same_thing():
    for name in FIELDS:
        values = [entry.fields[name] for entry in ENTRIES.values() if name in entry.fields]
        assert len(values) == len(set(values))


def test_every_entry_is_cited():
    text = "".join(path.read_text(encoding="utf-8") for path in CHAPTERS.rglob("*.md"))
    cited = {key for keys in re.findall(r"\{cite\}`([^`]+)`", text) for key in keys.split(",")}
    assert cited == set(ENTRIES)


def test_the_page_links_to_each(book):
    page = (book.html / "chapters/bibliography.html").read_text(encoding="utf-8")
    for key, entry in ENTRIES.items():
        address = {"doi": "https://doi.org/{}", "url": "{}", "eprint": "https://arxiv.org/abs/{}"}
        links = [form.format(entry.fields[n]) for n, form in address.items() if n in entry.fields]
        assert all(f'href="{link}"' in page for link in links), key


def test_published_figures_are_numbers_with_sources():
    rows = table("published.csv")
    assert len({row["key"] for row in rows}) == len(rows) > 5
    for row in rows:
        assert float(row["value"]) >= 0
        assert row["source"] in ENTRIES
