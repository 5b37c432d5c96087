"""The whole book as one PDF: the built pages put together and printed by a browser.

One document and one printing, so that contents, page numbers, links between chapters and the
alternative texts of pictures are those of a book.
"""

from __future__ import annotations

import posixpath
import shutil
from pathlib import Path
from urllib.parse import urlsplit

from bs4 import BeautifulSoup, Tag
from playwright.sync_api import Browser, PdfMargins, sync_playwright
from sphinx_external_toc.parsing import parse_toc_yaml

from bookbuild.book import Book

# As the browser tests start it: a container has no sandbox to offer.
_FLAGS = ["--no-sandbox", "--disable-gpu"]
_FOOT = """
<div style="width: 100%; font: 8pt system-ui, sans-serif; text-align: center; color: #4b5563">
<span class="pageNumber"></span></div>
"""
_WHOLE = """\
<!DOCTYPE html>
<html lang="en" data-theme="light"><head>
<meta charset="utf-8"><title>Truncated Time</title>
</head><body></body></html>
"""
_MARGIN: PdfMargins = {"top": "18mm", "bottom": "18mm", "left": "17mm", "right": "17mm"}


def make(book: Book) -> Path:
    """Print the built pages; return where the PDF is.

    Raises
    ------
    playwright.sync_api.Error
        If no browser is found, or if a page does not finish.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=_FLAGS)
        write(book, browser, book.pdf)
        browser.close()
    for stale in book.pdf.parents[1].iterdir():
        if stale != book.pdf.parent:
            shutil.rmtree(stale)
    return book.pdf


def write(book: Book, browser: Browser, target: Path) -> None:
    """Print the built pages with a browser that runs.

    Parameters
    ----------
    book : Book
        A book whose pages are built.
    browser : Browser
        Chromium: no other browser prints from a script.
    target : Path
        Where the PDF goes.
    """
    whole = book.html / "whole-book.html"  # beside the pages, whose styles and scripts it needs
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        whole.write_text(together(book), encoding="utf-8")
        page = browser.new_page(color_scheme="light")
        page.goto(whole.as_uri())
        page.wait_for_function("document.documentElement.dataset.maths", timeout=120_000)
        page.pdf(
            path=target,
            format="A4",
            margin=_MARGIN,
            print_background=True,
            display_header_footer=True,
            header_template="<span></span>",
            footer_template=_FOOT,
            tagged=True,
            outline=True,
        )
        page.close()
    finally:
        whole.unlink(missing_ok=True)


def together(book: Book) -> str:
    """Return one page with every chapter's text, its links leading within it."""
    toc = parse_toc_yaml(book.root / "_toc.yml")
    first = toc.root.docname
    names = [first, *(name for name in toc if name != first)]
    whole = BeautifulSoup(_WHOLE, "html.parser")
    head, body = whole.select("head, body")
    seen = set()
    for name in names:
        path = book.html / f"{name}.html"
        page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        (article,) = page.select("article.bd-article")
        for needed in page.select("head link[rel=stylesheet], head script"):
            if needed.get("src") or needed.get("href"):
                _from_root(needed, name)
            if str(needed) not in seen:
                seen.add(str(needed))
                head.append(needed.extract())
        for script in article.select("script[type^='application/']"):
            script.decompose()
        for image in article.select("img[src]"):
            _from_root(image, name)
        for tag in article.select("[id]"):
            tag["id"] = _anchor(name, str(tag["id"]))
        for link in article.select("[href]"):
            if (target := _within(name, names, str(link["href"]))) is None:
                del link["href"]  # the index and the search are not in the file
            else:
                link["href"] = target
        article["id"] = _anchor(name)
        body.append(article)
    return str(whole)


def _anchor(name: str, fragment: str = "") -> str:
    return f"{name.replace('/', '-')}--{fragment}"


def _from_root(tag: Tag, name: str) -> None:
    attribute = "src" if tag.get("src") else "href"
    if not urlsplit(str(tag[attribute])).scheme:
        tag[attribute] = posixpath.normpath(
            posixpath.join(posixpath.dirname(name), str(tag[attribute]))
        )


def _within(name: str, names: list[str], href: str) -> str | None:
    link = urlsplit(href)
    if link.scheme or link.netloc:
        return href
    target = name
    if link.path:
        joined = posixpath.normpath(posixpath.join(posixpath.dirname(name), link.path))
        target = joined.removesuffix(".html")
    return f"#{_anchor(target, link.fragment)}" if target in names else None
