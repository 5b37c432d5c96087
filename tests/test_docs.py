"""What the documents show is what happens."""

import doctest
import re
from pathlib import Path

from tbptt import schedule

ROOT = Path(__file__).parents[1]


def test_the_readmes_example():
    results = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert results.attempted >= 3
    assert results.failed == 0


def test_the_docstrings_example():
    assert doctest.testmod(schedule) == (0, 1)


def test_the_make_targets_that_are_named_exist():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), flags=re.M))
    for name in ("README.md", "CONTRIBUTING.md", "chapters/index.md"):
        named = set(re.findall(r"(?:`|\$ )make (\w+)", (ROOT / name).read_text()))
        assert named <= targets, name


def test_versions_agree():
    import tomllib

    import yaml

    import tbptt

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert project["version"] == citation["version"] == tbptt.__version__
