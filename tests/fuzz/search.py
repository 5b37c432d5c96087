"""Try calls at random and count what becomes of them."""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Callable
from inspect import Parameter, signature
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from fuzz.calling import WRONG, Call, Verdict, judge
from fuzz.recipes import RECIPES
from fuzz.values import altered

MOST_ODD = 2


@st.composite
def calls(draw: Any, name: str, function: Callable[..., Any], odd_values: tuple[Any, ...]) -> Call:
    """Draw a sensible call in which at most two arguments are odd."""
    arguments = RECIPES[name](draw)
    parameters = {each.name: each.kind for each in signature(function).parameters.values()}
    choices = sorted(set(arguments) - {"self"})
    odd = draw(st.lists(st.sampled_from(choices), unique=True, max_size=MOST_ODD))
    for each in odd:
        beside = altered(arguments[each]) if draw(st.booleans()) else []
        make = draw(st.sampled_from(beside or odd_values))
        try:
            value = make()
        except (TypeError, ValueError):  # not every change can be made to every value
            value = None
        several = parameters.get(each) is Parameter.VAR_POSITIONAL
        arguments[each] = (value,) if several and not beside else value
    return Call(name, function, arguments, tuple(odd))


class Found(NamedTuple):
    """The smallest call of a function that went wrong in one way."""

    call: str
    why: str


class Count(NamedTuple):
    """What became of the calls of one function."""

    name: str
    tried: int
    kinds: Counter[str]
    found: dict[str, Found]  # by kind and the place where it was raised


def search(
    name: str,
    function: Callable[..., Any],
    *,
    odd_values: tuple[Any, ...],
    seconds: float,
    most: int = 10**9,
    start: int = 0,
) -> Count:
    """Try calls of a function until the time is up, or `most` of them."""
    kinds: Counter[str] = Counter()
    found: dict[str, Found] = {}
    end = time.monotonic() + seconds
    batch = min(most, 200)

    def note(call: Call) -> None:
        if time.monotonic() > end or kinds.total() >= most:
            return
        shown = repr(call)
        verdict = judge(call)
        kinds[verdict.kind] += 1
        if verdict.kind in WRONG:
            key = f"{verdict.kind} {_place(verdict)}"
            if key not in found or len(shown) < len(found[key].call):
                found[key] = Found(shown, verdict.why)

    while time.monotonic() < end and kinds.total() < most:
        attempt = seed(start)(
            settings(
                max_examples=batch, database=None, deadline=None, phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )(given(calls(name, function, odd_values))(note))
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd values warn when they are made
            attempt()
        start += 1
    return Count(name, kinds.total(), kinds, found)


def _place(verdict: Verdict) -> str:
    return verdict.why.rpartition("[")[2] or verdict.why
