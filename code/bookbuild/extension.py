"""The Sphinx extension of the book: what `_config.yml` cannot know before the build.

It points myst-nb at the cache of the package's present state, gives the theme the repository's
address where there is one, serves every script from the book itself, and loads the heavy one
late.
"""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.util.typing import ExtensionMetadata

from bookbuild import (
    fonts,
    licences,
    mend,
    meta,
    repository,
    stills,
    styles,
    unused,
    vendor,
)
from bookbuild.book import Book

_STATE = "application/vnd.jupyter.widget-state+json"
_ALIKE = ("exercise-content", "solution-content")
_FONT = "@fontsource/stix-two-math/files/stix-two-math-latin-400-normal.woff2"
_LAUNCH = {
    "binderhub_url": "https://mybinder.org",
    "colab_url": "https://colab.research.google.com",
    "notebook_interface": "jupyterlab",
}


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the hooks."""
    for part in ("maths", "notebooks", "paper", "reading"):
        app.setup_extension(f"bookbuild.{part}")
    # 'env': when the package, the data or the lock change, every page is read again.
    app.add_config_value("bookbuild_execution_key", "", "env", str)
    # Before myst-nb and the theme read their configuration.
    app.connect("config-inited", _configure, priority=100)
    app.connect("autodoc-skip-member", _skip)
    app.connect("env-before-read-docs", _forget)
    app.connect("env-updated", _all_pages)
    app.connect("write-started", _begin_anew)
    app.connect("doctree-resolved", _without_alike_ids)
    app.connect("doctree-resolved", _add_stills)
    app.connect("html-page-context", _page, priority=900)
    app.connect("build-finished", _finish)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def _configure(app: Sphinx, config: Config) -> None:
    book = _book(app)
    config.bookbuild_execution_key = book.execution_key()
    config.nb_execution_cache_path = str(book.cache)
    # Drafts that the table of contents does not name. (Jupyter Book's `only_build_toc_files` looks
    # for them at each file of every environment that lies here.)
    drafts = sorted({*book.root.glob("chapters/**/*.md")} - {*book.pages()})
    names = [path.relative_to(book.root).as_posix() for path in drafts]
    config.exclude_patterns = [*config.exclude_patterns, *names]
    # A notebook has no outputs; what is glued into its text is plain.
    config.nb_mime_priority_overrides = [("notebooks", "text/plain", 1)]
    config.html_math_renderer = "mathml"
    meta.configure(app, config, repository.site(book.root))
    if address := repository.address(book.root):
        options = config.html_theme_options
        options["repository_url"] = address
        options["use_repository_button"] = True
        # CI publishes the notebooks there, as well as the whole tree.
        options["repository_branch"] = "notebooks"
        options["launch_buttons"] = _LAUNCH


def _skip(app: Sphinx, what: str, name: str, member: Any, *_: Any) -> bool | None:
    # The fields of a tuple: the docstring has a section on them.
    return True if type(member).__name__ == "_tuplegetter" else None


def _forget(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Forget all that changed before any of it is read: what moves would be in two pages.

    Sphinx forgets a page only just before that page.
    """
    for docname in docnames:
        app.emit("env-purge-doc", env, docname)
        env.clear_doc(docname)


