"""What a chapter makes of a shipped file: the cells that read it, run in this process.

A slice holds the statements that read the file, those that go on with what they read, and whatever
these need from before. It is run with the file as it is and with other rows in it: if the same
comes out, nobody reads them.
"""

from __future__ import annotations

import ast
import contextlib
import io
import itertools
import re
import symtable
import warnings
from collections.abc import Callable, Iterator, Mapping, Set
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from unittest import mock

import pandas as pd

from truncated_time import explorers, notebook, shipped

CHAPTERS = Path(__file__).parents[1] / "chapters"
CELL = re.compile(r"^```\{code-cell\} python\n((?::[^\n]*\n)*)(.*?)^```$", re.S | re.M)
Rows = list[dict[str, str]]


class Statement(NamedTuple):
    """A statement of a chapter, and the names that it assigns, changes in place, and uses."""

    code: str
    assigned: set[str]
    changed: set[str]
    used: set[str]


def statements_of(chapter: str) -> list[Statement]:
    """List the statements of a chapter's cells, but for the exercises."""
    text = (CHAPTERS / f"{chapter}.md").read_text(encoding="utf-8").split("\n## Exercises\n")[0]
    found = []
    for _, cell in CELL.findall(text):
        for node in ast.parse(cell).body:
            found += [statement(ast.unparse(part)) for part in parts(node)]
    return found


def parts(node: ast.stmt) -> Iterator[ast.stmt]:
    """Take a call of `glue` apart, each of its values alone."""
    match node:
        case ast.Expr(value=ast.Call(func=ast.Name(id="glue") as function, keywords=keywords)):
            for keyword in keywords:
                yield ast.Expr(ast.Call(function, [], [keyword]))
        case _:
            yield node


def statement(code: str) -> Statement:
    """Find a statement's names, those in its functions included."""
    top = symtable.symtable(code, "statement", "exec")
    symbols, inner = top.get_symbols(), list(top.get_children())
    used = {symbol.get_name() for symbol in symbols if symbol.is_referenced()}
    assigned = {
        symbol.get_name() for symbol in symbols if symbol.is_assigned() or symbol.is_imported()
    }
    while inner:
        scope = inner.pop()
        used |= {symbol.get_name() for symbol in scope.get_symbols() if symbol.is_global()}
        inner += scope.get_children()
    tree = ast.parse(code)
    if isinstance(tree.body[0], ast.For | ast.With):
        used -= assigned  # its own variables
    if isinstance(tree.body[0], ast.AugAssign):
        used |= assigned  # what was there before
    return Statement(code, assigned, changed(tree), used)


def changed(tree: ast.AST) -> set[str]:
    """Names of what is changed in place: an item or a part is set, or a method is called."""
    names = set()
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(ctx=ast.Store()) | ast.Attribute(ctx=ast.Store()):
                base: ast.AST = node
            case ast.Expr(value=ast.Call(func=ast.Attribute() as base)):
                pass
            case _:
                continue
        while isinstance(base, ast.Subscript | ast.Attribute):
            base = base.value
        names |= {base.id} if isinstance(base, ast.Name) else set()
    return names


def slice_of(statements: list[Statement], experiment: str) -> list[str]:
    """Choose the statements that have to do with an experiment's results."""
    reads = re.compile(rf"results/{experiment}/results\.csv|results\('{experiment}'\)")
    tainted: set[str] = set()
    chosen = set()
    for place, (code, assigned, altered, used) in enumerate(statements):
        if reads.search(code) or used & tainted:
            chosen.add(place)
            tainted |= assigned | altered
        else:
            tainted -= assigned
    waiting = sorted(chosen)
    while waiting:
        place = waiting.pop()
        for name in statements[place].used:
            made = [n for n in range(place) if name in statements[n].assigned]
            since = made[-1] if made else 0
            later = [n for n in range(since, place) if name in statements[n].changed]
            for before in {*made[-1:], *later} - chosen:
                chosen.add(before)
                waiting.append(before)
    return [statements[place].code for place in sorted(chosen)]


def shown(value: Any) -> str:
    """Say all of a value that a page may show a part of."""
    return value.to_csv() if isinstance(value, pd.DataFrame | pd.Series) else repr(value)


def frames(render: Callable[..., Any], **given: Any) -> None:
    """Print every frame of an explorer."""
    axes = {name: values for name, values in given.items() if name not in ("labels", "start")}
    for values in itertools.product(*axes.values()):
        print(render(**dict(zip(axes, values, strict=True))))


def unchanged(_: str, rows: Rows) -> Rows:
    """Leave a file as it is."""
    return rows


def run(
    codes: list[str],
    change: Callable[[str, Rows], Rows] = unchanged,
    stubs: Mapping[str, Any] = MappingProxyType({}),
) -> str:
    """Run statements with what `change` makes of each file's rows; return all that they said.

    A name in `stubs` stands for what is given there, once a statement has assigned it.
    """
    table, said = shipped.table, io.StringIO()

    def glue(**values: Any) -> None:
        said.writelines(f"{name}={shown(value)}\n" for name, value in values.items())

    with contextlib.ExitStack() as patched:
        for owner, name, new in (
            (shipped, "table", lambda file: change(file, table(file))),
            (notebook, "glue", glue),
            (explorers, "explore", frames),
        ):
            patched.enter_context(mock.patch.object(owner, name, new))
        patched.enter_context(contextlib.redirect_stdout(said))
        patched.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")  # as a kernel that prints them, and goes on
        space: dict[str, Any] = {}
        for code in codes:
            try:
                if isinstance(ast.parse(code).body[0], ast.Expr):
                    said.write(shown(eval(code, space)))
                else:
                    exec(code, space)
                    space |= {name: stub for name, stub in stubs.items() if name in space}
            except (ArithmeticError, LookupError, ValueError, StopIteration) as error:
                said.write(f"{type(error).__name__}: {error}")  # it read what it could not use
                break
    return said.getvalue()


def levels(rows: Rows, factors: tuple[str, ...], repeats: Set[str]) -> Iterator[tuple[str, str]]:
    """Yield every level of every factor; of those that repeat a run or go on with it, the last."""
    for column in factors:
        found = list(dict.fromkeys(row[column] for row in rows))
        for level in found[-1:] if column in repeats else found:
            yield column, level
