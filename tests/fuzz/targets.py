"""What is called: the public functions, classes and methods of the library, by their full names."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

from fuzz.values import hostile
from public_names import public, rooms


class Floor(NamedTuple):
    """Rooms that are fuzzed together, and the modules with their recipes."""

    rooms: tuple[str, ...]
    recipes: tuple[str, ...]


# What the library alone makes: what it hands there are parts of its own.
MADE_INSIDE = ("tbptt.pytorch.Seen",)

FLOORS = {
    "ground": Floor(
        ("windows", "splits", "ceilings", "schedule", "cost", "carried", "picture", "measured",
         "drawing", "gates", "random_lengths", "adaptive", "reference"),
        ("windows", "schedules", "oracle"),
    ),
    "pytorch": Floor(("pytorch",), ("pytorch", "layers")),
    "tensorflow": Floor(("tensorflow",), ("tensorflow",)),
    "keras": Floor(("keras",), ("keras",)),
}  # fmt: skip


def is_record(it: Any) -> bool:
    """Say whether something only holds what was computed, or says what others have to have."""
    if not inspect.isclass(it):
        return False
    if dataclasses.is_dataclass(it):
        return not hasattr(it, "__post_init__")  # it checks nothing
    named = hasattr(it, "_fields") or getattr(it, "_is_protocol", False)
    return bool(named) or issubclass(it, BaseException)


def targets(floor: str) -> dict[str, Callable[..., Any]]:
    """Map full names to what is called on a floor."""
    called: dict[str, Callable[..., Any]] = {}
    known = set()
    chosen = [[name] for name in FLOORS[floor].rooms]
    for room in rooms():
        if room.__name__.split(".")[0] != "tbptt" or room.__name__.split(".")[1:2] not in chosen:
            continue
        entries = dict(public(room))
        for name, it in entries.items():
            owner = entries.get(name.rpartition(".")[0])
            if isinstance(it, property) or is_record(it) or (owner and is_record(owner)):
                continue
            if name in MADE_INSIDE:
                continue
            if not set(inspect.signature(it).parameters) - {"self"} or _is_a_callback(owner, name):
                continue
            # A name may be offered by several rooms.
            if (it.__module__, it.__qualname__) not in known:
                known.add((it.__module__, it.__qualname__))
                called[name] = it
    return called


def load(floor: str) -> None:
    """Import the recipes of a floor."""
    for name in FLOORS[floor].recipes:
        importlib.import_module(f"fuzz.recipes.{name}")


def odd_values(floor: str) -> tuple[Callable[[], Any], ...]:
    """Return functions that make hostile values, those of a floor's framework included."""
    modules = [importlib.import_module(f"fuzz.recipes.{name}") for name in FLOORS[floor].recipes]
    own = [make for module in modules for make in getattr(module, "HOSTILE", ())]
    kills = [module.kills for module in modules if hasattr(module, "kills")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd values warn when they are made
        return tuple(
            make for make in (*hostile(), *own) if not any(check(make()) for check in kills)
        )


def _is_a_callback(owner: Any, name: str) -> bool:
    """Say whether a method is one that a framework calls by its name."""
    last = name.rpartition(".")[2]
    return owner is not None and (last.startswith("on_") or last == "forward")
