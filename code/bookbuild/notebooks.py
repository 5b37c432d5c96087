"""A Sphinx builder that writes each chapter as a notebook, for Colab, Binder and JupyterLab.

Sphinx has read the chapter: references, citations, numbers and glued values are resolved. What is
left is Markdown, which sphinx-markdown-builder writes, cut where the cells are. Ours, because
sphinx-tojupyter knows neither glued values nor folded solutions.
"""

from __future__ import annotations

import base64
import hashlib
import mimetypes
import posixpath
from collections import Counter
from pathlib import Path
from typing import Any

import nbformat.v4 as v4
from docutils import nodes
from nbformat import NotebookNode, validate, writes
from sphinx.application import Sphinx
from sphinx_exercise.nodes import solution_node
from sphinx_markdown_builder import MarkdownBuilder
from sphinx_markdown_builder.contexts import IndentContext, SubContext, WrappedContext
from sphinx_markdown_builder.translator import MarkdownTranslator, pushing_context

from bookbuild import repository
from bookbuild.book import Book

INSTALL = """\
#@title The book's package (nothing happens where it is installed)
import importlib.util

if importlib.util.find_spec("tbptt") is None:
    {install}"""
# Colab folds cells of this kind, JupyterLab those with the source hidden.
FOLDED = {"cellView": "form", "jupyter": {"source_hidden": True}}


def install_cell(book: Book) -> NotebookNode:
    """Make the cell that installs the package at the book's own commit, next to what is there."""
    address, commit = repository.address(book.root), repository.commit(book.root)
    if address and commit:
        line = f'%pip install --quiet --no-deps "tbptt @ git+{address}@{commit}"'
    else:
        line = 'raise ImportError("In the book\'s folder: pip install --no-deps .")'
    return _cell("code", INSTALL.format(install=line), FOLDED)


