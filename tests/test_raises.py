"""A public name that raises says what: found in the source, calls of our own functions included."""

import ast
import dataclasses
import inspect
import pkgutil
import textwrap
from functools import cache

import pytest

from public_names import public, rooms
from tbptt._checks import length

OURS = ("tbptt", "truncated_time")


def ours(it):
    return getattr(it, "__module__", "").partition(".")[0] in OURS


@cache
def calls(function):
    """Return whether a function has a ``raise`` of its own, and the names of what it calls."""
    nodes = list(ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))))
    called = [node.func for node in nodes if isinstance(node, ast.Call)]
    return any(isinstance(node, ast.Raise) for node in nodes), called


def made_by(cls):
    """Yield what runs when an object is made: the nearest constructor that is ours."""
    names = ("__post_init__",) if dataclasses.is_dataclass(cls) else ("__init__", "__new__")
    for base in cls.__mro__:
        found = [vars(base)[name] for name in names if ours(base) and name in vars(base)]
        if found:
            yield from found
            return


def resolve(called, function, owner):
    """Find what a call calls: a name of the module, or a method of the object's own or of above."""
    if isinstance(called, ast.Name):
        return function.__globals__.get(called.id)
    if not isinstance(called, ast.Attribute) or owner is None:
        return None
    above = called.value
    if isinstance(above, ast.Name) and above.id in ("self", "cls"):
        return inspect.getattr_static(owner, called.attr, None)
    if isinstance(above, ast.Call) and getattr(above.func, "id", "") == "super":
        mine = next(base for base in owner.__mro__ if function in map(bare, vars(base).values()))
        later = owner.__mro__[owner.__mro__.index(mine) + 1 :]
        return next((vars(base)[called.attr] for base in later if called.attr in vars(base)), None)
    return None


def bare(it):
    """Return the function of a property, a class method or a static one."""
    return getattr(it, "fget", None) or getattr(it, "__func__", it)


def raises(it, owner=None, seen=()):
    """Say whether a function, or the making of an object of a class, may raise in our code."""
    it = bare(it)
    if it in seen or not ours(it):
        return False
    if inspect.isclass(it):
        return any(raises(function, it, (*seen, it)) for function in made_by(it))
    if not inspect.isfunction(it):
        return False
    own, called = calls(inspect.unwrap(it))
    found = (resolve(one, inspect.unwrap(it), owner) for one in called)
    return own or any(raises(one, owner, (*seen, it)) for one in found if one is not None)


def says(it):
    return "\nRaises\n------" in (inspect.getdoc(it) or "")


def silent(names):
    """Yield those that raise and do not say so; a class may say it for all of its methods."""
    for name, it in names.items():
        holder = pkgutil.resolve_name(name.rpartition(".")[0])
        owner = holder if inspect.isclass(holder) else None
        if raises(it, owner) and not says(it) and not (owner and says(owner)):
            yield name


@pytest.fixture(scope="module")
def names():
    return {name: it for room in rooms() for name, it in public(room)}


def test_every_public_name_that_raises_says_what(names):
    # Most ask by a helper, some in a class above.
    for name in (
        "tbptt.Truncation.passes",
        "tbptt.pytorch.evolution.NRES",
        "tbptt.pytorch.forward_mode.SnAp",
        "tbptt.pytorch.forward_mode.SnAp.advance",
        "tbptt.pytorch.recurrences.MinGRU",
        "tbptt.keras.ResetState",
    ):
        assert raises(names[name], pkgutil.resolve_name(name.rpartition(".")[0])), name
    assert list(silent(names)) == []


class Raising:
    """Says nothing."""

    def __init__(self, size):
        self.size = length("size", size)


class Below(Raising):
    """Says nothing either."""

    def __init__(self, size):
        super().__init__(size)

    def method(self):
        return self.size


class Saying(Below):
    """Says it.

    Raises
    ------
    ValueError
        If `size` is below 1.
    """


def test_one_that_does_not_say_so_is_found(monkeypatch):
    monkeypatch.setitem(globals(), "OURS", (*OURS, __name__.partition(".")[0]))
    monkeypatch.setattr(pkgutil, "resolve_name", lambda name: globals().get(name))
    names = {
        kind.__name__: kind for kind in (Raising, Below, Saying)
    } | {"Below.method": Below.method}  # fmt: skip
    assert list(silent(names)) == ["Raising", "Below"]
