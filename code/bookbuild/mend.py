"""What the theme, docutils, numpydoc and pandas do against the standards, put right in all pages.

Ours: no template reaches these places, which are made in Python, or amid large templates of which a
copy would have to follow every release. The rules are HTML's content models and WAI-ARIA.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup, Tag
from bs4.dammit import EntitySubstitution
from bs4.formatter import HTMLFormatter

HASHED = re.compile(r"\bR[0-9a-f]{12}-(?=\d)")
# What a page loads only if it has something for it: in a file's name, and in the page's body.
_NEEDS = {
    "sphinx-design": r"\bsd-",
    "design-tabs": r"\bsd-",
    "exercise.css": r'class="[^"]*(exercise|solution)',
    "togglebutton": r'class="[^"]*(dropdown admonition|admonition[^"]* dropdown|toggle\b)',
    "clipboard": r'class="highlight',
    "copybutton": r'class="highlight',
}


class _Plain(HTMLFormatter):
    """Attributes in their order, characters as they are, nothing closed that HTML leaves open."""

    def attributes(self, tag: Tag) -> Iterable[tuple[str, Any]]:
        return [(name, None if value == "" else value) for name, value in tag.attrs.items()]


_PLAIN = _Plain(EntitySubstitution.substitute_xml, void_element_close_prefix="")


def needed(name: str, body: str) -> bool:
    """Tell whether a page with this body has a use for a style or a script."""
    return all(re.search(sign, body) for part, sign in _NEEDS.items() if part in name)


def mend(site: Path, kept: Path) -> None:
    """Mend the pages of a site, in place.

    The results are kept in a folder: most pages are as in the last build, and every build writes
    all of them.
    """
    before = {path.name: path.read_text(encoding="utf-8") for path in kept.glob("*")}
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    rules = Path(__file__).read_bytes()
    for path in site.rglob("*.html"):
        if "_static" not in path.parts:
            page = path.read_bytes()
            key = sha256(rules + page).hexdigest()
            text = before.get(key) or corrected(page.decode())
            for place in (path, kept / key):
                place.write_text(text, encoding="utf-8")


def corrected(page: str) -> str:
    """Return the same page for a reader's eyes; mending it again changes nothing."""
    soup = BeautifulSoup(page, "html.parser")
    for tag in soup.find_all(True):
        _mend(tag)
    if HASHED.search(page):
        _references(soup)
    return soup.decode(formatter=_PLAIN)


def _mend(tag: Tag) -> None:
    classes = set(tag.get_attribute_list("class"))
    match tag.name:
        case "html":
            tag["data-theme"] = "light"  # where no script runs
        case "meta" if tag.get("name") == "viewport":
            for repeated in tag.find_next_siblings("meta", attrs={"name": "viewport"}):
                repeated.extract()  # docutils has one, and so has Sphinx
        case "script" if "DOCUMENTATION_OPTIONS.pagename" in (tag.string or ""):
            tag.extract()  # for a choice of versions; it runs before what it changes is there
        case "script" if tag.get("src"):
            tag["defer"] = ""  # none of them may keep the text waiting
        case "div" if "sidebar-primary-items__start" in classes:
            tag.name, tag["aria-label"] = "section", "The book"
        case "div" if tag.get("id") == "rtd-footer-container":
            tag.extract()  # empty, for Read the Docs
        case "div" if classes & {"citation-list", "citation"}:
            tag.attrs.pop("role", None)  # doc-biblioentry has been withdrawn
        case "nav" if "bd-toc-nav" in classes:
            tag["aria-label"] = "On this page"
        case "p" if tag.get("role") == "heading" and tag.find_parent("nav"):
            del tag["role"], tag["aria-level"]  # the menu's words, and no part of the page
        case "i" if any(name.startswith("fa-") for name in classes):
            tag["aria-hidden"] = "true"  # drawn next to words, or in a button that has a name
        case "button":
            tag.attrs.setdefault("type", "button")
            if "sidebar-toggle" in classes:
                tag["aria-label"] = tag["title"]
        case "li" if "has-children" in classes:
            for toggle in tag.select(":scope > details > summary"):
                toggle["aria-label"] = f"Pages below: {tag.a.get_text(strip=True) if tag.a else ''}"
        case "summary":
            if tag.get_text(strip=True):
                tag.attrs.pop("aria-label", None)  # what is written on it is its name
            for words in tag.find_all("p"):
                words.name = "span"
        case "a":
            if tag.get("target") == "_blank":
                tag["rel"] = "noopener"
            if "_downloads/" in str(tag.get("href")):
                tag["download"] = ""
        case "input" if tag.get("id") == "search-input":
            if tag.find_parent(class_="bd-search-container"):
                tag["id"] = "search-page-input"  # the one that Ctrl+K opens is there as well
        case "table":
            for style in tag.find_previous_siblings("style"):
                style.extract()  # pandas puts one in front of every table; book.css has it once
            if "dataframe" in classes:
                tag.attrs.pop("border", None)  # pandas has an option, for each kernel to set
        case "td" | "th":
            _cell(tag)
        case "svg" if "viewbox" in tag.attrs:  # HTML has no capitals, SVG has
            tag["viewBox"] = tag.attrs.pop("viewbox")


def _cell(tag: Tag) -> None:
    for attribute in ("halign", "valign"):  # pandas', withdrawn from HTML
        tag.attrs.pop(attribute, None)
    if tag.name == "th" and not tag.get_text(strip=True):
        tag.name = "td"  # a header without a word heads nothing
    elif tag.name == "th":
        group, kind = ("colspan", "col") if tag.find_parent("thead") else ("rowspan", "row")
        tag["scope"] = f"{kind}group" if tag.get(group) else kind


def _references(soup: BeautifulSoup) -> None:
    """Count each docstring's references from 1; numpydoc tells them apart by a hash."""
    for label in soup.find_all(string=HASHED):
        label.replace_with(HASHED.sub("", str(label)))
    seen: set[str] = set()
    for link in soup.find_all("a", class_="reference", id=True, href=re.compile("^#")):
        first, number = str(link["id"]), 2
        while link["id"] in seen:
            link["id"], number = f"{first}-{number}", number + 1
        seen.add(str(link["id"]))
        if link["id"] != first and (target := soup.find(id=str(link["href"])[1:])):
            for back in target.find_all("a", href=f"#{first}"):
                back["href"] = f"#{link['id']}"
