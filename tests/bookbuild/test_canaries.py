"""Where the builder leans on what another package does not promise, and whether it still holds.

A book of three pages is built with the mends left out. Each hook is looked for there, or in the
package itself; a test that fails names the hook and the release for which the builder was written.
"""

import os
import pickle
import re
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import pytest
from bs4 import BeautifulSoup, Tag
from docutils import nodes

from bookbuild import mend

pytestmark = pytest.mark.build

ROOT = Path(__file__).parents[2]
HEAD = (ROOT / "chapters/windowing.md").read_text(encoding="utf-8").split("\n# ")[0]
# mend.py, extension.py and the templates rely on what these select in the unmended pages.
SELECTED = {
    # mend.py: Python makes these, or large templates do
    "html[data-theme=auto]": ("pydata-sphinx-theme", "0.15.4"),
    "meta[name=viewport] ~ meta[name=viewport]": ("docutils", "0.21.2"),
    "script:-soup-contains('DOCUMENTATION_OPTIONS.pagename')": ("pydata-sphinx-theme", "0.15.4"),
    "div.sidebar-primary-items__start:not([aria-label])": ("pydata-sphinx-theme", "0.15.4"),
    "div#rtd-footer-container": ("pydata-sphinx-theme", "0.15.4"),
    "nav p.caption[role=heading][aria-level]": ("pydata-sphinx-theme", "0.15.4"),
    "li.has-children > details > summary:not([aria-label])": ("pydata-sphinx-theme", "0.15.4"),
    ".bd-search-container #search-input": ("pydata-sphinx-theme", "0.15.4"),
    ".search-button__search-container #search-input": ("pydata-sphinx-theme", "0.15.4"),
    "button:not([type])": ("sphinx-book-theme", "1.1.4"),
    "button.sidebar-toggle[title]:not([aria-label])": ("sphinx-book-theme", "1.1.4"),
    "nav.bd-toc-nav:not([aria-label])": ("sphinx-book-theme", "1.1.4"),
    "i.fa-list:not([aria-hidden])": ("sphinx-book-theme", "1.1.4"),
    "a[target=_blank]:not([rel])": ("sphinx-book-theme", "1.1.4"),
    "a[href*='_downloads/']:not([download])": ("sphinx-book-theme", "1.1.4"),
    "script[src]:not([defer])": ("Sphinx", "7.4.7"),
    "div.citation-list > div.citation[role=doc-biblioentry]": ("docutils", "0.21.2"),
    "a.reference.internal[id][href^='#']": ("numpydoc", "1.11.0"),
    "summary[aria-label]:-soup-contains('Show')": ("myst-nb", "1.4.0"),
    "summary p": ("myst-nb", "1.4.0"),
    "style + table.dataframe[border]": ("pandas", "3.1.1"),
    "th[valign]": ("pandas", "3.1.1"),
    "th[halign]": ("pandas", "3.1.1"),
    # extension.py: what it reads of a page's scripts and buttons, and what it writes into them
    "article script[type='application/vnd.jupyter.widget-state+json']": ("myst-nb", "1.4.0"),
    ".explorer-still svg": ("ipywidgets", "8.1.9"),
    "a[href^='https://mybinder.org'][href$='.ipynb']": ("sphinx-book-theme", "1.1.4"),
    "a[href^='https://colab.'][href$='.ipynb']": ("sphinx-book-theme", "1.1.4"),
    ".dropdown button[aria-label=Download]": ("sphinx-book-theme", "1.1.4"),
    # meta.py: it ends at a whole word what this cuts
    "meta[property='og:description'][content$='…']": ("sphinxext-opengraph", "0.13.0"),
    # templates: blocks of the theme's layout, and its files
    "head > script:-soup-contains('prefers-color-scheme')": ("pydata-sphinx-theme", "0.15.4"),
    "link[href*='styles/pydata-sphinx-theme.css']": ("pydata-sphinx-theme", "0.15.4"),
    "link[href*='styles/sphinx-book-theme.css']": ("sphinx-book-theme", "1.1.4"),
    "body script[src*='scripts/pydata-sphinx-theme.js'][defer]": ("pydata-sphinx-theme", "0.15.4"),
    "article.bd-article": ("pydata-sphinx-theme", "0.15.4"),
    "script:-soup-contains('search-button__default-text')": ("pydata-sphinx-theme", "0.15.4"),
}  # fmt: skip
# And on what these modules have, by package and release.
NAMED = {
    "jupyter_book.config:get_final_config": ("jupyter-book", "1.0.4.post1"),
    "myst_nb.sphinx_:NbMetadataCollector.get_js_files": ("myst-nb", "1.4.0"),
    "jupyter_cache.base:CacheBundleIn": ("jupyter-cache", "1.0.1"),
    "sphinx_exercise.nodes:exercise_enumerable_node": ("sphinx-exercise", "1.2.1"),
    "sphinx_exercise.nodes:exercise_node": ("sphinx-exercise", "1.2.1"),
    "sphinx_exercise.nodes:solution_node": ("sphinx-exercise", "1.2.1"),
    "sphinx_markdown_builder.translator:MarkdownTranslator._push_context": (
        "sphinx-markdown-builder", "0.6.11",
    ),
    "sphinx_markdown_builder.translator:MarkdownTranslator._pop_context": (
        "sphinx-markdown-builder", "0.6.11",
    ),
    "sphinx_markdown_builder.translator:pushing_context": ("sphinx-markdown-builder", "0.6.11"),
    "sphinx_markdown_builder.contexts:IndentContext": ("sphinx-markdown-builder", "0.6.11"),
    "sphinx_markdown_builder.contexts:SubContext.make": ("sphinx-markdown-builder", "0.6.11"),
    "collections:_tuplegetter": ("Python", "3.13"),
}  # fmt: skip
INDEX = """
# First

{long}

{{cite}}`werbos1990backpropagation`

```{{code-cell}} python
:tags: [hide-input]
import pandas as pd
pd.DataFrame([[1, 2], [3, 4]], index=pd.MultiIndex.from_product([["a"], ["b", "c"]]),
             columns=pd.MultiIndex.from_product([["a"], ["b", "c"]]))
```

```{{code-cell}} python
from tbptt.picture import one_picture
from truncated_time.explorers import explore
explore(one_picture, window=range(1, 3), stride=[1])
```

## Exercises

```{{exercise-start}}
:label: ex-one
```
Do it.
```{{exercise-end}}
```

````{{solution-start}} ex-one
:class: dropdown
````
It is done.
````{{solution-end}}
````
"""
SECOND = """
# Second

```{eval-rst}
.. automodule:: tbptt.cost
   :members:

.. automodule:: tbptt.schedule
   :members:
```

```{bibliography}
```
"""
# Sphinx, with pages as they are before they are corrected.
BUILD = """
import sys
from bookbuild import mend
mend.mend = lambda site, kept: None
from sphinx.cmd.build import main
sys.exit(main(sys.argv[1:]))
"""


