"""The whole book as one page, which `pdf` prints: what differs on paper.

Sphinx's own `singlehtml` builder puts the chapters together. It leaves ids alone, so that sections
of the same name in two chapters would share one: here each id begins with the name of its page.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.builders.singlehtml import SingleFileHTMLBuilder
from sphinx.config import Config
from sphinx.util.typing import ExtensionMetadata

from bookbuild import mend, stills
from bookbuild.book import Book

# What a cell shows of its outputs, the best first, as in pages.
_SHOWN = (
    "application/vnd.jupyter.widget-view+json",
    "text/html",
    "image/svg+xml",
    "image/png",
    "text/plain",
)
# Names in a PDF have at most 127 bytes.
_LONGEST = 120
# What a check says of an exercise that nobody has answered.
UNANSWERED = "Not yet answered"


class PaperBuilder(SingleFileHTMLBuilder):
    """Sphinx's own, under a name for which no extension has handlers that lack half the nodes."""

    name = "paper"

    def get_outfilename(self, pagename: str) -> str:
        """Put the page where its relative links take it to lie: at the top."""
        return str(Path(self.outdir) / Path(pagename).with_suffix(".html").name)

    def write_additional_files(self) -> None:
        """Write none: there is one page."""

    def fix_refuris(self, tree: nodes.Node) -> None:
        """Keep the page's name in links, which Sphinx takes out; the index is not in the book."""
        for link in list(tree.findall(nodes.reference)):
            address = str(link.get("refuri", ""))
            if address.startswith("#document-"):
                page, _, place = address.removeprefix("#document-").partition("#")
                link["refuri"] = f"#{anchor(page, place)}"
            elif link.get("internal") and address.endswith(".html"):
                link.parent.replace(link, link.children)

    def assemble_toc_fignumbers(self) -> dict[str, dict[str, dict[str, tuple[int, ...]]]]:
        """Give figures and formulas their numbers by id: ids differ between pages."""
        numbers: dict[str, dict[str, tuple[int, ...]]] = {}
        for page, kinds in self.env.toc_fignumbers.items():
            for kind, places in kinds.items():
                named = {anchor(page, place): number for place, number in places.items()}
                numbers.setdefault(kind, {}).update(named)
        return {self.config.root_doc: numbers}


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the builder and the hooks."""
    app.add_builder(PaperBuilder)
    app.connect("config-inited", _configure)
    app.connect("doctree-resolved", _prepare, priority=900)
    app.connect("html-page-context", _template, priority=950)
    app.connect("build-finished", _mend)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def anchor(page: str, fragment: str = "") -> str:
    """Return the id that a page, or a place on it, has in the whole book."""
    whole = f"{page}--{fragment}".replace("/", "-")
    if len(whole) <= _LONGEST:
        return whole
    return f"{whole[: _LONGEST - 9]}-{sha256(whole.encode()).hexdigest()[:8]}"


def _configure(app: Sphinx, config: Config) -> None:
    first = [(PaperBuilder.name, kind, place) for place, kind in enumerate(_SHOWN)]
    config.nb_mime_priority_overrides = [*config.nb_mime_priority_overrides, *first]


def _prepare(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    if app.builder.name != PaperBuilder.name:
        return
    for part in list(doctree.findall(addnodes.start_of_file)):
        # Out of the page that lists it: every page is a chapter, and its title a first heading.
        part.parent.remove(part)
        doctree.append(part)
        for child in part.children:
            child.parent = part  # Sphinx leaves them with the document that they were read into
    for output in list(doctree.findall(_unanswered)):
        output.parent.remove(output)
    for view in stills.views(doctree):
        page = _page(view, docname)
        where = "on the page of this chapter in the published book"
        if site := app.config.html_baseurl:
            address = f"{site}{page}.html"
            where = f'at <a href="{address}">{address.partition("://")[2]}</a>'
        stills.on_paper(view, stills.states(app.env, page), where)
    _name_apart(doctree, docname)


def _unanswered(node: nodes.Node) -> bool:
    output = isinstance(node, nodes.Element) and node.get("nb_element") == "cell_code_output"
    return output and node.astext().startswith(UNANSWERED)


def _page(node: nodes.Node, first: str) -> str:
    """Name the page that a part of the whole book comes from."""
    while node is not None:
        if isinstance(node, addnodes.start_of_file):
            return str(node["docname"])
        node = node.parent
    return first


def _name_apart(doctree: nodes.document, first: str) -> None:
    """Make ids differ between pages, and let links lead to them."""
    elements = [(node, _page(node, first)) for node in doctree.findall(nodes.Element)]
    for node, page in elements:
        node["ids"] = [anchor(page, name) for name in node["ids"]]
    known = {name for node, _ in elements for name in node["ids"]}
    for node, page in elements:
        if "refid" in node:
            here = anchor(page, node["refid"])
            node["refid"] = here if here in known else anchor(first, node["refid"])
    for part in (doctree, *doctree.findall(addnodes.start_of_file)):
        page = part.get("docname", first)
        next(part.findall(nodes.section))["ids"].insert(0, anchor(page))


def _template(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> str | None:
    if app.builder.name != PaperBuilder.name:
        return None
    released = yaml.safe_load((Path(app.srcdir) / "CITATION.cff").read_text(encoding="utf-8"))
    context |= {
        "author": app.config.author,
        "first": anchor(pagename),
        "released": released,
    }
    for tree in app.env.master_doctree.findall(addnodes.toctree):
        tree["titlesonly"] = False  # the contents of a book name its sections
    return "paper.html"


def _mend(app: Sphinx, failed: Exception | None) -> None:
    if app.builder.name == PaperBuilder.name and not failed:
        mend.mend(Path(app.outdir), Book(Path(app.srcdir)).corrected(PaperBuilder.name))