def _all_pages(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Write every page in every build.

    Sphinx would write what it has read again, and go on with its index for searches. But what pages
    quote from others would be stale, and so would the index: Sphinx issue 12599.
    """
    return list(env.found_docs)


def _begin_anew(app: Sphinx, builder: Builder) -> None:
    """Empty the site when all is read, so that this build is the same as a first one.

    Sphinx adds a checksum to the addresses of the static files that it finds, and extensions bring
    some of theirs only after the pages are written.
    """
    _book(app).done(builder.name).unlink(missing_ok=True)
    if builder.name == "html":
        shutil.rmtree(app.outdir)
        vendor.publish(_book(app), Path(app.outdir) / "_static" / "book")


def _add_stills(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put the first frame where a reader sees it before, or without, any script."""
    if app.builder.name == "html":
        stills.add(doctree, stills.states(app.env, docname))


def _without_alike_ids(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Take away the ids that sphinx-exercise gives to all exercises alike.

    The exercise around it has an id of its own, to which links lead.
    """
    for section in doctree.findall(nodes.section):
        section["ids"] = [name for name in section["ids"] if name not in _ALIKE]


def _page(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    if app.builder.name != "html":
        return
    meta.page(app, pagename, context)
    if doctree is not None:
        _offer(app, pagename, context)
    app.add_css_file("book/book.css")
    app.add_js_file("book/book.js", loading_method="defer", priority=900)
    _launch_notebooks(context)
    if doctree is not None and stills.present(doctree):
        app.add_js_file("book/explorers.js", loading_method="defer")
        app.add_css_file("book/explorers.css")
    scripts = context["script_files"]
    # myst-nb puts the frames, a megabyte of them, in the head; the text comes first.
    frames = [script for script in scripts if _STATE in str(script.attributes.get("type"))]
    for script in frames:
        body = script.attributes["body"]
        context["body"] += f'<script type="{_STATE}">{body}</script>'
    context["script_files"] = [script for script in scripts if script not in frames]
    body = context.get("body", "")  # the index and the search have none
    for kind in ("script_files", "css_files"):
        context[kind] = [one for one in context[kind] if mend.needed(str(one), body)]
    # The theme's folder for its icons carries their version.
    static = _theme(app) / "static"
    (styles,) = static.glob("vendor/fontawesome/*/css/all.min.css")
    context["icons"] = styles.relative_to(static).as_posix()


def _launch_notebooks(context: dict[str, Any]) -> None:
    """Let the theme's buttons open what is made of the chapter: Colab knows nothing else."""
    for group in context.get("header_buttons", ()):
        for button in group.get("buttons", ()):
            if button.get("text") in ("Binder", "Colab"):
                button["url"] = button["url"].removesuffix(".md") + ".ipynb"


def _offer(app: Sphinx, pagename: str, context: dict[str, Any]) -> None:
    """Add the menu of what can be taken home; `jupyterbook.pages` puts the files there."""
    pathto, (chapters, printed) = context["pathto"], _to_take_home(_book(app))
    offered: list[tuple[str, str | None]] = [("Print this page", None)]
    if pagename in chapters:
        offered.insert(0, ("Notebook (.ipynb)", f"{pagename}.ipynb"))
    if printed:
        offered.append(("Whole book (.pdf)", printed))
    buttons = [
        {"type": "link", "text": text, "url": pathto(f"_downloads/{name}", 1)}
        if name
        else {"type": "javascript", "text": text, "javascript": "window.print()"}
        for text, name in offered
    ]
    menu = {"type": "group", "tooltip": "Download", "icon": "fas fa-download", "buttons": buttons}
    context["header_buttons"].append(menu)


@cache
def _to_take_home(book: Book) -> tuple[set[str], str | None]:
    """Return the pages that have a notebook, and the name of the printed book if it is there."""
    chapters = {path.relative_to(book.root).with_suffix("").as_posix() for path in book.notebooks()}
    return chapters, book.pdf.name if book.pdf.is_file() else None


def _finish(app: Sphinx, failed: Exception | None) -> None:
    if app.builder.name == "html" and not failed:
        book, site = _book(app), Path(app.outdir)
        modules = book.modules
        mend.mend(site, book.corrected(app.builder.name))
        fonts.shrink_icons(site, _theme(app) / "static")
        fonts.shrink_maths(site, modules / _FONT, site / "_static/book/stix-two-math.woff2")
        styles.shrink(site, modules)
        unused.remove(site)
        words = licences.text(modules)
        (site / "_static" / "licences.txt").write_text(words, encoding="utf-8")
        meta.publish(app)
        # The theme copies executed notebooks here for a button that this book does not have.
        shutil.rmtree(site / "_sources", ignore_errors=True)


def _theme(app: Sphinx) -> Path:
    return Path(app.registry.html_themes["pydata_sphinx_theme"])


def _book(app: Sphinx) -> Book:
    return _book_in(Path(app.srcdir))


_book_in = cache(Book)  # whose files do not change while Sphinx runs
