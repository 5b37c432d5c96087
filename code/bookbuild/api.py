"""The pages about the package: made from docstrings, and complete.

What autodoc finds undocumented it leaves out in silence. Here every public name without a
docstring, or on no page, is a warning, and a warning fails the build.
"""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.typing import ExtensionMetadata

_LOG = logging.getLogger(__name__)
_PACKAGES = ("tbptt", "truncated_time")
_DESCRIPTORS = (classmethod, property, staticmethod)


def rooms() -> Iterator[ModuleType]:
    """Import the modules that have public names.

    They are each package, every module in it without an underscore, of a package inside it its
    ``__init__`` if that has an ``__all__``, and a module in there that has an ``__all__`` too.
    The experiments have none: they are a command line.
    """
    for name in _PACKAGES:
        package = importlib.import_module(name)
        yield package
        yield from _inside(package)


def _inside(package: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if found.name.rpartition(".")[2].startswith("_"):
            continue
        module = importlib.import_module(found.name)
        if not found.ispkg:
            yield module
        elif hasattr(module, "__all__"):
            yield module
            inner = pkgutil.iter_modules(module.__path__, f"{found.name}.")
            modules = [importlib.import_module(one.name) for one in inner]
            yield from (one for one in modules if hasattr(one, "__all__"))


def public(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """List a module's public functions and classes, and the methods of those, by full name."""
    listed = getattr(module, "__all__", None)
    for name, it in vars(module).items():
        own = not name.startswith("_") and getattr(it, "__module__", None) == module.__name__
        if not (own if listed is None else name in listed):
            continue
        if inspect.isroutine(it) or inspect.isclass(it):
            yield f"{module.__name__}.{name}", it
        for method, function in vars(it).items() if inspect.isclass(it) else ():
            kind = inspect.isfunction(function) or isinstance(function, _DESCRIPTORS)
            if kind and not method.startswith("_"):
                yield f"{module.__name__}.{name}.{method}", getattr(it, method)


def missing(known: set[str]) -> Iterator[str]:
    """Name each public name that has no docstring, or is not among the known, and say so."""
    names = [(name, it) for module in rooms() for name, it in public(module)]
    # Some are in two rooms; one page is enough.
    shown = {_home(it) for name, it in names if name in known}
    for name, it in names:
        if not inspect.getdoc(it):
            yield f"{name} is public and has no docstring."
        elif _home(it) not in shown:
            yield f"{name} is public and on no page about the package."


def _home(it: Any) -> tuple[str, str]:
    it = getattr(it, "fget", it)
    return it.__module__, it.__qualname__


class _Pages:
    """Checks the pages where they may have changed; otherwise nothing need be imported."""

    def __init__(self, app: Sphinx) -> None:
        self.changed = False
        app.connect("env-get-outdated", self.gone)
        app.connect("autodoc-process-docstring", self.read)
        app.connect("env-check-consistency", self.check)

    def gone(self, app: Sphinx, env: BuildEnvironment, *docs: set[str]) -> list[str]:
        """Note that a page has gone."""
        *_, removed = docs
        self.changed |= bool(removed)
        return []

    def read(self, app: Sphinx, *_: Any) -> None:
        """Note that autodoc has read something."""
        self.changed = True

    def check(self, app: Sphinx, env: BuildEnvironment) -> None:
        """Warn of what is missing; books without any such page are the small ones of tests."""
        known = set(env.get_domain("py").objects)  # type: ignore[attr-defined]
        if known and self.changed:
            for message in missing(known):
                _LOG.warning(message)


def _skip(app: Sphinx, what: str, name: str, member: Any, *_: Any) -> bool | None:
    """Leave out the fields of a tuple: the docstring has a section on them."""
    return True if type(member).__name__ == "_tuplegetter" else None


def setup(app: Sphinx) -> ExtensionMetadata:
    """Set autodoc and numpydoc up for phones: short signatures, types beside the parameters."""
    root = Path(os.environ.get("BOOKBUILD_ROOT", app.confdir))
    sys.path.insert(0, str(root / "code"))  # this book's package, not an installed one
    app.setup_extension("sphinx.ext.autodoc")
    app.setup_extension("numpydoc")
    app.connect("config-inited", _configure)
    app.connect("autodoc-skip-member", _skip)
    _Pages(app)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def _configure(app: Sphinx, config: Any) -> None:
    config.autosummary_generate = False  # it would import the package in every build
    config.autodoc_typehints = "none"
    config.autodoc_member_order = "bysource"
    config.numpydoc_show_class_members = False
