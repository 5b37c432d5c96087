"""The public names of both packages, for tests that ask something of every one of them."""

import importlib
import inspect
import pkgutil

DESCRIPTORS = (classmethod, property, staticmethod)


def rooms():
    """Import the modules that have public names.

    They are each package, every module in it without an underscore, of a package inside it its
    ``__init__`` if that has an ``__all__``, and a module in there that has an ``__all__`` too.
    The experiments have none: they are a command line.
    """
    for name in ("tbptt", "truncated_time"):
        package = importlib.import_module(name)
        yield package
        for entry in pkgutil.iter_modules(package.__path__, f"{name}."):
            if entry.name.rpartition(".")[2].startswith("_"):
                continue
            module = importlib.import_module(entry.name)
            if not entry.ispkg:
                yield module
            elif hasattr(module, "__all__"):
                yield module
                inner = pkgutil.iter_modules(module.__path__, f"{entry.name}.")
                modules = [importlib.import_module(part.name) for part in inner]
                yield from (part for part in modules if hasattr(part, "__all__"))


def public(module):
    """Map the full names of a module's public functions and classes, and of their methods."""
    listed = getattr(module, "__all__", None)
    for name, it in vars(module).items():
        own = not name.startswith("_") and getattr(it, "__module__", None) == module.__name__
        if not (own if listed is None else name in listed):
            continue
        if inspect.isroutine(it) or inspect.isclass(it):
            yield f"{module.__name__}.{name}", it
        for method, function in vars(it).items() if inspect.isclass(it) else ():
            kind = inspect.isfunction(function) or isinstance(function, DESCRIPTORS)
            if kind and not method.startswith("_"):
                yield f"{module.__name__}.{name}.{method}", getattr(it, method)
