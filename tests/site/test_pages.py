"""The built pages as files: links, alternative texts, addresses."""

import gzip
import json
import re
from collections import Counter
from fnmatch import fnmatch
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

# Whose the static files are; "" for the book's own, for the licences themselves, and for what
# Sphinx writes about the book.
OWNERS = {
    "book/widgets/*": "@jupyter-widgets/html-manager",
    "book/stix-two-math.woff2": "@fontsource/stix-two-math",
    "book/*": "",
    "favicon.svg": "",
    "wordmark*.svg": "",
    "*licences.txt": "",
    "pygments.css": "pygments",
    "copy*": "sphinx-copybutton",
    "clipboard.min.js": "clipboard.js",
    "exercise.css": "sphinx-exercise",
    "mystnb.*.css": "myst-nb",
    "sphinx-design.min.css": "sphinx-design",
    "design-tabs.js": "sphinx-design",
    "togglebutton.*": "sphinx-togglebutton",
    "*/sphinx-book-theme.*": "sphinx-book-theme",
    "*/bootstrap.*": "Bootstrap",
    "vendor/fontawesome/*": "pydata-sphinx-theme",
    "scripts/*": "pydata-sphinx-theme",
    "styles/*": "pydata-sphinx-theme",
    "images/*": "sphinx-book-theme",
    **dict.fromkeys(
        ("basic.css", "doctools.js", "documentation_options.js", "*.png", "language_data.js"),
        "sphinx",
    ),
    **dict.fromkeys(("searchtools.js", "sphinx_highlight.js"), "sphinx"),
}
VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"


@pytest.fixture(scope="session")
def pages(book):
    """Parse every built page: path to soup."""
    return {
        path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for path in sorted(book.html.rglob("*.html"))
        if "_static" not in path.parts
    }


def test_every_chapter_of_the_table_of_contents_is_there(book, pages):
    for name in ("index", "bptt", "windowing", "truncation", "bibliography"):
        assert book.html / f"chapters/{name}.html" in pages


def broken_links(root, pages):
    """List the links within the site that lead nowhere."""
    broken = []
    for path, soup in pages.items():
        for tag in soup.select("[href], [src]"):
            link = urlsplit(tag.get("href") or tag.get("src"))
            if link.scheme or link.netloc:
                continue
            # The page for lost links is shown at any depth, so it counts from the top.
            place = unquote(link.path).removeprefix("/")
            start = root if link.path.startswith("/") else path.parent
            target = (start / place).resolve() if link.path else path
            if link.path.startswith("/"):
                assert path.name == "404.html", link.geturl()
            if not target.is_file():
                broken.append(f"{path.name}: {link.geturl()}")
            elif link.fragment and target in pages:
                fragment = unquote(link.fragment)
                if not pages[target].find(id=fragment) and fragment != "main-content":
                    broken.append(f"{path.name}: {link.geturl()}")
    return broken


def test_every_link_within_the_book_leads_somewhere(book, pages):
    assert broken_links(book.html, pages) == []


@pytest.fixture
def altered(book):
    """Return a function that parses a page of the book after a fault was put into its text."""

    def alter(name, old, new):
        path = book.html / "chapters" / f"{name}.html"
        whole = path.read_text(encoding="utf-8")
        assert old in whole
        return {path: BeautifulSoup(whole.replace(old, new), "html.parser")}

    return alter


def test_a_link_to_a_missing_file_or_place_is_seen(book, altered):
    for new in ("gone.html", "#gone"):
        page = altered("bptt", 'href="windowing.html"', f'href="{new}"')
        assert set(broken_links(book.html, page)) == {f"bptt.html: {new}"}


def test_no_id_is_given_twice(pages):
    for path, soup in pages.items():
        ids = Counter(tag["id"] for tag in soup.select("[id]"))
        assert [name for name, times in ids.items() if times > 1] == [], path.name


OUTSIDE = re.compile(r"^(https?:)?//")


def loaded_from_elsewhere(pages):
    """List what pages load from other sites."""
    return [
        f"{path.name}: {tag.get('src') or tag.get('href')}"
        for path, soup in pages.items()
        for tag in soup.select("script[src], img[src], iframe[src], source[src], link[href]")
        if OUTSIDE.match(tag.get("src") or tag.get("href"))
        and tag.get("rel") not in (["canonical"], ["license"])
    ]


def test_nothing_is_loaded_from_elsewhere(book, pages):
    assert loaded_from_elsewhere(pages) == []
    styles = [
        f"{path.name}: {address}"
        for path in book.html.rglob("*.css")
        for address in re.findall(
            r"(?:url\(|@import)\s*['\"]?((?:https?:)?//[^'\")]+)", path.read_text()
        )
    ]
    assert styles == []


def test_a_page_that_loads_from_elsewhere_is_seen(altered):
    script = '<script src="https://example.org/a.js"></script></body>'
    page = altered("bptt", "</body>", script)
    assert loaded_from_elsewhere(page) == ["bptt.html: https://example.org/a.js"]


def assert_described(pages):
    for path, soup in pages.items():
        for image in soup.find_all("img"):
            assert image.get("alt", "").strip(), f"{path.name}: {image}"
        for drawing in soup.select(".explorer-still svg"):
            assert drawing.get("role") == "img", path.name
            assert drawing.find("title").get_text(strip=True), path.name


def test_every_image_has_an_alternative_text(pages):
    assert_described(pages)


def test_a_picture_without_an_alternative_text_is_seen(altered):
    with pytest.raises(AssertionError, match=r"bptt\.html"):
        assert_described(altered("bptt", "</article>", '<img src="a.png"></article>'))


