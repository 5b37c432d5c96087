"""What the documents show is what happens."""

import doctest
import pkgutil
import re
import tomllib
from pathlib import Path
from statistics import median

import pytest
import yaml

import tbptt
from truncated_time.shipped import table

ROOT = Path(__file__).parents[1]


def test_the_readmes_example():
    results = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert results.attempted >= 3
    assert results.failed == 0


def test_the_readmes_engines_run():
    import torch

    from tbptt import Truncation

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (engines,) = [
        block for block in re.findall(r"```python\n(.*?)```", readme, flags=re.S)
        if ">>>" not in block
    ]  # fmt: skip
    cell, inputs = torch.nn.GRUCell(1, 8), torch.zeros(40, 4, 1)
    names = {
        "Truncation": Truncation,
        "cell": cell,
        "loss_fn": lambda outputs, targets=1.0: (outputs - targets).square().mean(),
        "inputs": inputs,
        "blocks": [(block, 1.0) for block in inputs.split(5)],
        "state": torch.zeros(4, 8),
        "optimizer": torch.optim.SGD(cell.parameters(), lr=0.1),
    }
    before = cell.weight_hh.detach().clone()
    exec(engines, names)
    assert names["outputs"].shape == (5, 4, 8)  # of the stream's last block
    assert not torch.equal(before, cell.weight_hh)


def test_the_make_targets_that_are_named_exist():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), flags=re.M))
    for name in ("README.md", "CONTRIBUTING.md", "chapters/index.md"):
        named = set(re.findall(r"(?:`|\$ )make (\w+)", (ROOT / name).read_text()))
        assert named <= targets, name


def test_the_version_stands_in_the_package_and_is_quoted_right():
    assert "version" not in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == tbptt.__version__
    assert f"version = {{{tbptt.__version__}}}" in (ROOT / "chapters/index.md").read_text()


def test_where_the_changelog_says_that_a_name_went_it_is():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    rows = re.findall(r"^ *\| `(tbptt\.[\w.]+)`.*? \| `([\w.]+)`", changelog, flags=re.M)
    assert len(rows) >= 11
    for before, now in rows:
        assert before != now
        assert resolves(now), now
        assert not resolves(before), f"{before} is still there"


def resolves(name):
    """Tell whether a dotted name is a module, or something in one."""
    try:
        pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True


def assert_benchmark_quoted(readme, timing):
    """Assert that the README says what the benchmark measured."""

    def ratio(cell, baseline, k1):
        return median(
            float(row["ratio"])
            for row in timing
            if (row["cell"], row["baseline"], row["k1"], row["steps"])
            == (cell, baseline, str(k1), "200")
        )

    for k1 in (1, 10):
        told = ", ".join(f"{ratio(cell, 'fused', k1):.1f}" for cell in ("RNN", "GRU", "LSTM"))
        assert f"| {told} times |" in readme
    assert f"| {1 / ratio('LSTM', 'errors', 1):.0f} times faster |" in readme


def test_the_readme_quotes_the_benchmark_as_it_was_measured():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert_benchmark_quoted(readme, table("results/timing/results.csv"))
    peaks = {}
    for row in table("results/memory/results.csv"):
        peaks.setdefault(row["steps"], []).append(float(row["peak_mib"]))
    ends = [median(peaks[steps]) for steps in ("10000", "1000000")]
    assert "the same within 0.1%" in readme
    assert abs(ends[1] / ends[0] - 1) < 0.001


@pytest.mark.parametrize(
    ("framework", "baseline", "places"), [("PyTorch", "floor", 2), ("TensorFlow", "fused", 1)]
)
def test_the_readme_quotes_how_near_the_floor_is(framework, baseline, places):
    ratios = {}
    for row in table("results/floor/results.csv"):
        wanted = (framework, baseline, "1", "200")
        if (row["framework"], row["baseline"], row["k1"], row["steps"]) == wanted:
            ratios.setdefault(row["cell"], []).append(float(row["ratio"]))
    told = ", ".join(f"{median(ratios[cell]):.{places}f}" for cell in ("RNN", "GRU", "LSTM"))
    assert f"| {told} times |" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_another_benchmark_would_be_seen():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    slower = [
        row | {"ratio": str(1.5 * float(row["ratio"]))}
        for row in table("results/timing/results.csv")
    ]
    with pytest.raises(AssertionError):
        assert_benchmark_quoted(readme, slower)
