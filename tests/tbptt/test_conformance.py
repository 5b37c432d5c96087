"""Every engine against one judge: what is asked of one is asked of all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines import (
    FEATURES,
    HIDDEN,
    ORACLE,
    STACKS,
    TORCH,
    Problem,
    ahead,
    by_chunks,
    by_definition,
    by_factors,
    by_forecast,
    by_generic_route,
    by_graph,
    by_hand,
    by_stream,
    by_stream_in_a_graph,
    by_tensorflow,
    by_tensorflow_stream,
    by_xla,
    check,
    sizes_of,
)
from tbptt import Truncation


@st.composite
def problems(
    draw, sizes=(1, 9), rows=(0, 3), dtypes=("float64", "float32"), cells=tuple(ORACLE),
    passes="any", masks=(True, False),
):  # fmt: skip
    """Draw small problems: no row, one row, one step, passes longer than the sequence."""
    steps, batch = draw(st.integers(*sizes)), draw(st.integers(*rows))
    k1, k2 = sorted([draw(st.integers(1, 12)), draw(st.integers(1, 12))])
    if passes != "any":
        # A last pass that is shorter would reach back into the one before.
        ends = [steps] if passes == "one" else [k for k in range(1, steps + 1) if not steps % k]
        k1 = k2 = draw(st.sampled_from(ends))
    name, dtype = draw(st.sampled_from(cells)), draw(st.sampled_from(dtypes))
    rng = np.random.default_rng(draw(st.integers(0, 9999)))
    module = TORCH[name]()
    weights = {key: rng.normal(size=weight.shape) for key, weight in module.named_parameters()}
    if name in ("rnn", "lstm", "normed"):
        weights["bias_hh"][:] = 0  # Keras has one bias here
    inputs = rng.normal(size=(steps, batch, FEATURES))
    state = tuple(rng.normal(size=(batch, size)) for size in sizes_of(module))
    errors = rng.normal(size=(steps, batch, HIDDEN))
    errors[rng.random(steps) < draw(st.sampled_from([0, 0.5, 0.9]))] = 0  # no loss at some steps
    resets = rng.random((steps, batch)) < 0.2 if draw(st.booleans()) else None
    mask = rng.random((steps, batch)) < 0.7 if draw(st.sampled_from(masks)) else None
    if mask is not None:
        inputs[~mask] = draw(st.sampled_from([0, np.nan, np.inf, -np.inf]))
    maps = [key for key in weights if "weight_" in key]
    frozen = frozenset(draw(st.sets(st.sampled_from(maps), max_size=1)))
    weights = {key: weight.astype(dtype) for key, weight in weights.items()}
    inputs, errors, *state = (array.astype(dtype) for array in (inputs, errors, *state))
    return Problem(
        name, Truncation(k1, k2), weights, inputs, tuple(state), errors, resets, mask, frozen,
        in_place=draw(st.booleans()), shares=draw(st.booleans()),
    )  # fmt: skip


FULL = {"sizes": (1, 9), "rows": (0, 3)}
# A graph is compiled anew for other shapes: fewer of them, and other values.
FEW = {"sizes": (5, 5), "rows": (2, 2), "dtypes": ["float64"]}
ENGINES = {
    "reference": (by_definition, FULL, 60),
    "pytorch, by hand": (by_hand, FULL, 150),
    "pytorch, generic": (by_generic_route, FULL, 100),
    "pytorch, online": (by_stream, FULL, 100),
    "pytorch, reweighted": (by_factors, FULL | {"passes": "end to end"}, 60),
    "pytorch, chunkwise": (by_chunks, FULL | {"passes": "one"}, 60),
    "pytorch, bootstrapped": (by_forecast, FULL | {"passes": "one"}, 40),
    "pytorch, forward mode": (ahead, FULL | {"passes": "one"}, 60),
    "tensorflow, eager": (by_tensorflow, FULL, 25),
    "tensorflow, compiled": (by_graph, FEW, 6),
    "tensorflow, jit_compile": (by_xla, FEW, 5),
    "tensorflow, online": (by_tensorflow_stream, FULL, 25),
    "tensorflow, online, compiled": (by_stream_in_a_graph, FEW, 5),
}


# A cell whose derivatives are known by hand takes any number.
ANY_CELL = [name for name in ENGINES if name not in ("reference", "pytorch, by hand")]
PADDED = {"cells": ["normed"], "masks": [True]}
STACKED = {"cells": [*STACKS]}
CHOSEN = {
    "cells": [(name, {}) for name in ENGINES],
    "padded": [(name, PADDED) for name in ANY_CELL],
    "stacks": [(name, STACKED) for name in ENGINES if name.startswith("pytorch")],
}


@pytest.mark.parametrize(
    ("name", "chosen"),
    [
        pytest.param(*case, id=f"{case[0]}: {kind}")
        for kind, cases in CHOSEN.items()
        for case in cases
    ],
)
def test_the_gradient_is_the_sum_of_what_each_loss_may_say(name, chosen):
    engine, drawn, examples = ENGINES[name]

    @settings(max_examples=examples)
    @given(problems(**drawn, **chosen))
    def every(problem):
        check(engine, problem)

    every()
