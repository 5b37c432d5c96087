"""What the theme, Sphinx and pandas write against the standards, mended in every page.

Each mend names the rule that it answers: HTML's content models, WAI-ARIA, or a reader's patience.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from bs4 import BeautifulSoup, Tag
from bs4.dammit import EntitySubstitution
from bs4.formatter import HTMLFormatter
from sphinx.jinja2glue import BuiltinTemplateLoader

# Sets the theme's colours before anything is painted, from what the reader chose or the system
# says. (The theme's own lines leave a choice of "auto" to a script that comes much later.)
_COLOURS = """
{ const root = document.documentElement, stored = (key) => {
    try { return localStorage.getItem(key) } catch { return null } };
  root.dataset.mode = stored("mode") || "auto";
  root.dataset.theme = root.dataset.mode !== "auto" ? root.dataset.mode
    : matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light" }
"""
_MATHS = r'class="[^"]*\bmath\b'
_HASHED = re.compile(r"\bR[0-9a-f]{12}-(?=\d)")
# What a page loads only if it has something for it: in a file's name, and in the page's body.
_NEEDS = {
    "sphinx-thebe": r"$^",
    "sphinx-design": r"\bsd-",
    "design-tabs": r"\bsd-",
    "exercise.css": r'class="[^"]*(exercise|solution)',
    "togglebutton": r'class="[^"]*(dropdown admonition|admonition[^"]* dropdown|toggle\b)',
    "clipboard": r'class="highlight',
    "copybutton": r'class="highlight',
    "mathjax": _MATHS,
    "maths.js": _MATHS,
}


class _Plain(HTMLFormatter):
    """Attributes in their order, characters as they are, nothing closed that HTML leaves open."""

    def attributes(self, tag: Tag) -> Iterable[tuple[str, Any]]:
        return [(name, None if value == "" else value) for name, value in tag.attrs.items()]


_PLAIN = _Plain(EntitySubstitution.substitute_xml, void_element_close_prefix="")


class Pages(BuiltinTemplateLoader):
    """Sphinx's templates, and a look at the page that comes out of them."""

    def render(self, template: str, context: dict[str, Any]) -> str:  # type: ignore[override]
        """Render a template; mend it if it is a page."""
        made = super().render(template, context)
        return mended(made) if "<html" in made else made  # the theme asks for parts of pages too


def mended(page: str) -> str:
    """Mend a whole page.

    Parameters
    ----------
    page : str
        A page as the theme writes it.

    Returns
    -------
    str
        The same page for a reader's eyes; mending it again changes nothing.
    """
    soup = BeautifulSoup(page, "html.parser")
    for mend in (_head, _landmarks, _controls, _tables, _folds, _citations, _references):
        mend(soup)
    for drawing in soup.find_all("svg", viewbox=True):  # HTML has no capitals, SVG has
        drawing["viewBox"] = drawing.attrs.pop("viewbox")
    return soup.decode(formatter=_PLAIN)


def needed(name: str, body: str) -> bool:
    """Tell whether a page with this body has a use for a style or a script."""
    return all(re.search(sign, body) for part, sign in _NEEDS.items() if part in name)


def _head(soup: BeautifulSoup) -> None:
    head = soup.head
    if not (head and soup.html):
        return
    for repeated in head.select('meta[name="viewport"]')[1:]:
        repeated.decompose()
    soup.html["data-theme"] = "light"  # where no script runs
    for script in head.find_all("script"):
        words = script.string or ""
        if "data-cfasync" in script.attrs:
            script.attrs, script.string = {}, _COLOURS
        elif script.get("src"):
            script["defer"] = ""  # none of them may keep the text waiting
        elif "DOCUMENTATION_OPTIONS.pagename" in words:
            script.decompose()  # thebe's, which this book does not have


def _landmarks(soup: BeautifulSoup) -> None:
    for contents in soup.select("#jb-print-docs-body"):
        contents.decompose()  # a second first heading
    for start in soup.select("div.sidebar-primary-items__start"):
        start.name, start["aria-label"] = "section", "The book"
    for contents in soup.select("nav.bd-toc-nav"):
        contents["aria-label"] = "On this page"
    for caption in soup.select("nav p.caption[role=heading]"):
        del caption["role"], caption["aria-level"]  # the menu's words, and no part of the page
    for container in soup.select("#rtd-footer-container"):
        container.decompose()


def _controls(soup: BeautifulSoup) -> None:
    for icon in soup.select("i[class*='fa-']"):
        icon["aria-hidden"] = "true"  # drawn beside words, or in a button that has a name
    for button in soup.find_all("button", type=False):
        button["type"] = "button"
    for button in soup.select("button.sidebar-toggle[title]"):
        button["aria-label"] = button["title"]
    for branch in soup.select("li.has-children"):
        words = " ".join(link.get_text(strip=True) for link in branch.select(":scope > a"))
        for toggle in branch.select(":scope > details > summary"):
            toggle["aria-label"] = f"Pages below: {words}"
    for link in soup.select("a[target=_blank]"):
        link["rel"] = "noopener"
    for link in soup.select("a[href*='_downloads/']"):
        link["download"] = ""
    for field in soup.select(".bd-search-container #search-input"):
        field["id"] = "search-page-input"  # the one that Ctrl+K opens is there as well


def _tables(soup: BeautifulSoup) -> None:
    for table in soup.find_all("table"):
        for style in table.find_previous_siblings("style"):
            style.decompose()  # pandas puts one in front of every table; book.css has it once
        if "dataframe" in table.get_attribute_list("class"):
            table.attrs.pop("border", None)
        for cell in table.find_all(["th", "td"]):
            for attribute in ("halign", "valign"):
                cell.attrs.pop(attribute, None)
            if cell.name == "th":
                _scope(cell)


def _scope(cell: Tag) -> None:
    if not cell.get_text(strip=True):
        cell.name = "td"  # a header without a word heads nothing
    elif cell.find_parent("thead"):
        cell["scope"] = "colgroup" if cell.get("colspan") else "col"
    else:
        cell["scope"] = "rowgroup" if cell.get("rowspan") else "row"


def _folds(soup: BeautifulSoup) -> None:
    for summary in soup.find_all("summary"):
        if summary.get_text(strip=True):
            summary.attrs.pop("aria-label", None)  # what is written on it is its name
        for words in summary.find_all("p"):
            words.name = "span"


def _citations(soup: BeautifulSoup) -> None:
    for entries in soup.select("div.citation-list"):
        del entries["role"]
        for entry in entries.select(".citation"):
            del entry["role"]  # doc-biblioentry has been withdrawn


def _references(soup: BeautifulSoup) -> None:
    # Every docstring counts its references from 1; numpydoc makes them differ by a hash.
    for label in soup.find_all(string=_HASHED):
        label.replace_with(_HASHED.sub("", str(label)))
    seen: set[str] = set()
    for link in soup.select("a.reference[id][href^='#']"):
        first, number = str(link["id"]), 2
        while link["id"] in seen:
            link["id"], number = f"{first}-{number}", number + 1
        seen.add(str(link["id"]))
        for back in soup.select(f'[id="{str(link["href"])[1:]}"] a[href="#{first}"]'):
            back["href"] = f"#{link['id']}"