class NotebookTranslator(MarkdownTranslator):  # type: ignore[misc]
    """Markdown, and a cell of its own for every cell of the chapter."""

    builder: NotebookBuilder

    def __init__(self, document: nodes.document, builder: NotebookBuilder) -> None:
        super().__init__(document, builder)
        self.cells: list[NotebookNode] = [install_cell(builder.book)]

    def astext(self) -> str:
        """Return the notebook as JSON."""
        self._end_text()
        seen: Counter[str] = Counter()
        for cell in self.cells:
            # From the content, so that a change in one cell leaves the others' ids alone.
            digest = hashlib.sha256(f"{cell.cell_type} {cell.source}".encode()).hexdigest()[:16]
            seen[digest] += 1
            cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
        metadata = {
            "colab": {"provenance": [], "toc_visible": True},
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
        notebook = v4.new_notebook(cells=self.cells, metadata=metadata)
        validate(notebook)
        return str(writes(notebook)) + "\n"

    def _end_text(self) -> None:
        # myst-nb takes no cell inside a list or a box; only sections are open here.
        (text_so_far,) = self._ctx_queue
        if text := text_so_far.make().strip():
            self.cells.append(_cell("markdown", text))
        self._ctx_queue[:] = [SubContext()]

    # Cells, and solutions, which are folded: the text in HTML's way, the code in the notebook's.

    def visit_container(self, node: nodes.container) -> None:
        """Begin folded text, or make a cell."""
        if "folded" in node["classes"]:
            self.add("<details>\n<summary>Solution</summary>", prefix_eol=2, suffix_eol=2)
        elif "design_component" in node:  # tabs and cards: Markdown has nothing of the kind
            self.unknown_visit(node)
        elif node.get("nb_element") == "cell_code":
            self._end_text()
            (source,) = (
                part for part in node.children if part.get("nb_element") == "cell_code_source"
            )
            code, metadata = source.astext(), {}
            if _within(node, solution_node):
                code, metadata = f"#@title Solution\n{code}", FOLDED
            elif "hide-input" in node["cell_metadata"].get("tags", ()):
                metadata = FOLDED
            self.cells.append(_cell("code", code, metadata))
            raise nodes.SkipNode

    def depart_container(self, node: nodes.container) -> None:
        """End folded text."""
        if "folded" in node["classes"]:
            self.add("</details>", prefix_eol=2, suffix_eol=2)

    def visit_solution_node(self, node: nodes.Element) -> None:
        """Wrap what is no cell, so that it can be folded."""
        _, content = node.children  # the title says "Solution", and so do folded parts
        node.children[:] = _folded(content.children)
        for child in node.children:
            child.parent = node

    def visit_exercise_enumerable_node(self, node: nodes.Element) -> None:
        """Begin an exercise, with its number in the book."""
        numbers = self.builder.env.toc_fignumbers[self.builder.current_doc_name]["exercise"]
        number = ".".join(map(str, numbers[node["ids"][0]]))
        title, *_ = node.children
        self.add(f"### Exercise {number}{title.astext()}", prefix_eol=2, suffix_eol=2)
        node.children[:] = node.children[1:]

    # Boxes and code as Colab and JupyterLab show them.

    @pushing_context  # type: ignore[untyped-decorator]
    def visit_admonition(self, node: nodes.admonition) -> None:
        """Quote what stands in a box, and fold what is folded on the page."""
        if "dropdown" in node["classes"]:
            title, *_ = node.children
            summary = f"<details>\n<summary>{title.astext()}</summary>"
            self.add(summary, prefix_eol=2, suffix_eol=2)
            node.children[:] = node.children[1:]
            self._push_context(WrappedContext("", "\n\n</details>"))
        else:
            self._push_context(IndentContext("> ", empty=True))

    def visit_title(self, node: nodes.title) -> None:
        """Set a box's title in bold; other titles are headings."""
        if isinstance(node.parent, nodes.admonition):
            self._push_context(WrappedContext("**"))
        else:
            super().visit_title(node)

    def depart_title(self, node: nodes.title) -> None:
        """End a title."""
        self._pop_context()
        self.ensure_eol(2)

    def visit_literal_block(self, node: nodes.literal_block) -> None:
        """Name the language as Markdown does."""
        if node.get("language") in ("ipython", "ipython3"):
            node["language"] = "python"
        super().visit_literal_block(node)

    def visit_math_block(self, node: nodes.math_block) -> None:
        """Write an equation without empty lines, which would end it, and with its number."""
        lines = [line for line in node.astext().splitlines() if line.strip()]
        number = [f"\\tag{{{node['number']}}}"] if node.get("number") else []
        self.add("\n".join(["$$", *lines, *number, "$$"]), prefix_eol=2, suffix_eol=2)
        raise nodes.SkipNode

    # Links lead into the published book. Where it has no address, the text is left.

    def visit_target(self, node: nodes.target) -> None:
        """Leave anchors out: no link leads here."""

    def visit_reference(self, node: nodes.reference) -> None:
        """Begin a link."""
        uri = self._uri(node)
        self._push_context(WrappedContext("[", f"]({uri})") if uri else SubContext())

    def depart_reference(self, node: nodes.reference) -> None:
        """End a link."""
        self._pop_context()

    def _uri(self, node: nodes.reference) -> str | None:
        if not node.get("internal"):
            return str(node["refuri"])
        if not self.builder.site:
            return None
        page = self.builder.get_target_uri(self.builder.current_doc_name)
        place, _, fragment = node.get("refuri", "").partition("#")
        target = posixpath.normpath(posixpath.join(posixpath.dirname(page), place))
        fragment = node.get("refid") or fragment
        return f"{self.builder.site}/{target if place else page}" + (fragment and f"#{fragment}")

    def visit_image(self, node: nodes.image) -> None:
        """Put the picture into the notebook, which travels alone."""
        path = Path(self.builder.srcdir) / node["uri"]
        kind, _ = mimetypes.guess_type(path)
        data = base64.b64encode(path.read_bytes()).decode()
        self.add(f"![{node.get('alt', '')}](data:{kind};base64,{data})")


class NotebookBuilder(MarkdownBuilder):  # type: ignore[misc]
    """Write ``chapters/NAME.ipynb`` for every page that has code."""

    name = format = "notebooks"
    epilog = "The notebooks are in %(outdir)s."
    allow_parallel = False
    default_translator_class = NotebookTranslator

    def init(self) -> None:
        """Find out for which book this is done."""
        super().init()
        self.out_suffix = ".ipynb"
        self.book = Book(Path(self.srcdir))
        self.site = repository.site(self.book.root)
        self._with_code = {
            path.relative_to(self.book.root).with_suffix("").as_posix()
            for path in self.book.notebooks()
        }

    def get_outdated_docs(self) -> set[str]:
        """Write all, since all of them name the commit."""
        return self._with_code

    def get_target_uri(self, docname: str, typ: str | None = None) -> str:
        """Name the page of the book, not the notebook."""
        return f"{docname}.html"

    def write_doc(self, docname: str, doctree: nodes.document) -> None:
        """Write one notebook, if there is code in it."""
        if docname in self._with_code:
            super().write_doc(docname, doctree)


def _cell(kind: str, source: str, metadata: dict[str, Any] | None = None) -> NotebookNode:
    make = {"code": v4.new_code_cell, "markdown": v4.new_markdown_cell}[kind]
    return make(source, metadata=metadata or {})  # type: ignore[no-any-return, no-untyped-call]


def _folded(parts: list[nodes.Node]) -> list[nodes.Node]:
    """Put runs of anything but cells into containers of their own."""
    found: list[nodes.Node] = []
    for part in parts:
        if isinstance(part, nodes.container) and part.get("nb_element") == "cell_code":
            found.append(part)
        elif found and "folded" in found[-1]["classes"]:
            found[-1] += part
        else:
            found.append(nodes.container("", part, classes=["folded"]))
    return found


def _within(node: nodes.Node | None, kind: type[nodes.Node]) -> bool:
    while node is not None and not isinstance(node, kind):
        node = node.parent
    return node is not None


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the builder."""
    app.setup_extension("sphinx_markdown_builder")
    app.add_builder(NotebookBuilder)
    return {"version": "1", "parallel_read_safe": True}
