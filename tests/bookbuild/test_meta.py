"""What machines read of a book with an address, and of one without."""

import os
import re
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from bs4 import BeautifulSoup
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from tbptt import Truncation

CARD = Path(__file__).parents[2] / "code/bookbuild/published/card.png"
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
    (bare / "_toc.yml").write_text(
        "format: jb-book\nroot: chapters/index\nchapters:\n  - file: chapters/second\n"
    )
    (bare / "chapters" / "second.md").write_text("# Another\n\nSo that there is a menu.\n")
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
    mapped = (site / "sitemap.xml").read_text()
    assert re.findall("<loc>(.*?)</loc>", mapped) == [here, here.replace("index", "second")]
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


def draw(path):
    """Draw the picture that goes with a shared link: the title beside the one picture."""
    figure = Figure(figsize=(12, 6.3), dpi=100, facecolor="white")
    FigureCanvasAgg(figure)
    figure.text(0.05, 0.82, "Truncated Time", size=50, weight="bold", color="#1f2937")
    figure.text(
        0.05, 0.72, "Windows, state and gradients in recurrent networks", size=24, color="#4b5563"
    )
    for column, (name, k1, k2) in enumerate(
        [
            ("epochwise: k1 = k2 = 4", 4, 4),
            ("true: k1 = 1, k2 = 4", 1, 4),
            ("between: k1 = 3, k2 = 6", 3, 6),
        ]
    ):
        axes = figure.add_axes((0.05 + 0.31 * column, 0.07, 0.28, 0.53))
        reach = Truncation(k1, k2).reach(16).astype(int) + np.eye(16, dtype=int)
        colours = ListedColormap(["#ffffff", "#0d9488", "#ea580c"])  # the figures' own
        axes.pcolormesh(reach, cmap=colours, edgecolor="white", linewidth=2)
        axes.invert_yaxis()
        axes.set_title(name, size=17, color="#1f2937", loc="left")
        axes.axis("off")
    figure.savefig(path, metadata={"Software": None})


def test_the_card_shows_what_truncations_reach_today_and_is_as_large_as_previews_want(tmp_path):
    draw(tmp_path / "card.png")
    now, kept = (matplotlib.image.imread(path) for path in (tmp_path / "card.png", CARD))
    assert kept.shape[:2] == (630, 1200)
    assert np.abs(now - kept).mean() < 0.01, "draw it again, into code/bookbuild/published"
    assert CARD.stat().st_size < 100_000
