"""Names of the packages: none stands for two things."""

import importlib
import pkgutil
from types import ModuleType

import pytest

import tbptt
import truncated_time


def packages():
    """Both packages, and the packages inside of them."""
    for root in (tbptt, truncated_time):
        yield root.__name__
        for found in pkgutil.walk_packages(root.__path__, f"{root.__name__}."):
            if found.ispkg:
                yield found.name


def shadows(package):
    """Modules of a package that cannot be reached, since something else has their name."""
    names = [module.name for module in pkgutil.iter_modules(package.__path__)]
    # What has not been imported yet is no attribute, and hides nothing.
    there = [name for name in names if hasattr(package, name)]
    return [name for name in there if not isinstance(getattr(package, name), ModuleType)]


@pytest.mark.parametrize("name", list(packages()))
def test_nothing_hides_a_module(name):
    assert shadows(importlib.import_module(name)) == []


def test_a_function_that_hides_its_module_is_found(tmp_path, monkeypatch):
    (tmp_path / "book").mkdir()
    (tmp_path / "book/__init__.py").write_text("from book.pairs import pairs\n")
    (tmp_path / "book/pairs.py").write_text("def pairs(): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert shadows(importlib.import_module("book")) == ["pairs"]
