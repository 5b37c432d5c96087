"""Every guard can fail: where the fault is put in that turns it red.

A check that cannot fail is none. Each fault is put in beside its check, into a page, a file or a
small book; this is the list of them, and it names nothing that is not there.
"""

import ast
import shutil
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

NAMED = {
    "a cell that raises": (
        "bookbuild/test_strict.py",
        "test_a_cell_that_raises_fails_with_chapter_cell_and_traceback",
    ),
    "a frame that fails": (
        "bookbuild/test_strict.py",
        "test_a_frame_that_fails_to_render_fails_the_build",
    ),
    "a reference to nothing": (
        "bookbuild/test_strict.py",
        "test_a_warning_is_an_error_and_told_again",
    ),
    "a directive that no notebook has": (
        "bookbuild/test_notebooks.py",
        "test_what_cannot_be_written_fails",
    ),
    "an interface that is gone in Colab": (
        "launch/test_colab.py",
        "test_what_would_break_in_colab_is_seen",
    ),
    "a launch button without a notebook": (
        "launch/test_links.py",
        "test_a_link_to_a_missing_file_is_seen",
    ),
    "an odd argument that meets a raw error": (
        "fuzz/test_fuzz.py",
        "test_a_fault_of_each_kind_is_seen",
    ),
    "a public name without a docstring": ("bookbuild/test_api.py", "test_what_is_missing_is_named"),
    "a public name that raises and does not say so": (
        "test_raises.py",
        "test_one_that_does_not_say_so_is_found",
    ),
    "a public function without an example": (
        "test_examples.py",
        "test_a_wrong_example_and_a_missing_one_are_found",
    ),
    "a second build that differs": (
        "bookbuild/test_reproducible.py",
        "test_a_byte_that_differs_would_be_seen",
    ),
    "files that name other versions": ("bookbuild/test_release.py", "test_files_that_disagree"),
    "a workflow with a mistake": ("test_workflows.py", "test_actionlint_would_say_so"),
    "a link to a missing file": (
        "site/test_pages.py",
        "test_a_link_to_a_missing_file_or_place_is_seen",
    ),
    "a page that loads from outside": (
        "site/test_pages.py",
        "test_a_page_that_loads_from_elsewhere_is_seen",
    ),
    "a script that asks outside, or fails": (
        "site/test_every_page.py",
        "test_a_script_that_asks_elsewhere_or_fails_is_seen",
    ),
    "a page that is too heavy": (
        "site/test_every_page.py",
        "test_a_page_that_is_too_heavy_is_seen",
    ),
    "a file that no page loads": ("site/test_pages.py", "test_a_file_that_no_page_loads_is_seen"),
    "a picture without an alternative text": (
        "site/test_pages.py",
        "test_a_picture_without_an_alternative_text_is_seen",
    ),
    "a slider without its frames": (
        "site/test_pages.py",
        "test_a_slider_without_its_frames_is_seen",
    ),
    "a page that is not accessible": ("site/test_accessibility.py", "test_axe_would_say_so"),
    "a page that is not valid": ("site/test_html.py", "test_the_validator_would_say_so"),
    "a benchmark that the README misquotes": (
        "test_docs.py",
        "test_another_benchmark_would_be_seen",
    ),
    "a result that is not the one measured": (
        "truncated_time/test_runner.py",
        "test_damaged_results_are_not_overwritten",
    ),
    "outputs of another state of the package": ("test_faults.py", "test_a_stale_book_is_refused"),
}


@pytest.mark.parametrize("fault", NAMED)
def test_every_fault_is_put_in_by_a_test_that_is_there(fault):
    file, name = NAMED[fault]
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    (test,) = (node for node in tree.body if getattr(node, "name", None) == name)
    assert any(isinstance(node, ast.Assert | ast.With) for node in ast.walk(test))


def test_a_stale_book_is_refused(book, is_built, tmp_path):
    for name in ("code", "data"):
        shutil.copytree(
            book.root / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(book.root / "requirements.lock", tmp_path)
    with pytest.raises(AssertionError, match="no built book"):
        is_built(tmp_path)
    (tmp_path / "_build/html").mkdir(parents=True)
    (tmp_path / "_build/html/index.html").touch()
    (tmp_path / "_build/executed" / book.execution_key()).mkdir(parents=True)
    assert is_built(tmp_path).execution_key() == book.execution_key()
    with (tmp_path / "code/truncated_time/shipped.py").open("a") as file:
        file.write("# Changed.\n")
    with pytest.raises(AssertionError, match="stale"):
        is_built(tmp_path)
