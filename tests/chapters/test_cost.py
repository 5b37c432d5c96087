"""The claims about what truncation costs, from the chapter's cells and the shipped results."""

from collections import defaultdict
from statistics import median

import numpy as np
import pytest

from tbptt import Truncation
from truncated_time.shipped import table


@pytest.fixture(scope="module")
def said(glued):
    return glued("cost")


def test_products_of_jacobians_need_less_work_than_moving_errors():
    # "About 2n^3 + 3n^2 products a step however large k2 is, against k2 n^2."
    rng = np.random.default_rng(0)
    n, k2, steps = 4, 20, 100
    errors = rng.normal(size=(steps + k2, n))
    jacobians = rng.normal(size=(steps + k2, n, n)) / n
    moved = np.zeros((steps, n))
    for t in range(steps + k2):
        error = errors[t]
        for s in range(t, max(t - k2, -1), -1):
            if s < steps:
                moved[s] += error
            error = error @ jacobians[s]

    gathered, products = np.zeros((steps, n)), 0
    for first in range(0, steps, k2):
        border = first + k2
        # What arrives at the border from the next block, if it ends behind step m.
        across, arrived = np.eye(n), [np.zeros(n)]
        for m in range(border, border + k2 - 1):
            across = jacobians[m] @ across
            arrived.append(arrived[-1] + errors[m] @ across)
            products += n**3 + n**2
        onward, inside = np.eye(n), np.zeros(n)
        for s in range(border - 1, first - 1, -1):
            if s < border - 1:
                onward = onward @ jacobians[s + 1]
                inside = inside @ jacobians[s + 1]
                products += n**3 + n**2
            inside = inside + errors[s]
            gathered[s] = inside + arrived[s - first] @ onward
            products += n**2
    np.testing.assert_allclose(gathered, moved, rtol=1e-12)
    assert products / steps == pytest.approx(2 * n**3 + 3 * n**2, rel=0.1)
    assert products / steps < (k2 - 1) * n**2 < 2 * products / steps


def test_medians_are_of_several_runs(said):
    assert (said["timing_seeds"], said["memory_seeds"]) == (5, 3)


def test_the_cost(said):
    assert said["published_timing"] == pytest.approx(2.16, abs=0.01)
    assert said["counted"] == pytest.approx(22 / 3)
    # Reached, for twenty backward sweeps' worth of work, and far from a loop over errors.
    assert said["rnn_fused"] < 2.5
    assert said["gru_fused"] < 2.5
    assert said["lstm_fused"] < 4.5
    for cell in ("rnn", "gru", "lstm"):
        assert said[f"{cell}_ten"] < said[f"{cell}_fused"] / 1.5
        assert 1.5 < said[f"{cell}_own"] < 4
        assert said[f"{cell}_errors"] > 8
    # Batching by lag beats the count of steps, and for two of them comes near a full pass.
    assert said["lstm_fused"] < said["counted"]
    assert said["rnn_recipe"] > 8
    assert said["source_chunked"] < 0.7
    assert said["source_whole"] < said["published_timing"]


def test_the_engine_is_near_the_products_that_it_needs(said):
    near = [said[f"floor_{cell}"] for cell in ("rnn", "gru", "lstm", "long")]
    assert 1 < min(near) <= max(near) < 1.6
    full = [said[f"one_{cell}"] for cell in ("rnn", "gru", "lstm", "long")]
    assert 2 < full[0] < full[1] < full[2] < full[3] < 9  # "2 to 9 full passes"
    for cell, most in (("rnn", 3), ("gru", 4), ("lstm", 4)):
        assert 1 < said[f"keras_{cell}"] < most
        assert said[f"keras_{cell}_ten"] < said[f"keras_{cell}"] / 1.5
    # Two products a layer and gate, and one more in between: half as many again.
    assert 1 < said["stack_least"] <= said["stack_most"] < 1.5
    ratios = defaultdict(list)
    for row in table("results/floor/results.csv"):
        if (row["baseline"], row["k1"], row["steps"]) == ("layers", "10", "200"):
            ratios[row["framework"], row["cell"]].append(float(row["ratio"]))
    assert said["stack_ten"] == max(map(median, ratios.values())) < 1.2


def test_a_stack_of_layers_gets_its_own_gradient_where_the_reach_is_long_enough(said):
    assert said["stack_full"] < 1e-12
    assert 0.01 < said["stack_short"] < 1


def test_the_cost_falls_as_the_interval_grows():
    for cell in ("RNN", "GRU", "LSTM"):
        found = defaultdict(list)
        for row in table("results/timing/results.csv"):
            if (row["cell"], row["baseline"], row["steps"]) == (cell, "fused", "200"):
                found[int(row["k1"])].append(float(row["ratio"]))
        middle = [median(found[k1]) for k1 in (1, 2, 5)]
        assert middle == sorted(middle, reverse=True)


def test_a_stream_needs_no_more_memory_for_being_long(said):
    assert said["peak_long"] == pytest.approx(said["peak_short"], rel=0.05)
    assert said["saved_long"] > said["peak_long"]


def test_no_error_travels_fewer_than_eleven_steps():
    assert Truncation(10, 20).travelled(200)[20:].min() == 11


def test_recipes_are_wrong_and_the_engine_is_not(said):
    assert said["copied"] > 1
    assert min(said["chunks"], said["split"]) > 0.1
    assert max(said["cured"], said["engine"]) < 1e-12


def test_the_stream_learns(said):
    assert said["streamed"] < (said["floor"] + said["guess"]) / 2 - 0.1
