"""The sealed years of the case: read by one experiment, and shown by one cell."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest

from truncated_time.experiments import once, sea
from truncated_time.shipped import table
from truncated_time.tasks import sea_temperature

ROOT = Path(__file__).parents[2]
CELLS = [
    (page.stem, cell)
    for page in sorted((ROOT / "chapters").rglob("*.md"))
    for cell in re.findall(
        r"^```\{code-cell\} python\n(.*?)^```$", page.read_text("utf-8"), re.S | re.M
    )
]
MODULES = [path for path in sorted((ROOT / "code").rglob("*.py")) if path.name != "series.py"]


def names_of(source):
    """Every name, attribute, keyword and imported module of some Python, and its strings."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.keyword(arg=str(name)):
                found.add(name)
            case ast.ImportFrom(module=module, names=names):
                found |= {module, *(alias.name for alias in names)}
            case ast.Import(names=names):
                found |= {alias.name for alias in names}
            case ast.Constant(value=str(text)):
                found.add(text)
    return found


def code_of(cell):
    """A cell without its options."""
    return re.sub(r"^:tags:.*\n", "", cell)


def test_one_experiment_opens_the_series_and_one_unseals_it():
    opens, unseals = set(), set()
    for path in MODULES:
        used = names_of(path.read_text("utf-8"))
        opens |= {path.stem} if used & {"sea_temperature", "elnino"} else set()
        unseals |= {path.stem} if "sealed" in used else set()
    assert opens == {"sea", "__init__"}  # `tasks`, which passes it on
    assert unseals == {"sea", "once"}  # where the word is defined, and where it is said


def test_no_cell_opens_the_sealed_years_and_one_shows_what_the_look_gave():
    shown = []
    for name, cell in CELLS:
        used = names_of(code_of(cell))
        assert not used & {"sea_temperature", "elnino", "sealed", "SEALED"}, (name, cell)
        if re.search(r"results/once/|results\([\"']once|experiments(\.| import .*\b)once\b", cell):
            shown.append((name, "results/once/results.csv" in used))
    assert shown == [("case", True)]


def test_nothing_is_chosen_by_the_sealed_years(monkeypatch):
    before = sea.months()
    ways = sea.simple(before)
    run = sea.run("zeros, last", 12, 12, rate=0.006, seed=0, updates=20)
    level = sea_temperature()
    level[sea.TEST :] = np.nan
    monkeypatch.setattr(sea, "sea_temperature", lambda: level)
    after = sea.months()
    assert np.array_equal(before.x, after.x)
    assert np.array_equal(before.y, after.y)
    assert before.scale == after.scale
    for name, forecast in sea.simple(after).items():
        assert np.array_equal(forecast, ways[name], equal_nan=True), name
    assert sea.run("zeros, last", 12, 12, rate=0.006, seed=0, updates=20) == run
    # The whole series is broken there, so that the test can fail.
    assert np.isnan(sea.months(sealed=True).y).any()


def test_the_parts_do_not_look_into_one_another():
    shut, whole = sea.months(), sea.months(sealed=True)
    level = sea_temperature()
    assert len(level) == 61 * 12
    assert np.array_equal(shut.y, whole.y[: len(shut.y)])
    assert np.array_equal(shut.x, whole.x[: len(shut.x)])
    for month in (0, 400, len(whole.y) - 1):
        assert whole.y[month] == pytest.approx(level[month + 3] - level[month], abs=1e-5)
    last = {"training": shut.end - 1, "validation": shut.validation.stop - 1}
    assert last["training"] + sea.HORIZON < sea.VALIDATION == shut.validation.start
    assert last["validation"] + sea.HORIZON < sea.TEST == once.SEALED.start
    assert len(shut.y) == shut.validation.stop


def test_what_was_looked_at_is_what_the_validation_years_chose():
    errors = {}
    for row in table("results/sea/results.csv"):
        setting = tuple(row[name] for name in ("policy", "k1", "k2", "rate"))
        errors.setdefault(setting, []).append(float(row["validation_error"]))
    assert {len(seeds) for seeds in errors.values()} == {5}
    means = {setting: sum(seeds) for setting, seeds in errors.items()}
    chosen = once.chosen()
    assert min(means, key=means.get) == tuple(str(chosen[name]) for name in chosen)
    assert list(chosen) == ["policy", "k1", "k2", "rate"]
    rows = {
        (row["forecast"], row["seed"]): float(row["test_error"])
        for row in table("results/once/results.csv")
    }
    simple = {once.chosen_simple(), "last year"}
    assert {name for name, _ in rows} == {"network", *simple}
    assert sum(name == "network" for name, _ in rows) == 5
    for name in simple:
        assert once.run(name, 0)["test_error"] == pytest.approx(rows[name, "0"], abs=1e-4)


@pytest.mark.audit
def test_a_network_looks_as_it_did():
    # Another processor rounds otherwise, and a training may end a little elsewhere.
    first = next(row for row in table("results/once/results.csv") if row["forecast"] == "network")
    again = once.run("network", int(first["seed"]))["test_error"]
    assert again == pytest.approx(float(first["test_error"]), abs=0.05)
