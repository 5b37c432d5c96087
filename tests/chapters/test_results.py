"""How the results were made: each experiment is there, whole, and the table is current."""

import importlib
import json
import re
import tomllib
from pathlib import Path

import pytest

from bookbuild.book import Book
from bookbuild.execute import executions
from truncated_time.experiments import NAMES, module
from truncated_time.experiments.shared import results
from truncated_time.shipped import table

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "data" / "results"
MEMORY = 1536  # MiB; Binder promises between 1 and 2 GB


@pytest.fixture(scope="module")
def said(glued):
    return glued("results")


@pytest.fixture(scope="module")
def notes():
    return {
        folder.name: json.loads((folder / "provenance.json").read_text())
        for folder in SHIPPED.iterdir()
    }


def test_every_folder_of_results_is_whole_and_has_a_maker(notes):
    assert set(notes) == {*NAMES, "chapters"}
    for name in notes:
        assert results.check(SHIPPED / name)["sha256"], name
        assert (ROOT / "_build").as_posix() not in json.dumps(notes[name])


def test_what_the_page_adds_up(said, notes):
    assert said["n_experiments"] == len(NAMES)
    assert said["n_rows"] == sum(len(table(f"results/{name}/results.csv")) for name in NAMES)
    seconds = sum(notes[name]["seconds"] for name in NAMES)
    assert said["hours"] == pytest.approx(seconds / 3600)


def test_experiments_ran_with_the_locked_versions(notes):
    lock = (ROOT / "requirements.lock").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (constraint,) = project["tool"]["uv"]["constraint-dependencies"]
    for name, told in notes.items():
        # A GPU has a PyTorch built for it, as its note says.
        on_gpu = told["options"].get("device") == "cuda"
        assert on_gpu == ("NVIDIA" in told["machine"]), name
        if "torch" in told["versions"] and not on_gpu:
            assert f"torch=={told['versions']['torch'].partition('+')[0]}" == constraint, name
    assert constraint in lock


def test_the_table_of_chapters_is_of_the_chapters_as_they_are():
    rows = {row["chapter"]: int(row["cells"]) for row in table("results/chapters/results.csv")}
    now = {took.chapter: took.cells for took in executions(Book(ROOT))}
    assert rows == now, "run `python -m bookbuild --measure`"


def test_no_chapter_takes_more_memory_than_binder_has(said):
    for took in executions(Book(ROOT)):
        print(f"{took.chapter}: {took.seconds:.0f} s, {took.peak_mib:.0f} MiB")
        assert 30 < took.peak_mib < MEMORY, took
    kept = [int(row["peak_mib"]) for row in table("results/chapters/results.csv")]
    assert max(kept) == said["peak"] < MEMORY


def test_what_holds_on_another_processor_is_said_of_every_experiment(said):
    assert sorted(name for names in said["elsewhere"].values() for name in names) == sorted(NAMES)
    assert set(said["elsewhere"]) == {"digits", "means", "counts", "ratios"}


MEASURES = re.compile(r"perf_counter|process_time|peak_kib|tracemalloc")


def trains(name):
    """Whether a run trains a network, itself or through another experiment."""
    source = Path(importlib.import_module(module(name)).__file__).read_text()
    others = re.findall(r"from truncated_time\.experiments import (.*)", source)
    others += re.findall(r"from truncated_time\.experiments\.(\w+) import", source)
    known = {name.replace("-", "_"): name for name in NAMES}
    return (
        "Adam" in source
        or "forecasting import train" in source
        or "Fleet" in source
        or any(
            trains(known[other]) for line in others for other in line.split(", ") if other in known
        )
    )


def test_what_holds_is_what_the_runs_do(said):
    for kind, names in said["elsewhere"].items():
        for name in names:
            source = Path(importlib.import_module(module(name)).__file__).read_text()
            # One training notes its seconds as well; no sentence compares them.
            measures = bool(MEASURES.search(source)) and name != "stateful"
            assert measures == (kind == "ratios"), name
            if not measures:
                assert trains(name) == (kind != "digits"), name


def test_what_a_page_stores_by_name_is_quoted_or_tested(glued):
    """A value that nothing reads is one that nobody would miss if it were wrong."""
    pages = {path.stem: path.read_text("utf-8") for path in (ROOT / "chapters").glob("*.md")}
    tests = "\n".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("*.py"))
    quoted = re.findall(r"\{glue:text\}`(?:\w[\w-]*\.md::)?(\w+)", "\n".join(pages.values()))
    # A test may make a name of parts: said[f"{cell}_ten"].
    parts = re.findall(r'\[f"([^"]+)"\]', tests)
    made = [re.compile(re.sub(r"\\\{.*?\\\}", ".+", re.escape(part))) for part in parts]
    unread = [
        f"{name}: {key}"
        for name, text in pages.items() if "glue(" in text
        for key in glued(name)
        if re.search(rf"\b{re.escape(key)}=", text)
        and key not in quoted and not re.search(rf"\b{re.escape(key)}\b", tests)
        and not any(pattern.fullmatch(key) for pattern in made)
    ]  # fmt: skip
    assert unread == []
