"""What machines read of a book with an address, and of one without."""

import os
import re
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import pytest
from bs4 import BeautifulSoup

from bookbuild import card

SITE = "https://example.org/time"
# Long enough to be cut, in the middle of a word.
WORDS = "These are the first words of a page, " * 4 + "and, at length, incomprehensibilities."


def build(root, **environment):
    subprocess.run(
        [sys.executable, "-m", "bookbuild", str(root)],
        env=os.environ | {"GITHUB_REPOSITORY": "", "BOOK_SITE": ""} | environment,
        capture_output=True,
        check=True,
    )
    text = (root / "_build/html/chapters/index.html").read_text(encoding="utf-8")
    return BeautifulSoup(text, "html.parser")


def tag(page, name):
    (found,) = page.select(f'meta[property="{name}"], meta[name="{name}"]')
    return found["content"]


@pytest.mark.build
def test_addresses_are_whole_where_there_is_one_and_absent_where_not(bare):
    (bare / "_toc.yml").write_text("format: jb-book\nroot: chapters/index\n")
    (bare / "chapters" / "index.md").write_text(f"# A page\n\n{WORDS}\n")
    page = build(bare, BOOK_SITE=SITE)
    here = f"{SITE}/chapters/index.html"
    assert page.select_one("link[rel=canonical]")["href"] == tag(page, "og:url") == here
    assert tag(page, "og:title") == "A page"
    assert tag(page, "twitter:card") == "summary_large_image"
    picture = tag(page, "og:image").removeprefix(f"{SITE}/")
    assert (bare / "_build/html" / picture).is_file()
    described = tag(page, "description")
    assert tag(page, "og:description") == described
    assert described.endswith("…")
    assert WORDS.startswith(described[:-1])
    assert re.match(r"\W", WORDS[len(described) - 1 :])  # no word is cut
    site = bare / "_build/html"
    assert f"<loc>{here}</loc>" in (site / "sitemap.xml").read_text()
    assert f"Sitemap: {SITE}/sitemap.xml" in (site / "robots.txt").read_text()
    assert 'href="/time/chapters/index.html"' in (site / "404.html").read_text()
    assert 'href="chapters/index.html"' in (site / "index.html").read_text()

    page = build(bare)
    assert not page.select(
        "link[rel=canonical], meta[property='og:url'], meta[property='og:image']"
    )
    assert tag(page, "description") == described
    assert not (site / "sitemap.xml").exists()
    assert not (site / "robots.txt").exists()


def test_the_card_is_the_same_in_every_build_and_as_large_as_previews_want(tmp_path):
    one, other = tmp_path / "one.png", tmp_path / "other.png"
    card.draw(one)
    card.draw(other)
    assert one.read_bytes() == other.read_bytes()
    assert matplotlib.image.imread(one).shape[:2] == (630, 1200)
    assert Path(one).stat().st_size < 100_000
