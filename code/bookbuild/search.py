"""A search index that is made anew in each build, of all pages.

Sphinx goes on with the index of the build before, for pages that it does not write again. But words
that went with a changed page stay in it, and of the pages left alone it loses what `index`
directives say: a second build would be searched differently from a first one.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.util.typing import ExtensionMetadata


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the hooks."""
    app.connect("builder-inited", _begin_anew)
    app.connect("html-collect-pages", _add_the_others)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def _begin_anew(app: Sphinx) -> None:
    if isinstance(app.builder, StandaloneHTMLBuilder):
        app.builder.load_indexer = partial(_load, app.builder)  # type: ignore[method-assign]


def _load(builder: StandaloneHTMLBuilder, docnames: Iterable[str]) -> None:
    written = set(docnames)
    left = builder.env.all_docs.keys() - written
    if not written and (Path(builder.outdir) / builder.searchindex_filename).is_file():
        left = set()
        builder.dump_search_index = lambda: None  # type: ignore[method-assign]  # right as it is
    builder.left_alone = sorted(left)  # type: ignore[attr-defined]


def _add_the_others(app: Sphinx) -> Iterable[tuple[str, dict[str, Any], str]]:
    builder = app.builder
    for docname in getattr(builder, "left_alone", ()):
        builder.write_doc_serialized(docname, app.env.get_and_resolve_doctree(docname, builder))
    return ()
