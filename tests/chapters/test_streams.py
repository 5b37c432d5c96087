"""The claims of the chapter on streams, read from its executed cells and the shipped results."""

from collections import defaultdict
from statistics import mean, median, stdev

import pytest

from tbptt.ceilings import stateless_accuracy
from truncated_time.experiments import carried
from truncated_time.shipped import table


@pytest.fixture(scope="module")
def said(glued):
    return glued("streams")


@pytest.fixture(scope="module")
def runs():
    """Rows of every form, by epoch."""
    found = defaultdict(lambda: defaultdict(list))
    for row in table("results/stateful/results.csv"):
        found[row["form"]][int(row["epoch"])].append(row)
    return found


def test_keras_is_as_silent_as_we_say(said):
    assert said["rows_out"] == 6
    assert said["stepwise_off"] < 1e-6
    assert said["forward_off"] < 1e-6
    assert said["backward_off"] > 0.1


def test_the_published_forms_are_right_on_every_window(runs):
    for form in ("manual", "callback", "one-step", "lanes of 10", "lanes of 1"):
        last = runs[form][max(runs[form])]
        assert len(last) == 3
        assert {float(row["accuracy"]) for row in last} == {1.0}, form


def test_one_stateless_step_is_on_its_bound(said, runs):
    bound = float(stateless_accuracy(20, 1, 1, 0))
    assert bound == pytest.approx(0.525)
    # On the bound, or answering 1 to everything: never between.
    assert set(said["stateless"]) == {0.5, 0.525}
    assert said["stateless_high"] == pytest.approx(bound)
    assert len(said["stateless"]) == 3 * len(runs["stateless"])
    lopsided = float(stateless_accuracy(20, 1, 1, 0, positives=88 / 200))
    assert said["one_step_published"] == pytest.approx(lopsided)
    # In two sequences of 20, one step of 40 holds a 1; of the others 19 are labelled 1.
    assert said["zeros_positive"] == pytest.approx(19 / 39)
    # Of 1,200 sequences half are negative, and the published test set has 112 of them.
    assert said["train_zeros"] == 600 - 112


def test_lanes_are_fifty_times_faster_for_equal_accuracy(said, runs):
    assert said["speed"] > 10
    assert said["speed_ten"] > 50
    seconds = median(float(row["seconds"]) for rows in runs["one-step"].values() for row in rows)
    assert said["one_step_seconds"] == pytest.approx(seconds)


def test_errors_do_not_cross_the_border(said):
    assert said["scored_one"] == [0.5] * 5
    assert said["scored_whole"] == [1] * 5
    assert (said["live_scored_one"], said["live_scored_whole"]) == (0.5, 1)


def weekly(name):
    """Test errors of the weekly forecasts by way, window and rate."""
    found = defaultdict(list)
    for row in table(f"results/{name}/results.csv"):
        key = row["way"], int(row["window"]), float(row.get("rate", carried.LEARNING_RATE))
        found[key].append(float(row["test_error"]))
    assert all(len(errors) == 5 for errors in found.values())
    return found


def test_state_pays_where_the_season_does_not_fit_into_the_window(said):
    found = weekly("carried-rates")
    rates = sorted({rate for *_, rate in found})
    for window in (2, 4, 13, 26):  # for every seed, and whatever the rates
        best = min(mean(found["windows", window, rate]) for rate in rates)
        assert min(mean(found["carried", window, rate]) for rate in rates) < 0.85 * best
    for window, rate in ((4, 0.001), (13, 0.003), (26, 0.003)):
        windows = (error for each in rates for error in found["windows", window, each])
        assert max(found["carried", window, rate]) < min(windows)
    naive = carried.baselines()["last year"]
    assert said["naive_year"] == pytest.approx(naive)
    year = [said[f"{way}_year"] for way in ("carried", "windows")] + [said["windows_two_years"]]
    assert max(year) - min(year) < 0.03
    assert max(year) < 0.8 * naive
    assert said["ratio_four"] > 2.5
    assert said["ratio_thirteen"] > 1.8
    assert said["carried_thirteen"] == pytest.approx(naive, abs=0.03)
    assert said["windows_thirteen"] > 1.8 * naive
    # All others have a worse rate on either side.
    assert said["at_the_edge"] == []


def test_networks_side_by_side_learn_as_kerass_do(said):
    alone, together = weekly("carried"), weekly("carried-rates")
    for (way, window, rate), errors in alone.items():
        assert said["by_keras"][f"{way} {window}"] == pytest.approx(errors)
        spread = max(stdev(errors), stdev(together[way, window, rate]))
        assert abs(mean(errors) - mean(together[way, window, rate])) < max(spread, 0.02)


def test_rows_make_it_fast(said):
    taken = defaultdict(list)
    for row in table("results/throughput/results.csv"):
        taken[row["units"], row["batch"]].append(float(row["milliseconds"]))
    assert said["slower_eight"] == pytest.approx(
        median(taken["16", "8"]) / median(taken["16", "1"])
    )
    assert said["slower_eight"] < 4
    assert said["gain_small"] > said["gain_large"] > 4


def test_a_state_that_is_passed_replaces_the_carried_one():
    # Said among the questions of the chapter on initial states.
    import keras
    import numpy as np

    x, zeros = np.ones((2, 3, 1), "float32"), np.zeros((2, 4), "float32")
    layer = keras.layers.GRU(4, stateful=True)
    first, passed = (np.asarray(layer(x, initial_state=zeros)) for _ in range(2))
    assert np.array_equal(first, passed)
    carried = np.asarray(layer(x))
    assert not np.allclose(first, carried)
    layer.states[0].assign(zeros)
    assert np.allclose(first, np.asarray(layer(x)))
