"""Rules that every chapter keeps."""

import re
from pathlib import Path

import pytest
import yaml

from truncated_time.shipped import table

CHAPTERS_FOLDER = Path(__file__).parents[2] / "chapters"
CHAPTERS = sorted(CHAPTERS_FOLDER.glob("*.md"))
TOC = yaml.safe_load((CHAPTERS_FOLDER.parent / "_toc.yml").read_text(encoding="utf-8"))
# What is a chapter says the table of contents; the second part is back matter.
IN_ORDER = [Path(entry["file"]).name for entry in TOC["parts"][0]["chapters"]]
NOTEBOOKS = [path for path in CHAPTERS if "{code-cell}" in path.read_text(encoding="utf-8")]


def prose(path):
    """Return a chapter's words: no front matter, cells, maths, inline code or roles."""
    text = path.read_text(encoding="utf-8").split("---\n", 2)[-1]
    text = re.sub(r"^(`{3,})\{?(code-cell|console|bibtex).*?^\1$", "", text, flags=re.S | re.M)
    text = re.sub(r"\$\$.*?\$\$|\$[^$]*\$", "", text, flags=re.S)
    return re.sub(r"\{[\w:-]+\}`[^`]*`|`[^`]*`", "", text)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_decimals_in_the_prose_are_quoted_from_cells(path):
    # A result has decimals. Whoever types one into the text has to glue it instead; what an
    # exercise works out by hand stands in its solution, which a cell asserts.
    body = prose(path)
    before_exercises = body.split("## Exercises")[0]
    versions = re.sub(r"\(https[^)]*\)|CC BY 4\.0|(Python|Keras) 3\.\d+", "", before_exercises)
    assert re.findall(r"\b\d+\.\d+\b", versions) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_front_matter_makes_it_a_notebook(path):
    head = path.read_text(encoding="utf-8").split("---\n", 2)[1]
    assert "jupytext:" in head
    assert "kernelspec:" in head


def test_every_page_that_asks_for_a_prediction_is_a_chapter():
    # Whoever puts a chapter into the back matter would be free of its form.
    asking = {path for path in NOTEBOOKS if ":label: ex-" in path.read_text(encoding="utf-8")}
    assert asking == {CHAPTERS_FOLDER / f"{name}.md" for name in IN_ORDER}


@pytest.mark.parametrize("name", IN_ORDER)
def test_a_chapter_has_its_form(name):
    text = (CHAPTERS_FOLDER / f"{name}.md").read_text(encoding="utf-8")
    assert "**You will be able to**" in text
    assert "Predict" in text
    assert "The misconception" in text
    assert text.index("## What to remember") < text.index("## Exercises")
    exercises = set(re.findall(r":label: (ex-[\w-]+)", text))
    solutions = set(re.findall(r"\{solution-start\} (ex-[\w-]+)\n:class: dropdown", text))
    assert exercises == solutions
    assert len(exercises) >= 3
    # The picture before the algebra.
    assert text.index("explore(") < (text + "$$").index("$$")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_code_fits_a_phone_in_landscape(path):
    text = path.read_text(encoding="utf-8")
    cells = re.findall(r"^```\{code-cell\}.*?\n(.*?)^```$", text, flags=re.S | re.M)
    shown = [line for cell in cells for line in cell.splitlines() if "remove-cell" not in cell]
    assert max(map(len, shown)) <= 80


def test_published_figures_are_all_used():
    text = "".join(path.read_text(encoding="utf-8") for path in NOTEBOOKS)
    for row in table("published.csv"):
        assert f'published["{row["key"]}"]' in text
