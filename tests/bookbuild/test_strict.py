"""Copies of the book that are broken, or changed in one place, and what the build says."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import zmq
from jupyter_cache import get_cache

from bookbuild.book import Book
from bookbuild.execute import ChapterError, execute

pytestmark = pytest.mark.build

ROOT = Path(__file__).parents[2]
HEAD = ROOT.joinpath("chapters/windowing.md").read_text().split("\n# ")[0]
CELL = "```{code-cell} python\n%s\n```\n"


def chapter(title, *cells, prose="Some words."):
    return "\n".join([HEAD, f"# {title}", prose, *(CELL % cell for cell in cells)])


@pytest.fixture
def copy(bare):
    """Return a book of two small chapters; the first prints what is in a file of data."""
    (bare / "_toc.yml").write_text(
        "format: jb-book\nroot: chapters/index\nchapters:\n  - file: chapters/second\n"
    )
    write(bare, "index", chapter("First", "print(open('../data/number.txt').read())"))
    write(bare, "second", chapter("Second", "print('second ' * 2)"))
    (bare / "data" / "number.txt").write_text("forty-two")
    return bare


def write(root, name, text):
    (root / "chapters" / f"{name}.md").write_text(text, encoding="utf-8")


def build(root, **environment):
    return subprocess.run(
        [sys.executable, "-m", "bookbuild", str(root)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def page(root, name="index"):
    return (root / "_build" / "html" / "chapters" / f"{name}.html").read_text(encoding="utf-8")


def outputs(root, name="index"):
    """Return what the cells of a chapter printed when they were executed."""
    record = get_cache(Book(root).cache).get_cached_project_nb(str(root / f"chapters/{name}.md"))
    executed = get_cache(Book(root).cache).get_cache_bundle(record.pk).nb
    return [out.text for cell in executed.cells for out in cell.get("outputs", [])]


def test_only_what_changed_is_executed(copy):
    both = ["chapters/index.md", "chapters/second.md"]
    assert execute(Book(copy)) == both
    assert outputs(copy) == ["forty-two\n"]
    assert execute(Book(copy)) == []

    # Prose: no cell runs.
    text = (copy / "chapters/second.md").read_text().replace("Some words", "Other words")
    write(copy, "second", text)
    assert execute(Book(copy)) == []
    assert outputs(copy, "second") == ["second second \n"]

    # A cell: that chapter runs, and no other.
    write(copy, "second", text.replace("'second '", "'third '"))
    assert execute(Book(copy)) == ["chapters/second.md"]
    assert outputs(copy, "second") == ["third third \n"]

    # Data, either package, the lock: outputs are never stale, though no chapter has changed.
    (copy / "data" / "number.txt").write_text("forty-three")
    assert execute(Book(copy)) == both
    assert outputs(copy) == ["forty-three\n"]
    for name in (
        "code/tbptt/schedule.py", "code/truncated_time/explorers.py", "requirements.lock"
    ):  # fmt: skip
        with (copy / name).open("a") as file:
            file.write("\n# another line\n")
        assert execute(Book(copy)) == both, name


def test_pages_show_what_was_executed(copy):
    first = build(copy)
    assert first.returncode == 0, first.stderr
    assert "Executed: chapters/index.md, chapters/second.md." in first.stdout
    assert "forty-two" in page(copy)
    # Another sentence, another datum: the page says both.
    text = (copy / "chapters/index.md").read_text().replace("Some words", "Other words")
    write(copy, "index", text)
    (copy / "data" / "number.txt").write_text("forty-three")
    assert build(copy).returncode == 0
    assert "forty-three" in page(copy)
    assert "Other words" in page(copy)


def test_neither_git_nor_a_home_is_needed(copy):
    """As for an ordinary user who has unpacked an archive, in a folder whose name has spaces."""
    assert " " in copy.name
    programs = str(Path(sys.executable).parent)
    assert shutil.which("git", path=programs) is None
    told = build(copy, PATH=programs, HOME="/dev/null", GITHUB_REPOSITORY="")
    assert told.returncode == 0, told.stderr
    assert "forty-two" in page(copy)


@pytest.mark.skipif(not zmq.has("ipc"), reason="this machine has no sockets in files")
def test_a_kernel_needs_no_port_that_somebody_else_may_take(copy):
    cell = "import ipykernel, json\nprint(json.loads(ipykernel.get_connection_info())['transport'])"
    write(copy, "second", chapter("Second", cell))
    execute(Book(copy))
    assert outputs(copy, "second") == ["ipc\n"]


def test_a_line_that_arrives_in_pieces_is_one_line(copy):
    cell = (
        "import sys, time\nprint('first', end='')\nsys.stdout.flush()\ntime.sleep(1)\n"
        "print(' then last')"
    )
    write(copy, "second", chapter("Second", cell))
    execute(Book(copy))
    assert outputs(copy, "second") == ["first then last\n"]


@pytest.mark.audit
def test_a_second_build_leaves_the_same_bytes(copy):
    def built():
        html = copy / "_build" / "html"
        files = [*html.rglob("*.html"), html / "searchindex.js"]
        return {path: path.read_bytes() for path in files}

    with (copy / "chapters/index.md").open("a") as left_alone:
        left_alone.write("\n```{index} search; words of a page that does not change\n```\n")
    assert build(copy).returncode == 0
    first = built()
    text = (copy / "chapters/second.md").read_text()
    for prose in ("Other words", "Some words"):  # there and back
        write(copy, "second", text.replace("Some words", prose))
        assert build(copy).returncode == 0
    assert built() == first


def test_what_is_quoted_from_another_page_is_never_stale(copy):
    more = "  - file: chapters/books\n  - file: chapters/third\n"
    (copy / "_toc.yml").write_text((copy / "_toc.yml").read_text() + more)
    write(copy, "books", "# Books\n\n```{bibliography}\n```\n")
    cell = "from truncated_time.notebook import glue\nglue(counted={})"
    quoting = "# Third\n\nOf {glue:text}`second.md::counted:d` pieces.\n"
    moving = "\n(a-place)=\n## A place\n\n```{exercise}\n:label: ex-moving\nMove.\n```\n"
    write(copy, "third", quoting + moving)
    write(copy, "second", chapter("Second", cell.format(27182)))
    assert build(copy).returncode == 0
    assert "Werbos" not in page(copy, "books")
    assert "27182" in page(copy, "third")

    # What moves to a page that is read earlier is nowhere twice.
    cited = f"By {{cite}}`werbos1990backpropagation`.\n{moving}"
    write(copy, "second", chapter("Second", cell.format(31415), prose=cited))
    write(copy, "third", quoting)
    told = build(copy)
    assert told.returncode == 0, told.stderr
    assert "31415" in page(copy, "third")
    assert "Werbos" in page(copy, "books")


@pytest.mark.audit
def test_a_chapter_may_go(copy):
    assert build(copy).returncode == 0
    (copy / "chapters/second.md").rename(copy / "chapters/third.md")
    (copy / "_toc.yml").write_text(
        "format: jb-book\nroot: chapters/index\nchapters:\n  - file: chapters/third\n"
    )
    told = build(copy)
    assert told.returncode == 0, told.stderr
    assert "second second" in page(copy, "third")


def test_a_cell_that_raises_fails_with_chapter_cell_and_traceback(copy):
    write(copy, "second", chapter("Second", "before = 1", "divisor = 0\nprint(before / divisor)"))
    told = build(copy)
    assert told.returncode == 1
    assert "A cell of chapters/second.md failed." in told.stderr
    assert "print(before / divisor)" in told.stderr
    assert "ZeroDivisionError: division by zero" in told.stderr
    assert not (copy / "_build/html").exists()
    # Mended, it runs: the failure was not kept.
    write(copy, "second", chapter("Second", "before = 1", "divisor = 2\nprint(before / divisor)"))
    assert execute(Book(copy)) == ["chapters/second.md"]


def test_a_frame_that_fails_to_render_fails_the_build(copy):
    cell = (
        "from truncated_time.explorers import explore\nfrom tbptt.picture import one_picture\n"
        "explore(one_picture, window=range(3), stride=[1])"
    )
    write(copy, "second", chapter("Second", cell))
    words = "while drawing the frame at {'window': 0, 'stride': 1}"
    with pytest.raises(ChapterError, match=re.escape(words)):
        execute(Book(copy))


WARNED = {
    "link": ("See [there](nowhere.md).", "1", "nowhere"),
    "source": ("Cited {cite}`nobody2020`.", "1", "nobody2020"),
    "glued": ("{glue:text}`unknown`", "1", "unknown"),
    "word": ("Of a {term}`lane`.", "1", "term not in glossary"),
    "needs": ("```{needs}\none thing.\n\nAnother.\n```", "1", "{needs} takes one paragraph"),
    "formula": (r"Of $\frac{a}$.", "1", "Expected argument"),
    "stderr": ("Fine.", "import sys; print('odd', file=sys.stderr)", "stderr was found"),
}


def test_a_warning_is_an_error_and_told_again(copy):
    toc = (copy / "_toc.yml").read_text()
    (copy / "_toc.yml").write_text(toc + "".join(f"  - file: chapters/{it}\n" for it in WARNED))
    for name, (prose, cell, _) in WARNED.items():
        write(copy, name, chapter(name, cell, prose=prose))
    for _ in range(2):  # Sphinx keeps what it has read, and does not warn of it a second time
        told = build(copy)
        assert told.returncode == 1
        assert "a warning is an error" in told.stderr
        for name, (*_, words) in WARNED.items():
            pattern = rf"chapters/{name}\.md.*(WARNING|ERROR).*{re.escape(words)}"
            assert re.search(pattern, told.stderr + told.stdout), name
        assert len(re.findall("WARNING: |ERROR: ", told.stderr + told.stdout)) == len(WARNED)


def test_the_repository_is_linked_where_there_is_one(copy):
    (copy / "_toc.yml").write_text((copy / "_toc.yml").read_text() + "  - file: chapters/words\n")
    write(copy, "words", "# Words\n\nNo code.")
    assert build(copy, GITHUB_REPOSITORY="someone/fork").returncode == 0
    assert 'href="https://github.com/someone/fork"' in page(copy)
    # The fork's notebooks, on the branch that holds them; nothing to launch where there is no code.
    for name in ("index", "second"):
        assert launches(page(copy, name)) == [
            "https://mybinder.org/v2/gh/someone/fork/notebooks"
            f"?urlpath=lab/tree/chapters/{name}.ipynb",
            "https://colab.research.google.com/github/someone/fork/blob/notebooks"
            f"/chapters/{name}.ipynb",
        ]
    assert launches(page(copy, "words")) == []
    assert not (copy / "_build/html/_sources").exists()
    # Without an address there is no button, rather than a dead one.
    assert build(copy, GITHUB_REPOSITORY="").returncode == 0
    assert "btn-source-repository-button" not in page(copy)
    assert "someone/fork" not in page(copy)
    assert launches(page(copy)) == []


def launches(html):
    return re.findall(r'href="(https://(?:mybinder|colab)\.[^"]*)"', html)


def test_chapters_are_executed_at_the_same_time(copy):
    # Each waits for the other's file, so that one after the other they would never end.
    meet = (
        "import pathlib, time\npathlib.Path('{mine}').touch()\n"
        "for _ in range(600):\n    if pathlib.Path('{other}').exists(): break\n"
        "    time.sleep(0.1)\nelse:\n    raise TimeoutError('the other chapter never started')"
    )
    write(copy, "index", chapter("First", meet.format(mine="a.met", other="b.met")))
    write(copy, "second", chapter("Second", meet.format(mine="b.met", other="a.met")))
    assert len(execute(Book(copy), at_once=2)) == 2


def test_many_chapters_that_end_together_are_all_kept(copy):
    # The first two have the same cells, and so the same place in the cache.
    names = [f"part{number}" for number in range(6)]
    for number, name in enumerate(names):
        write(copy, name, chapter(name, f"print('told ' * {max(number, 1)})"))
    (copy / "_toc.yml").write_text(
        "format: jb-book\nroot: chapters/index\nchapters:\n"
        + "".join(f"  - file: chapters/{name}\n" for name in names)
    )
    assert len(execute(Book(copy))) == len(names) + 1  # and the first page
    assert all("told" in outputs(copy, name)[0] for name in names)
    assert execute(Book(copy)) == []


def test_old_caches_are_cleared_away(copy):
    for number in range(5):
        (copy / "data" / "number.txt").write_text(str(number))
        book = Book(copy)
        (book.caches / f"old{number}").mkdir(parents=True)
    execute(Book(copy))
    kept = {path.name for path in book.caches.iterdir()}
    assert book.execution_key() in kept
    assert len(kept) == 3
