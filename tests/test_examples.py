"""Every public name shows an example, and every example does what it shows."""

import doctest
import importlib
import inspect
import pkgutil
import re
import warnings
from unittest.mock import patch

import pytest
from IPython.core.interactiveshell import InteractiveShell

import tbptt
import truncated_time
from public_names import public, rooms

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
OURS = ("bookbuild", "tbptt", "truncated_time")


def modules():
    """Name every module of both packages but those that are a command line."""
    for package in (tbptt, truncated_time):
        yield package.__name__
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "experiments" not in module.name:
                yield module.name


def examples(module):
    """List a module's examples. They see nothing but what they import, as at a reader's prompt."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    return [test for test in finder.find(module, globs={}) if test.examples]


def run(test):
    """Run an example; return what went wrong, and "" if nothing did."""
    report = []
    # Another test may have started IPython in this process; here nobody has.
    alone = patch.object(InteractiveShell, "initialized", return_value=False)
    with warnings.catch_warnings(), alone:
        doctest.DocTestRunner(optionflags=FLAGS).run(test, out=report.append)
    return "".join(report)


@pytest.mark.parametrize("name", list(modules()))
def test_examples_do_what_they_show(name):
    for example in examples(importlib.import_module(name)):
        assert not run(example), example.name


def called_by_a_framework(cls, method):
    """Say whether a method is there because somebody else's base class asks for it."""
    others = (base for base in cls.__mro__ if base.__module__.partition(".")[0] not in OURS)
    return any(hasattr(base, method) for base in others)


def without_example(module):
    """List the public functions and classes without an example, and the methods in none."""
    lines = [line for _, it in public(module) for line in (inspect.getdoc(it) or "").splitlines()]
    code = "\n".join(line for line in lines if line.startswith((">>>", "...")))
    for name, it in public(module):
        owner, _, last = name.removeprefix(f"{module.__name__}.").rpartition(".")
        if owner:
            called = called_by_a_framework(getattr(module, owner), last)
            shown = called or re.search(rf"\.{last}\b", code)
        else:
            shown = ">>>" in (inspect.getdoc(it) or "")
        if not shown:
            yield name


def test_every_public_name_is_in_an_example():
    assert [name for module in rooms() for name in without_example(module)] == []


def test_a_wrong_example_and_a_missing_one_are_found():
    def wrong():
        """>>> 1 + 1
        3
        """

    module = type(doctest)("room")
    module.wrong, module.bare = wrong, lambda: None
    wrong.__module__ = module.bare.__module__ = "room"
    (example,) = doctest.DocTestFinder().find(wrong, globs={})
    assert "Got:\n    2" in run(example)
    assert list(without_example(module)) == ["room.bare"]
