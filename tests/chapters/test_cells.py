"""What a notebook for Colab or Binder runs: the cells that a reader sees, and no other."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHAPTERS = sorted(path.stem for path in (ROOT / "chapters").glob("*.md"))
CELL = re.compile(r"^(`{3,})\{code-cell\}[^\n]*\n(.*?)^\1$", re.M | re.S)


def visible(page: str) -> str:
    """Return the code of the cells that the book does not leave out of its notebooks."""
    bodies = [body for _, body in CELL.findall(page) if ":tags: [remove-cell]" not in body]
    code = "\n".join(re.sub(r"^:.*\n", "", body, flags=re.M) for body in bodies)
    return re.sub(r"^(\s*)[%!].*$", r"\1pass", code, flags=re.M)


def undefined(code: str) -> str:
    """Return what is used and defined nowhere."""
    options = ["check", "--isolated", "--select", "F821", "--output-format", "concise", "-"]
    told = subprocess.run(
        [sys.executable, "-m", "ruff", *options],
        input=code, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return "" if told.returncode == 0 else told.stdout + told.stderr


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_visible_cells_need_none_that_is_left_out(chapter):
    page = (ROOT / f"chapters/{chapter}.md").read_text(encoding="utf-8")
    assert undefined(visible(page)) == ""


def test_a_name_from_a_cell_that_is_left_out_is_found():
    page = (
        "```{code-cell} python\n:tags: [remove-cell]\nimport pandas as pd\n```\n\n"
        "```{code-cell} python\npd.DataFrame()\n```\n"
    )
    assert "Undefined name `pd`" in undefined(visible(page))
    assert undefined(visible(page.replace(":tags: [remove-cell]\n", ""))) == ""