class Raw(NamedTuple):
    """Pages without mends, and a page as Sphinx keeps it."""

    pages: list[BeautifulSoup]
    kept: nodes.document


@pytest.fixture(scope="module")
def raw(tmp_path_factory, copy_bare):
    """Build a book that has one of everything."""
    root = copy_bare(tmp_path_factory.mktemp("raw"))
    long = "These are the first words of a page, " * 6
    for name, text in {
        "index": HEAD + INDEX.format(long=long), "second": SECOND, "third": "# Third\n\nWords.\n",
    }.items():  # fmt: skip
        (root / f"chapters/{name}.md").write_text(text, encoding="utf-8")
    (root / "_toc.yml").write_text(
        "format: jb-book\nroot: chapters/index\nparts:\n  - caption: All\n    chapters:\n"
        "      - file: chapters/second\n        sections:\n          - file: chapters/third\n"
    )
    site, trees = root / "_build/html", root / "_build/.doctrees"
    options = ["-q", "-b", "html", "-c", str(root / "code/bookbuild"), "-d", str(trees)]
    ran = subprocess.run(
        [sys.executable, "-c", BUILD, *options, str(root), str(site)],
        env=os.environ | {"GITHUB_REPOSITORY": "someone/book"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    pages = [
        BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for path in [*site.glob("chapters/*.html"), site / "search.html"]
    ]
    return Raw(pages, pickle.loads((trees / "chapters/index.doctree").read_bytes()))


def moved(hook, package, release):
    """Say what to look at."""
    here = sys.version.split()[0] if package == "Python" else version(package)
    return (
        f"{package} {here} no longer has {hook}, on which code/bookbuild relies and which "
        f"{package} {release} had: look whether the builder still needs it, and where it has gone."
    )


@pytest.mark.parametrize("selector", SELECTED)
def test_what_is_mended_or_read_in_pages_is_still_there(raw, selector):
    assert any(page.select_one(selector) for page in raw.pages), moved(
        f"what {selector!r} selects", *SELECTED[selector]
    )


@pytest.mark.parametrize("hook", NAMED)
def test_what_is_called_is_still_there(hook):
    module, _, names = hook.partition(":")
    found = import_module(module)
    for name in names.split("."):
        found = getattr(found, name, None)
    assert found is not None, moved(hook, *NAMED[hook])


def test_cells_are_kept_as_the_notebooks_and_the_minutes_read_them(raw):
    cells = [node for node in raw.kept.findall(nodes.container) if "nb_element" in node]
    code = [node for node in cells if node["nb_element"] == "cell_code"]
    hook = "containers with nb_element, cell_metadata and a part for the source"
    told = moved(hook, "myst-nb", "1.4.0")
    assert len(code) == 2, told
    assert code[0]["cell_metadata"]["tags"] == ["hide-input"], told
    parts = [part.get("nb_element") for part in code[0].children]
    assert "cell_code_source" in parts, told


def test_exercises_are_alike_in_an_id_and_numbered_by_sphinx(raw):
    ids = set(chain(*(section["ids"] for section in raw.kept.findall(nodes.section))))
    assert {"exercise-content", "solution-content"} <= ids, moved(
        "one id for all exercises", "sphinx-exercise", "1.2.1"
    )


def test_references_of_docstrings_are_told_apart_by_a_hash(raw):
    labels = chain(*(page.find_all(string=mend.HASHED) for page in raw.pages))
    assert any(labels), moved("a hash in the label of a reference", "numpydoc", "1.11.0")


def test_every_kind_of_element_that_is_mended_is_looked_for():
    source = Path(mend.__file__).read_text(encoding="utf-8")
    kinds = set(re.findall(r'"(\w+)"', " ".join(re.findall(r"case ((?:\"\w+\"[ |]*)+)", source))))
    assert kinds > {"html", "table"}
    made_here = {"svg", "td"}  # the parser's own doing; a cell without a header's mends
    asked = {word for selector in SELECTED for word in re.findall(r"(?:^|[\s>+,])(\w+)", selector)}
    # The search field is asked for by its id.
    assert kinds - made_here - {"input"} <= asked


def test_a_hook_that_moves_is_named(raw):
    page = BeautifulSoup("<html></html>", "html.parser")
    assert isinstance(page.html, Tag)
    gone = Raw([page], raw.kept)
    with pytest.raises(AssertionError, match=r"numpydoc .* no longer has .* 1\.11\.0 had: look"):
        test_what_is_mended_or_read_in_pages_is_still_there(
            gone, "a.reference.internal[id][href^='#']"
        )
    NAMED["sphinx_markdown_builder.translator:Gone"] = ("sphinx-markdown-builder", "0.6.11")
    try:
        with pytest.raises(AssertionError, match="no longer has sphinx_markdown_builder"):
            test_what_is_called_is_still_there("sphinx_markdown_builder.translator:Gone")
    finally:
        del NAMED["sphinx_markdown_builder.translator:Gone"]
