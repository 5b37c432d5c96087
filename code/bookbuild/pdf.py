"""The whole book as one PDF: Sphinx's single page, printed twice by a browser.

Chromium sets formulas, pictures and running heads as the pages do. What it lacks is the number of
the page that a link leads to: the first printing tells, and the second one has it in the contents.
"""

from __future__ import annotations

import shutil
from io import BytesIO
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from pypdf import PdfReader

from bookbuild.book import Book

# As the browser tests start it: a container has no sandbox to offer.
_FLAGS = ["--no-sandbox", "--disable-gpu"]
# Every chapter is a named page, whose head has its title.
_HEADS = """() => {
  const rules = [...document.querySelectorAll("section:has(> h1)")].map((chapter, number) => {
    const title = chapter.querySelector("h1").cloneNode(true);
    title.querySelectorAll(".headerlink").forEach((link) => link.remove());
    chapter.style.page = `chapter${number}`;
    const words = JSON.stringify(title.textContent.trim().replace(/\\s+/g, " "));
    return `@page chapter${number} { @top-right {
      content: ${words}; font: 8.5pt Sans; color: #4b5563; } }`;
  });
  document.head.appendChild(document.createElement("style")).textContent = rules.join("\\n");
}"""
_NUMBERS = """(pages) => {
  for (const link of document.querySelectorAll("nav.contents a")) {
    link.dataset.page = pages[decodeURIComponent(link.hash.slice(1))];
  }
}"""


def make(book: Book) -> Path:
    """Print the single page; return where the PDF is.

    Raises
    ------
    playwright.sync_api.Error
        If no browser is found, or if the page does not finish.
    KeyError
        If the contents name a place that is not in the book.
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
    """Print the single page with a browser that runs.

    Parameters
    ----------
    book : Book
        A book whose single page is built.
    browser : Browser
        Chromium: no other browser prints from a script.
    target : Path
        Where the PDF goes.
    """
    page = browser.new_page(color_scheme="light")
    page.goto(book.single_page.as_uri())
    page.evaluate("document.fonts.ready")
    page.evaluate(_HEADS)
    first = PdfReader(BytesIO(_print(page)))
    numbers = {
        name.removeprefix("/"): 1 + first.get_destination_page_number(place)
        for name, place in first.named_destinations.items()
    }
    page.evaluate(_NUMBERS, numbers)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(_print(page))
    page.close()


def _print(page: Page) -> bytes:
    return page.pdf(prefer_css_page_size=True, print_background=True, tagged=True, outline=True)
