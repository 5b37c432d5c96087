"""Odd calls of every public function: a result, or an error in words, and nothing changed.

``FUZZ_SECONDS`` says how long the long form takes for all floors together; `make audit` does 600.
"""

import json
import os

import numpy as np
import pytest
import torch

from fuzz.__main__ import main
from fuzz.calling import WRONG, Call, judge
from fuzz.recipes import RECIPES
from fuzz.search import search
from fuzz.targets import FLOORS, load, odd_values, targets

LONG = float(os.environ.get("FUZZ_SECONDS", "600"))
# So many calls of each function of a floor take about 20 s.
FEW = {"ground": 40, "pytorch": 30, "tensorflow": 30, "keras": 100}


def tried(floor, *, seconds, most=10**9):
    """Search a floor and return the counts."""
    load(floor)
    called = targets(floor)
    odd = odd_values(floor)
    return [
        search(name, function, seconds=seconds / len(called), most=most, odd_values=odd)
        for name, function in called.items()
    ]


def wrong(counts):
    """List what went wrong, the smallest call of each kind."""
    return [f"{f.call}\n  {key}: {f.why}" for count in counts for key, f in count.found.items()]


@pytest.mark.slow
@pytest.mark.parametrize("floor", FLOORS)
def test_odd_calls(floor):
    counts = tried(floor, seconds=120, most=FEW[floor])
    assert wrong(counts) == []
    # The search looks at both sides: calls that work, and calls that must not.
    assert all(count.kinds["refused"] for count in counts)
    assert sum(count.kinds["result"] > 0 for count in counts) > 0.9 * len(counts)


@pytest.mark.audit
@pytest.mark.parametrize("floor", FLOORS)
def test_odd_calls_for_long(floor):
    assert wrong(tried(floor, seconds=LONG / len(FLOORS))) == []


@pytest.mark.parametrize("floor", FLOORS)
def test_every_public_function_has_a_sensible_call(floor):
    load(floor)
    assert set(targets(floor)) <= set(RECIPES)


def careless(x, size):
    """Does what each fault asks for."""
    if isinstance(size, str):
        raise ValueError(f"size must be a number of rows, got {size}.")
    if size == 0:
        raise ValueError("bad size")
    if size == 1:
        x[0] = 9
    if size == 2:
        return np.array([np.nan])
    return x / size if size == 4 else np.ones(size)


@pytest.mark.parametrize(
    ("size", "kind"),
    [(3, "result"), ("3", "refused"), (0, "wordless"), (1, "changed"), (2, "nan"), (-1, "raw"),
     ({}, "raw"), (None, "raw")],
)  # fmt: skip
def test_a_fault_of_each_kind_is_seen(size, kind, monkeypatch):
    monkeypatch.setattr("fuzz.calling.OURS", __file__)
    call = Call("careless", careless, {"x": np.ones(3), "size": size}, ("size",))
    assert judge(call).kind == kind
    assert kind in (*WRONG, "result", "refused")


def stepwise(x, size):
    """Works on what it is handed, and may fail after its first step."""
    x += 1
    yield x
    if size < 0:
        raise ValueError(f"size must be at least 0, got {size}.")


def test_what_was_made_before_a_failure_is_the_callers(monkeypatch):
    monkeypatch.setattr("fuzz.calling.OURS", __file__)
    weight = torch.nn.Parameter(torch.ones(2))

    def train(weight, size):
        for _ in stepwise(np.ones(1), size):
            weight.grad = torch.ones(2)
            yield

    assert judge(Call("train", train, {"weight": weight, "size": -1}, ("size",))).kind == "refused"


def test_what_a_module_raises_that_was_passed_is_its_own(monkeypatch):
    monkeypatch.setattr("fuzz.calling.OURS", __file__)

    def apply(module, x):
        return module(x)

    call = Call("apply", apply, {"module": torch.nn.Linear(2, 2), "x": torch.ones(3)}, ("x",))
    assert judge(call).kind == "foreign"
    call = Call("apply", lambda x: torch.ones(2, 2) @ x, {"x": torch.ones(3)}, ("x",))
    assert judge(call).kind == "raw"


def test_the_command_counts(capsys):
    assert main(["--only", "memory_distances", "--minutes", "0.02"]) == 0
    report = json.loads(capsys.readouterr().out)
    (count,) = report["by function"].values()
    assert report["tried"] == count["tried"] == sum(report["became"].values()) > 0
    assert report["wrong"] == []