def assert_explorers_whole(pages):
    """Assert that each explorer has its frames and its still; return how many there are."""
    explorers = 0
    for path, soup in pages.items():
        views = soup.find_all("script", type=VIEW)
        states = soup.find_all("script", type=STATE)
        assert len(states) == (1 if views else 0), path.name
        for view in views:
            explorers += 1
            model = json.loads(view.string)["model_id"]
            assert model in json.loads(states[0].string)["state"]
            still = view.find_parent(class_="explorer").find(class_="explorer-still")
            assert still.find("svg")
            assert still.find("button").get_text().startswith("Start the sliders")
        if views:
            # The frames come after the words.
            whole = path.read_text(encoding="utf-8")
            assert whole.index(STATE) > whole.rindex("</section>")
    return explorers


def test_every_explorer_has_its_state_and_its_still(pages):
    assert assert_explorers_whole(pages) >= 4


def test_a_slider_without_its_frames_is_seen(altered):
    with pytest.raises(AssertionError, match=r"bptt\.html"):
        assert_explorers_whole(altered("bptt", f'type="{STATE}"', 'type="text/plain"'))


def test_frames_are_light(pages):
    for path, soup in pages.items():
        for view in soup.find_all("script", type=VIEW):
            states = json.loads(soup.find("script", type=STATE).string)["state"]
            frames, stack = {}, [json.loads(view.string)["model_id"]]
            while stack:
                name = stack.pop()
                state = states[name]["state"]
                stack += [one.removeprefix("IPY_MODEL_") for one in state.get("children", [])]
                if state["_model_name"] == "HTMLModel":
                    frames[name] = state["value"]
            together = "\n".join(frames.values()).encode()
            assert len(together) <= 1_000_000, path.name
            assert len(gzip.compress(together)) <= 60_000, path.name


def test_no_button_leads_nowhere(pages):
    for path, soup in pages.items():
        for link in soup.select("a.btn[href]"):
            assert "None" not in link["href"], path.name
            assert "github.com/executablebooks" not in link["href"], path.name


def test_no_trace_of_the_machine(book, pages):
    for path in pages:
        assert str(book.root) not in path.read_text(encoding="utf-8"), path.name


def addresses(soup):
    """Yield where a page leads to; the theme's script writes the image of the dark theme."""
    for tag in soup.select("link[href], [src], a[href]"):
        yield tag.get("href") or tag.get("src")
    for script in soup.select("script"):
        yield from re.findall(r'document\.write\(`<img src="([^"]+)"', script.text)


def unloaded(root, pages):
    """List the static files that no page leads to: by address, or in scripts by name."""
    waiting = {
        (path.parent / urlsplit(address).path).resolve()
        for path, soup in pages.items()
        for address in addresses(soup)
        if not urlsplit(address).scheme
    }
    static = (root / "_static").resolve()
    left = {path for path in static.rglob("*") if path.is_file()}
    while waiting := waiting & left:
        left -= waiting
        reached = set()
        for path in waiting:
            if path.suffix == ".css":
                named = re.findall(r"(?:url\(|@import )['\"]?([^'\")?#]+)", path.read_text("utf-8"))
                reached |= {(path.parent / address).resolve() for address in named}
            elif path.suffix == ".js":
                names = set(re.findall(r"[\w-][\w.-]*\.\w+", path.read_text("utf-8")))
                reached |= {file for file in left if file.name in names}
        waiting = reached
    return sorted(path.relative_to(static).as_posix() for path in left)


def test_every_file_is_loaded_by_some_page(book, pages):
    # A notice stands beside the script whose comment names it.
    idle = [name for name in unloaded(book.html, pages) if not name.endswith("LICENSE.txt")]
    assert idle == []
    kinds = {path.suffix for path in (book.html / "_static").rglob("*")}
    assert not kinds & {".map", ".ttf", ".po", ".mo"}


def test_a_file_that_no_page_loads_is_seen(tmp_path):
    names = ("page.js", "by-script.svg", "page.css", "more.css", "by-style.svg", "nobody.svg")
    for name in names:
        (tmp_path / "_static" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "_static" / name).touch()
    (tmp_path / "_static/page.js").write_text("fetch(base + 'a/by-script.svg')")
    (tmp_path / "_static/page.css").write_text(
        "@import 'more.css'; a { cursor: url(by-style.svg) }"
    )
    html = "<link href='_static/page.css'><script src='_static/page.js?v=1'></script>"
    soup = BeautifulSoup(html, "html.parser")
    assert unloaded(tmp_path, {tmp_path / "index.html": soup}) == ["nobody.svg"]


def test_licences_of_others_are_there_and_a_link_from_every_page(book, pages):
    static = book.html / "_static"
    words = (static / "licences.txt").read_text(encoding="utf-8")
    for path in static.rglob("*"):
        if path.is_file():
            name = path.relative_to(static).as_posix()
            owners = [owner for pattern, owner in OWNERS.items() if fnmatch(name, pattern)]
            assert owners, f"whose is {name}?"
            assert owners[0] in words, name
    for owner in {*OWNERS.values()} - {"", "Bootstrap", "clipboard.js"}:
        (part,) = re.findall(rf"^{re.escape(owner)} [\d.]+\n=+\n\n(.+)", words, re.MULTILINE)
        assert part
    for path, soup in pages.items():
        if path != book.html / "index.html":
            assert soup.select("a[href$='licences.txt']"), path.name
