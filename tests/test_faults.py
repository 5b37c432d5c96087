"""Every guard can fail: a fault is put into a copy of the book, and a check goes red.

Faults that need a build or an environment of their own are put in where those are: `NAMED` says
where. The others are here: a clone with the built pages, one thing broken in it, and the test that
has to notice, run as CI runs it.
"""

import gzip
import json
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

NAMED = {
    "a cell that raises": "bookbuild/test_strict.py::test_a_cell_that_raises_fails",
    "a frame that fails": "bookbuild/test_strict.py::test_a_frame_that_fails_to_render",
    "a reference to nothing": "bookbuild/test_strict.py::test_a_warning_is_an_error",
    "a directive that no notebook has": (
        "bookbuild/test_notebooks.py::test_what_cannot_be_written_fails"
    ),
    "an interface that is gone in Colab": "launch/test_colab.py::test_what_would_break_in_colab",
    "a slider whose callback raises": "launch/test_colab.py::test_what_would_break_in_colab",
    "a launch button without a notebook": "launch/test_links.py::test_a_link_to_a_missing_file",
    "a public name without a docstring": "bookbuild/test_api.py::test_what_is_missing_is_named",
    "a second build that differs": "bookbuild/test_reproducible.py::test_a_byte_that_differs",
    "files that name other versions": "bookbuild/test_release.py::test_files_that_disagree",
    "a workflow with a mistake": "test_workflows.py::test_actionlint_would_say_so",
}


@pytest.mark.parametrize("fault", NAMED)
def test_faults_that_are_put_in_elsewhere(fault):
    file, _, name = NAMED[fault].partition("::")
    assert f"def {name}" in (ROOT / "tests" / file).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def copy(book, tmp_path_factory, clone):
    """Clone the book, with the pages and outputs that were built from it."""
    tree = clone(tmp_path_factory.mktemp("faults") / "book")
    (tree / "_build").mkdir()
    shutil.copytree(book.html, tree / "_build" / "html")
    for name in ("executed", "npm"):
        (tree / "_build" / name).symlink_to(ROOT / "_build" / name)
    return tree


def run(tree, test):
    """Run a test in the copy; return what pytest says."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"tests/{test}"],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree / "code")},
        capture_output=True,
        text=True,
        check=False,
    )


def edit(path, pattern, new):
    text = path.read_text(encoding="utf-8")
    changed, found = re.subn(pattern, lambda _: new, text, count=1, flags=re.DOTALL)
    assert found, f"{pattern} is not in {path}"
    path.write_text(changed, encoding="utf-8")


def heavier(path):
    """Add words that do not shrink: what a picture put into a page would weigh."""
    words = "".join(random.Random(0).choices("0123456789abcdef", k=2_000_000))
    assert len(gzip.compress(words.encode())) > 800_000
    edit(path, "</article>", f"<p hidden>{words}</p></article>")


def other_result(path):
    """Make every ratio of a shipped result half as large again, and sign for it."""
    header, *rows = path.read_text(encoding="utf-8").splitlines()
    place = header.split(",").index("ratio")
    lines = [header]
    for row in rows:
        fields = row.split(",")
        fields[place] = str(float(fields[place]) * 1.5)
        lines.append(",".join(fields))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def other_output(path):
    """Let the note of a result name a digest that the result has not."""
    told = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(told | {"sha256": "0" * 64}), encoding="utf-8")


HTML = "_build/html/chapters"
FAULTS = {
    "a link to a missing file": (
        f"{HTML}/bptt.html", lambda path: edit(path, 'href="windowing.html"', 'href="gone.html"'),
        "site/test_pages.py::test_every_link_within_the_book_leads_somewhere", "gone.html",
    ),
    "a page that loads from outside": (
        f"{HTML}/bptt.html",
        lambda path: edit(path, "</body>", '<script src="https://example.org/a.js"></script>'),
        "site/test_pages.py::test_nothing_is_loaded_from_elsewhere", "example.org",
    ),
    "a script that asks outside, when it runs": (
        f"{HTML}/index.html",
        lambda path: edit(path, "</body>", "<script>fetch('https://example.org/x')</script>"),
        "site/test_browser.py::test_the_widget_script_waits_for_the_reader", "outside the site",
    ),
    "a picture without an alternative text": (
        f"{HTML}/bptt.html", lambda path: edit(path, "</article>", '<img src="a.png"></article>'),
        "site/test_pages.py::test_every_image_has_an_alternative_text", "bptt.html",
    ),
    "a slider without its frames": (
        f"{HTML}/bptt.html",
        lambda path: edit(
            path, r'<script type="application/vnd\.jupyter\.widget-state.*?</script>', ""
        ),
        "site/test_pages.py::test_every_explorer_has_its_state_and_its_still", "bptt.html",
    ),
    "a page that is too heavy": (
        f"{HTML}/index.html", heavier,
        "site/test_browser.py::test_pages_are_light_until_a_slider_is_touched", "index.html",
    ),
    "a script that fails in the page": (
        f"{HTML}/index.html",
        lambda path: edit(path, "</body>", "<script>throw new Error('broken')</script></body>"),
        "site/test_browser.py::test_the_widget_script_waits_for_the_reader", "broken",
    ),
    "outputs of another state of the package": (
        "code/tbptt/schedule.py", lambda path: edit(path, '"""', '# Changed.\n"""'),
        "site/test_pages.py::test_no_button_leads_nowhere", "stale",
    ),
    "a claim that no longer holds": (
        "data/results/timing/results.csv", other_result,
        "test_docs.py::test_the_readme_quotes_the_benchmark_as_it_was_measured", "AssertionError",
    ),
    "a result that is not the one that was measured": (
        "data/results/leak/provenance.json", other_output,
        "chapters/test_results.py::test_every_folder_of_results_is_whole_and_has_a_maker",
        "is not the file",
    ),
}  # fmt: skip


@pytest.mark.build
@pytest.mark.browser
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_turns_its_check_red(copy, tmp_path, fault):
    name, put_in, test, words = FAULTS[fault]
    whole = shutil.copy2(copy / name, tmp_path / "whole")
    try:
        put_in(copy / name)
        told = run(copy, test)
    finally:
        shutil.copy2(whole, copy / name)
    assert told.returncode == 1, told.stdout + told.stderr
    assert words in told.stdout


@pytest.mark.build
@pytest.mark.browser
def test_without_a_fault_all_of_these_are_green(copy):
    tests = sorted({test for _, _, test, _ in FAULTS.values()})
    for test in tests:
        told = run(copy, test)
        assert told.returncode == 0, told.stdout
