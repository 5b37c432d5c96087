"""CONTRIBUTING.md, tried as a new author would: a small chapter with an explorer and an experiment.

In a copy of the book. Whatever the author has to touch must be named there; then the book is built,
checked, and the new notebook launched.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from jupyter_cache import get_cache

from bookbuild.book import Book

pytestmark = pytest.mark.audit

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
COLAB = ROOT / "_build" / "colab" / "bin" / "python"
FILES = {
    "chapter.md": "chapters/warmup.md",
    "figure.py": "code/truncated_time/figures/warmup.py",
    "experiment.py": "code/truncated_time/experiments/warmup.py",
    "exercises.py": "code/truncated_time/exercises/_warmup.py",
    "claims.py": "tests/chapters/test_warmup.py",
}
# Where the new things are named: what stands there already, and what the author writes beside it.
LINES = [
    ("_toc.yml", "      - file: chapters/passing\n", "{}      - file: chapters/warmup\n"),
    (
        "chapters/index.md",
        "\nFor looking things up:",
        "* **[Warm-up](warmup.md)**: how long a state remembers its beginning.\n{}",
    ),
    (
        "chapters/teaching.md",
        "\n## Marking\n",
        '\n**"One window is enough."** ([warm-up](warmup.md))\n'
        ": *Reveals*: reach is taken for memory. *Ask*: how much is left after a window?\n{}",
    ),
    (
        "code/truncated_time/figures/__init__.py",
        "from truncated_time.figures.windowing import",
        "from truncated_time.figures.warmup import fading_start\n{}",
    ),
    (
        "code/truncated_time/figures/__init__.py",
        '    "gradient_bias",\n',
        '    "fading_start",\n{}',
    ),
    (
        "code/truncated_time/experiments/__init__.py",
        '    "unbiased", "vanishing",\n',
        '{}    "warmup",\n',
    ),
    ("code/truncated_time/exercises/__init__.py", "    _windowing,\n", "    _warmup,\n{}"),
    ("code/truncated_time/exercises/__init__.py", " _modern, _chunks, _passing,", "{} _warmup,"),
    (
        "tests/truncated_time/test_exercises.py",
        "RIGHT = {\n",
        '{}    "warm-half": [7], "warm-keep": [0.7943], "warm-twice": [2], "warm-slow": [90],\n',
    ),
    (
        "tests/truncated_time/test_exercises.py",
        "WRONG = [\n",
        '{}    ("warm-half", 5, "what is left"),\n    ("warm-keep", 0.99, "not 1%"),\n'
        '    ("warm-twice", 100, "not for the steps"),\n'
        '    ("warm-slow", 7, "forgotten little"),\n',
    ),
    ("tests/truncated_time/test_figures.py", "    gradient_bias,\n", "    fading_start,\n{}"),
    (
        "tests/truncated_time/test_figures.py",
        "def test_the_calculator_says_what",
        "def test_the_fading_start_counts_its_steps():\n"
        '    assert "below 1% after 44 steps" in title(fading_start(90))\n\n\n{}',
    ),
]


def python(tree, *arguments):
    """Run Python in the copy, with the copy's own packages; return what it says."""
    told = subprocess.run(
        [sys.executable, *arguments],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree / "code")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout


def spare(tree):
    """Give the copy the outputs of the chapters that do not change, to save their execution.

    `results` lists the experiments: it is executed anew.
    """
    known, now = Book(ROOT).cache, Book(tree).cache
    if not now.is_dir():
        shutil.copytree(known, now)
        cache = get_cache(now)
        for record in cache.list_cache_records():
            if Path(record.uri).stem == "results":
                cache.remove_cache(record.pk)


@pytest.fixture(scope="module")
def extended(book, tmp_path_factory, clone, git):
    """Follow CONTRIBUTING.md in a copy of the book, up to `make book` and `make notebooks`."""
    tree = clone(tmp_path_factory.mktemp("extending") / "book")
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--allow-empty", "-m", "as it is now")
    (tree / "_build").mkdir()
    (tree / "_build" / "npm").symlink_to(ROOT / "_build" / "npm")
    for ours, theirs in FILES.items():
        shutil.copy2(HERE / ours, tree / theirs)
    for name, there, line in LINES:
        text = (tree / name).read_text(encoding="utf-8")
        assert text.count(there) == 1, f"{there!r} in {name}"
        (tree / name).write_text(text.replace(there, line.format(there)), encoding="utf-8")
    python(tree, "-m", "truncated_time.experiments", "warmup")
    spare(tree)
    python(tree, "-m", "bookbuild", "--measure", "warmup")
    spare(tree)
    python(tree, "-m", "bookbuild")
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "-m", "A chapter on warm-up")
    python(tree, "-m", "bookbuild", "--notebooks")
    return tree


def named_in_contributing():
    """Return patterns of the paths that CONTRIBUTING.md names."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    paths = {path for path in re.findall(r"`([\w./-]+)`", text) if "/" in path or "." in path}
    return {path.rstrip("/").replace("CHAPTER", "NAME").replace("NAME", "warmup") for path in paths}


def test_nothing_is_touched_that_contributing_does_not_name(extended, git):
    touched = git(extended, "diff", "--name-only", "HEAD~1").split()
    assert len(touched) == len(FILES) + len({name for name, *_ in LINES}) + 4
    named = named_in_contributing()
    for path in touched:
        places = {path, *map(str, Path(path).parents)} - {"."}
        assert places & named, f"CONTRIBUTING.md does not name {path}"


def test_it_is_linted(extended):
    for tool in (["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]):
        python(extended, "-m", *tool)


@pytest.mark.browser
def test_it_is_checked_as_every_chapter_is(extended):
    """The tests of what was added, of the rules that all chapters keep, and of its page."""
    said = python(
        extended, "-m", "pytest", "-q", "-p", "no:cacheprovider",
        "-m", "not audit",
        "-k", "not lighthouse and (warmup or warm- or fading or test_results or test_reference "
        "or test_index or test_teaching or test_every_link or test_every_page_is_valid "
        "or test_every_experiment_is_named or test_the_public)",
        "tests/chapters", "tests/truncated_time/test_figures.py",
        "tests/truncated_time/test_exercises.py", "tests/truncated_time/test_experiments.py",
        "tests/site",
    )  # fmt: skip
    assert re.search(r"\d{2,} passed", said), said
    assert "failed" not in said


def test_its_notebook_runs_in_colab(extended):
    """As `test_colab` does it; the look-alike has the package of another state of the book."""
    notebook = extended / "_build" / "notebooks" / "chapters" / "warmup.ipynb"
    pip = [str(COLAB), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "uninstall", "--yes", "tbptt"], check=True)
    subprocess.run([*pip, "install", "--no-deps", str(extended)], check=True)
    try:
        told = subprocess.run(
            [str(COLAB), str(ROOT / "tests" / "launch" / "drive.py"), str(notebook)],
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
            | {"MPLBACKEND": "module://matplotlib_inline.backend_inline"},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        subprocess.run([*pip, "uninstall", "--yes", "tbptt"], check=True)
    assert told.returncode == 0, told.stderr
    (explorer,) = json.loads(told.stdout.splitlines()[-1])["explorers"]
    assert explorer["positions"] == 5
    assert explorer["frames"] == 5
