"""Pages that quote others are written again when those change.

Sphinx writes what it has read anew. A number that is glued from another chapter, and the list of
what all chapters cite, change without their own page being touched.
"""

from __future__ import annotations

from docutils import nodes
from myst_nb.ext.glue.utils import PendingGlueReference
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.typing import ExtensionMetadata
from sphinxcontrib.bibtex.nodes import bibliography

_KEY = "bookbuild_quotes"
_ALL = "*"


class _Quotes:
    """What each page quotes, in Sphinx's own metadata, and what was read in this build."""

    def __init__(self, app: Sphinx) -> None:
        self.read: set[str] = set()
        app.connect("env-before-read-docs", self.note_read)
        app.connect("doctree-read", self.note_quoted)
        app.connect("env-updated", self.again)

    def note_read(self, app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
        """Keep the names of the pages that Sphinx is about to read."""
        self.read = set(docnames)

    def note_quoted(self, app: Sphinx, doctree: nodes.document) -> None:
        """Keep the names of the pages that a page quotes."""
        quoted = {node.refdoc for node in doctree.findall(PendingGlueReference)}
        if any(doctree.findall(bibliography)):
            quoted.add(_ALL)
        app.env.metadata[app.env.docname][_KEY] = quoted

    def again(self, app: Sphinx, env: BuildEnvironment) -> list[str]:
        """Name the pages to write again."""
        changed = self.read | {_ALL} if self.read else set()
        return [name for name, kept in env.metadata.items() if changed & kept.get(_KEY, set())]


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the hooks."""
    _Quotes(app)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
