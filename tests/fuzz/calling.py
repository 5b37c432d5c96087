"""One call with one or two odd arguments, and what became of it."""

from __future__ import annotations

import dis
import inspect
import re
import signal
import traceback
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import tbptt
from fuzz.frozen import frozen, holds, is_extreme, is_nan
from fuzz.values import Foreign

OURS = str(Path(tbptt.__file__).parent)
RECIPES = str(Path(__file__).parent / "recipes")
# A message that helps is a sentence: it has this many words and names an argument.
WORDS = 5
SECONDS = 20
RAISE = dis.opmap["RAISE_VARARGS"]


class Call(NamedTuple):
    """A function and what it is called with, the receiver of a method under ``self``."""

    name: str
    function: Callable[..., Any]
    arguments: dict[str, Any]
    odd: tuple[str, ...]  # which of them are

    def __repr__(self) -> str:
        listed = ", ".join(f"{name}={_shown(value)}" for name, value in self.arguments.items())
        return f"{self.name}({listed})"


class Verdict(NamedTuple):
    """What became of a call, and why that is wrong if it is."""

    kind: str  # result, refused, foreign; or one of WRONG
    why: str = ""


WRONG = ("raw", "wordless", "changed", "nan", "slow")


class TooSlow(BaseException):
    """Raised by the alarm, through whatever catches exceptions."""


@contextmanager
def alarm(seconds: int):
    """Stop what takes longer."""

    def stop(*_):
        raise TooSlow

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


class PartWay(Exception):  # noqa: N818  # carries an error on
    """Raised where something that is made step by step fails after its first step."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


def judge(call: Call, *, documented: tuple[type[BaseException], ...] = ()) -> Verdict:
    """Call it: a result, or an error of ours in words; and nothing is changed that was passed.

    Errors of the types in `documented` need not be ours.
    """
    before = _frozen(call, grads=True)
    without_grads = _frozen(call, grads=False)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"), alarm(SECONDS):
            warnings.simplefilter("ignore")
            result = outcome(call)
    except TooSlow:
        return Verdict("slow", f"took longer than {SECONDS} s")
    except PartWay as part_way:
        # What was made of the steps before is the caller's already.
        verdict = _of_error(call, part_way.error, documented)
        changed = _changed(without_grads, _frozen(call, grads=False))
    except Exception as error:
        verdict = _of_error(call, error, documented)
        changed = _changed(before, _frozen(call, grads=True))
    else:
        asked = call.arguments.get("missing") == "keep"
        silent = (
            not asked
            and holds(result, is_nan)
            and not any(holds(value, is_extreme) for value in call.arguments.values())
        )
        verdict = Verdict("nan", f"{result!r:.200}") if silent else Verdict("result")
        changed = _changed(without_grads, _frozen(call, grads=False), layers=False)
    return Verdict("changed", changed) if changed else verdict


def outcome(call: Call) -> Any:
    """Call it, and ask what is made step by step for all of its steps."""
    arguments = dict(call.arguments)
    receiver = (arguments.pop("self"),) if "self" in arguments else ()
    positional: tuple[Any, ...] = ()
    for parameter in inspect.signature(call.function).parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL and parameter.name in arguments:
            rest = arguments.pop(parameter.name)
            names = [*inspect.signature(call.function).parameters]
            leading = names[: names.index(parameter.name)]
            positional = (*(arguments.pop(name) for name in leading), *rest)
    result = call.function(*receiver, *positional, **arguments)
    if isinstance(result, AbstractContextManager):
        with result:
            return None
    if not inspect.isgenerator(result):
        return result
    # What is made step by step is asked for all of its steps.
    steps: list[Any] = []
    try:
        for step in result:
            steps.append(step)
    except Exception as error:
        if steps:
            raise PartWay(error) from error
        raise
    return steps


def _of_error(call: Call, error: Exception, documented: tuple[type[BaseException], ...]) -> Verdict:
    where = traceback.extract_tb(error.__traceback__)[-1]
    if isinstance(error, Foreign) or _is_of_memory(error) or _is_their_own(call, error):
        return Verdict("foreign")
    text = f"{type(error).__name__}: {error}"
    at = f"{Path(where.filename).name}:{where.lineno}"
    if isinstance(error, documented):
        return Verdict("refused")
    ours = where.filename.startswith(OURS) and _is_raised(error)
    if not ours or not isinstance(error, TypeError | ValueError):
        return Verdict("raw", f"{text[:300]} [{at}]")
    names = [name for name in call.arguments if name != "self"]
    words = re.findall(r"\w+", str(error).lower())
    # One of several is named as one: a block of blocks.
    named = any({name.lower(), name.lower().removesuffix("s")} & {*words} for name in names)
    named = named or not names
    if len(words) < WORDS or not named:
        return Verdict("wordless", f"{text[:300]} [{at}]")
    return Verdict("refused")


def _is_of_memory(error: Exception) -> bool:
    """Say whether there is not enough memory, for which each framework has its own error."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "ResourceExhaustedError"
        or "can't allocate memory" in str(error)
    )


def _is_their_own(call: Call, error: Exception) -> bool:
    """Say whether a function or module that was passed raised it, which is its own affair."""
    passed = [each for name, each in call.arguments.items() if name != "self"]
    codes = [each.__code__ for each in passed if inspect.isfunction(each)]
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename.startswith(RECIPES) or frame.f_code in codes:
            return True
        if any(frame.f_locals.get("self") is each for each in passed if _is_a_module(each)):
            return True
    return False


def _is_a_module(value: Any) -> bool:
    """Say whether it is a layer of PyTorch or Keras, and none of our own."""
    return callable(value) and type(value).__module__.split(".")[0] in ("torch", "keras")


def _is_raised(error: Exception) -> bool:
    """Say whether a statement raised it. What C raises comes from the line that called it."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return last is not None and last.tb_frame.f_code.co_code[last.tb_lasti] == RAISE


def _frozen(call: Call, *, grads: bool) -> dict[str, tuple[Any, ...]]:
    return {name: frozen(value, grads=grads) for name, value in call.arguments.items()}


def _changed(
    before: dict[str, tuple[Any, ...]], now: dict[str, tuple[Any, ...]], *, layers: bool = True
) -> str:
    """Name what is not what it was. The state of layers may change where a call succeeds."""
    for name, value in now.items():
        # A layer of Keras makes its weights when it is first called, and cannot take that back.
        built = before[name] == ("module", ())
        if value != before[name] and not built and (layers or value[0] != "module"):
            return f"{name} is not what it was"
    return ""


def _shown(value: Any) -> str:
    try:
        text = " ".join(repr(value).split())
    except Exception:
        return f"<{type(value).__name__}>"
    if len(text) > 70 and hasattr(value, "shape"):
        text = f"<{type(value).__name__} {getattr(value, 'dtype', '')} {value.shape}>"
    return text if len(text) <= 120 else f"{text[:117]}..."
