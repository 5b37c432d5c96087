"""The whole book as one PDF: Sphinx's single page, printed twice by a browser.

Chromium sets formulas (MathML) and the labels of pictures as on the pages; WeasyPrint, which was
tried, loses both. What Chromium lacks is the number of the page that a link leads to: the first
printing tells, and the second has it in the contents.
"""

from __future__ import annotations

import shutil
from io import BytesIO
from pathlib import Path

import pikepdf
from playwright.sync_api import Browser, sync_playwright

from bookbuild.book import Book

_Contents = list[tuple[int, str, str]]
# As the browser tests start it: a container has no sandbox to offer.
_FLAGS = ["--no-sandbox", "--disable-gpu"]
# Every chapter is a named page, whose head has its title. And a link to a section leads to its
# heading: the section itself may begin on the page before, whose end has no room for the heading.
_HEADS = """() => {
  for (const heading of document.querySelectorAll("section > :is(h1, h2, h3, h4)")) {
    const section = heading.parentElement;
    heading.prepend(...section.querySelectorAll(":scope > span[id]:empty"));
    heading.id = section.id;
    section.removeAttribute("id");
  }
  const rules = [...document.querySelectorAll("section:has(> h1)")].map((chapter, number) => {
    const title = chapter.querySelector("h1").cloneNode(true);
    title.querySelectorAll(".headerlink").forEach((link) => link.remove());
    chapter.style.page = `chapter${number}`;
    const words = JSON.stringify(title.textContent.trim().replace(/\\s+/g, " "));
    if (title.textContent.trim() === document.title) return "";  // the head has it already
    return `@page chapter${number} { @top-right {
      content: ${words}; font: 8.5pt Sans; color: #4b5563; } }`;
  });
  document.head.appendChild(document.createElement("style")).textContent = rules.join("\\n");
}"""
# Write the numbers into the contents; return those as level, title and place.
_CONTENTS = """(pages) => [...document.querySelectorAll("nav.contents a")].map((link) => {
  const place = decodeURIComponent(link.hash.slice(1));
  link.dataset.page = pages[place] ?? "";
  return [link.closest(".toctree-l2") ? 2 : 1, link.textContent, place];
})"""


def make(book: Book) -> Path:
    """Print the single page; return where the PDF is.

    Raises
    ------
    playwright.sync_api.Error
        If no browser is found, or if the page does not finish.
    RuntimeError
        If the numbers in the contents move what they number.
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
    numbers = _places(_print(book, browser, {})[0])
    final, contents = _print(book, browser, numbers)
    if _places(final) != numbers:
        raise RuntimeError("The numbers in the contents move what they number: see paper.css.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with final:
        final.docinfo["/Author"] = book.author
        _outline(final, contents)
        # Tags are small objects by the ten thousand: packed together, a fifth of their size.
        packed = pikepdf.ObjectStreamMode.generate
        final.save(target, object_stream_mode=packed, recompress_flate=True)


def _print(book: Book, browser: Browser, numbers: dict[str, int]) -> tuple[pikepdf.Pdf, _Contents]:
    # A page of its own each time: one that was printed before is broken into pages otherwise.
    page = browser.new_page(color_scheme="light")
    page.goto(book.single_page.as_uri())
    page.evaluate("document.fonts.ready")
    page.evaluate(_HEADS)
    contents = page.evaluate(_CONTENTS, numbers)
    printed = page.pdf(prefer_css_page_size=True, print_background=True, tagged=True)
    page.close()
    return pikepdf.open(BytesIO(printed)), contents


def _outline(printed: pikepdf.Pdf, contents: _Contents) -> None:
    """Write the outline from the contents: level, title, place.

    The browser's own has no space where a title is broken, and a title in the book's fonts twice.
    """
    with printed.open_outline() as outline:
        for level, title, place in contents:
            entries = outline.root if level == 1 else outline.root[-1].children
            entries.append(pikepdf.OutlineItem(title, pikepdf.Name(f"/{place}")))


def _places(printed: pikepdf.Pdf) -> dict[str, int]:
    """Return the page of every place that a link leads to, counted from 1."""
    return {
        str(name).removeprefix("/"): 1 + pikepdf.Page(place[0]).index
        for name, place in printed.Root.Dests.items()
    }
