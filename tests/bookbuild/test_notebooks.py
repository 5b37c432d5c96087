"""The notebooks that `make notebooks` wrote, against the pages, and small ones with everything."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

from bookbuild.book import Book
from bookbuild.repository import commit

ROOT = Path(__file__).parents[2]
CHAPTERS = [path.stem for path in Book(ROOT).notebooks()]
# What a reader of plain Markdown would see raw: directives, roles, targets, substitutions.
MYST = re.compile(r"```+\s*\{|:::+\s*\{|\{[\w:.-]+\}`|^\([\w-]+\)=$|\{\{", re.MULTILINE)


def read(book, chapter):
    path = book.ipynb / "chapters" / f"{chapter}.ipynb"
    assert path.is_file(), "there are no notebooks; run `make notebooks`"
    return nbformat.read(path, as_version=4)


@pytest.fixture(scope="module", params=CHAPTERS)
def chapter(request):
    return request.param


def prose(notebook):
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


def shown(source):
    """Render as a notebook does: CommonMark with tables and maths."""
    markdown = MarkdownIt("commonmark", {"html": True}).enable("table").use(dollarmath_plugin)
    return BeautifulSoup(markdown.render(source), "html.parser")


def letters(soup, *leave_out):
    """Return the text without spaces, which differ around links and maths."""
    for selector in ("script", "style", "math", ".math", *leave_out):
        for part in soup.select(selector):
            part.decompose()
    return "".join(soup.get_text().split())


def test_a_notebook_is_valid_and_has_no_outputs(book, chapter):
    notebook = read(book, chapter)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) >= (4, 5)
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(code) > 2
    assert not any(cell.outputs or cell.execution_count for cell in code)


def test_nothing_of_myst_is_left(book, chapter):
    for text in prose(read(book, chapter)):
        found = MYST.search(re.sub(r"^```\w*\n.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL))
        assert not found, f"{found[0]!r} in {text!r}"


@pytest.mark.parametrize(
    "left", ["```{note}", ":::{tip}", "{ref}`x`", "{glue:text}`x:.2f`", "(label)=", "{{ word }}"]
)
def test_what_is_left_would_be_seen(left):
    assert MYST.search(f"Some words.\n{left}\nMore.")


def test_a_notebook_says_what_the_page_says(book, chapter):
    page = BeautifulSoup((book.html / f"chapters/{chapter}.html").read_text(), "html.parser")
    said = letters(
        page.select_one("article.bd-article"), ".cell", ".headerlink", ".eqno", ".prev-next-area",
        ".dropdown > .admonition-title",
    )  # fmt: skip
    written = letters(shown("\n\n".join(prose(read(book, chapter)))), "summary")
    pairs = enumerate(zip(written, said, strict=False))
    other = next((n for n, (a, b) in pairs if a != b), 30)
    assert written[other - 30 : other + 60] == said[other - 30 : other + 60]
    assert len(written) == len(said)


def test_maths_has_no_empty_lines(book, chapter):
    # JupyterLab ends an equation at an empty line.
    for text in prose(read(book, chapter)):
        for equation in re.findall(r"^\$\$$(.*?)^\$\$$", text, flags=re.MULTILINE | re.DOTALL):
            assert "\n\n" not in equation


def test_the_first_cell_installs_this_commit_where_there_is_none(book, chapter):
    first = read(book, chapter).cells[0]
    assert first.cell_type == "code"
    assert 'find_spec("tbptt") is None' in first.source
    if "%pip" in first.source:
        assert "--no-deps" in first.source
        assert f"@{commit(ROOT)}" in first.source


EVERYTHING = """
Words {cite}`werbos1990backpropagation`, see [there](second.md) and
[the net](https://example.org/a_b_c). Inline $a_1$.

```{math}
:label: eq-small
a = b

+ c
```

By {eq}`eq-small` it is so.

```{needs}
a *lane*.
```

```{index} rows; last
```
Of {term}`lanes <lane>`.

```{admonition} Predict
:class: tip
First $x$.

* then `y`
```

| one | two |
| --- | --- |
| *a* | $b$ |

![A dot](_images/favicon.svg)

```python
plain = "code"
```

```{code-cell} python
:tags: [hide-input]
hidden = 1
```

```{code-cell} python
:tags: [remove-cell]
removed = 2
```

```{exercise-start}
:label: ex-small
```
**Do it.**
```{admonition} Hint
:class: dropdown
Try $n$.
```
```{code-cell} python
answer = ...
```
```{exercise-end}
```

````{solution-start} ex-small
:class: dropdown
````
It is done.
```{code-cell} python
print("solved")
```
And now more.
````{solution-end}
````
"""


def make(root, **environment):
    return subprocess.run(
        [sys.executable, "-m", "bookbuild", "--notebooks", str(root)],
        env=os.environ | {"BOOK_SITE": ""} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def small(bare):
    head = (ROOT / "chapters/windowing.md").read_text().split("\n# ")[0]
    (bare / "_toc.yml").write_text(
        "format: jb-book\nroot: chapters/index\nchapters:\n"
        "  - file: chapters/second\n  - file: chapters/bibliography\n"
    )
    (bare / "chapters/index.md").write_text(f"{head}\n\n# First\n{EVERYTHING}")
    (bare / "chapters/second.md").write_text(
        "# Second\nNo code here.\n```{glossary}\nlane\n  A row.\n```\n"
    )
    shutil.copy(ROOT / "chapters/bibliography.md", bare / "chapters")
    me = ["-c", "user.name=a", "-c", "user.email=b"]
    for command in (["init", "-q"], ["add", "-A"], [*me, "commit", "-qm", "all"]):
        subprocess.run(["git", "-C", str(bare), *command], check=True)
    return bare


@pytest.mark.build
def test_everything_becomes_markdown(small):
    told = make(small, GITHUB_REPOSITORY="someone/fork")
    assert told.returncode == 0, told.stderr
    made = small / "_build/notebooks/chapters"
    assert [path.name for path in made.iterdir()] == ["index.ipynb"]  # the others have no code
    text = (made / "index.ipynb").read_text()
    notebook = nbformat.reads(text, as_version=4)
    install, first, hidden, exercise, stub, answer, solution, rest = notebook.cells
    address = f"git+https://github.com/someone/fork@{commit(small)}"
    assert f'%pip install --quiet --no-deps "tbptt @ {address}"' in install.source

    site = "https://someone.github.io/fork/chapters"
    assert re.search(rf"\[\[Werbos, 1990\]\({site}/bibliography\.html#\w+\)\]", first.source)
    assert f"[there]({site}/second.html)" in first.source
    assert "[the net](https://example.org/a_b_c)" in first.source
    assert "$$\na = b\n+ c\n\\tag{1}\n$$" in first.source
    assert f"By [(1)]({site}/index.html#equation-eq-small) it is so." in first.source
    assert "About 5 minutes. You need a *lane*." in first.source
    assert f"Of [lanes]({site}/second.html#term-lane)." in first.source
    assert "rows; last" not in text
    assert "> **Predict**\n> \n> First $x$.\n> \n> * then `y`" in first.source
    assert shown(first.source).select("table td em")[0].text == "a"
    assert "![A dot](data:image/svg+xml;base64," in first.source
    assert '```python\nplain = "code"\n```' in first.source

    assert hidden.source == "hidden = 1"
    assert hidden.metadata == {"cellView": "form", "jupyter": {"source_hidden": True}}
    assert "removed" not in text
    folded = "<details>\n<summary>Solution</summary>\n\n{}\n\n</details>"
    hint = folded.replace("Solution", "Hint").format("Try $n$.")
    assert exercise.source == "### Exercise 1\n\n**Do it.**\n\n" + hint
    assert (stub.source, stub.metadata) == ("answer = ...", {})  # a reader's own cell is open
    assert answer.source == folded.format("It is done.")
    assert solution.source == '#@title Solution\nprint("solved")'
    assert solution.metadata == hidden.metadata
    assert rest.source == folded.format("And now more.")

    # Again: the same bytes. With other words in one cell: the other cells keep their ids.
    assert make(small, GITHUB_REPOSITORY="someone/fork").returncode == 0
    assert (made / "index.ipynb").read_text() == text
    index = small / "chapters/index.md"
    index.write_text(index.read_text().replace("Do it.", "Do it now."))
    assert make(small, GITHUB_REPOSITORY="someone/fork").returncode == 0
    changed = [cell["id"] for cell in json.loads((made / "index.ipynb").read_text())["cells"]]
    assert [a == b.id for a, b in zip(changed, notebook.cells, strict=True)] == [
        True, True, True, False, True, True, True, True,
    ]  # fmt: skip


@pytest.mark.build
def test_a_book_with_an_address_of_its_own(small):
    assert make(small, GITHUB_REPOSITORY="a/b", BOOK_SITE="https://book.org/").returncode == 0
    notebook = (small / "_build/notebooks/chapters/index.ipynb").read_text()
    assert "[there](https://book.org/chapters/second.html)" in notebook
    # Without any address there are no links into it, and nothing to install from.
    assert make(small, GITHUB_REPOSITORY="").returncode == 0
    install, first, *_ = nbformat.read(small / "_build/notebooks/chapters/index.ipynb", 4).cells
    assert "see there and\n[the net](https://example.org/a_b_c)" in first.source
    assert "%pip" not in install.source
    assert "raise ImportError" in install.source


@pytest.mark.build
@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("````{tab-set}\n```{tab-item} One\nText.\n```\n````", "unknown node type"),
        ("1. A list\n\n   ```{code-cell} python\n   1\n   ```", "mystnb.nbcell"),
    ],
)
def test_what_cannot_be_written_fails(small, source, words):
    index = small / "chapters/index.md"
    index.write_text(index.read_text() + "\n" + source + "\n")
    told = make(small)
    assert told.returncode == 1
    assert words in told.stderr + told.stdout
    assert "a warning is an error" in told.stderr
