"""The claims of the windowing chapter, read from its executed cells or trained anew."""

import keras
import numpy as np
import pytest

from tbptt.ceilings import stateless_accuracy, stateless_loss
from tbptt.windows import prepare_sequences
from truncated_time.shipped import table
from truncated_time.tasks import first_step_memory


@pytest.fixture(scope="module")
def said(glued):
    return glued("windowing")


@pytest.fixture(scope="module")
def lstm():
    rows = table("results/sunspots/results.csv")
    cells = {}
    for row in rows:
        key = int(row["window"]), row["split"]
        cells.setdefault(key, []).append(float(row["test_error"]))
    return cells


def test_the_counts(said):
    assert (said["n_halves"], said["n_every"]) == (2000, 11000)


@pytest.mark.parametrize(("name", "ceiling"), [("whole", 1.0), ("two", 0.75), ("one", 6 / 11)])
def test_every_seed_reaches_the_ceiling_and_none_passes_it(said, name, ceiling):
    accuracies = said[f"accuracies_{name}"]
    assert len(accuracies) == 5
    assert accuracies == pytest.approx([ceiling] * 5, abs=1e-6)
    _, live = said[f"live_{name}"]
    assert live == pytest.approx(ceiling, abs=1e-6)


@pytest.mark.parametrize("name", ["two", "one"])
def test_losses_stop_at_their_floor(said, name):
    floor = said[f"floor_{name}"]
    live, _ = said[f"live_{name}"]
    assert min(live, *said[f"losses_{name}"]) >= floor - 1e-6
    assert max(live, *said[f"losses_{name}"]) < floor + 0.01


def test_published_figures_are_the_bounds(said):
    assert said["published_two_loss"] == pytest.approx(said["floor_two"], abs=3e-4)
    assert said["published_one_loss"] == pytest.approx(said["floor_one"], abs=5e-3)
    assert said["published_one"] == pytest.approx(6 / 11, abs=5e-5)
    # One lopsided test set, 112 negatives in 200, explains both odd figures.
    assert said["published_zeros"] == 112
    assert said["biased_ceiling"] == pytest.approx(said["published_first"], abs=1e-12)
    assert said["one_step_ceiling"] == pytest.approx(said["published_one_step"], abs=1e-12)


def test_state_over_overlapping_windows_does_not_help(said):
    assert said["stateful_min"] >= said["stateful_lowest"] - 0.03
    assert said["stateful_max"] <= float(stateless_accuracy(20, 10, 1, 0)) + 0.01
    assert len(said["stateful_final"]) == 2  # shuffled, and in order
    for final in said["stateful_final"]:
        assert len(final) == 5
        assert max(final) <= float(stateless_accuracy(20, 10, 1, 0)) + 0.005


def test_state_in_lanes_breaks_the_ceiling(said):
    assert said["lanes"] == [1.0] * 5
    assert said["live_lanes"] == 1.0


def test_rows_of_a_batch_are_strangers(said):
    assert said["row_difference"] < 1e-6


def test_the_leak(said):
    assert said["twins"] > 0.4
    assert said["kin"] > 0.5
    assert said["leaky"] < 0.7 * said["baseline"]
    assert said["honest"] == pytest.approx(said["honest_mean"], rel=0.03)
    # Neither fewer training windows nor the harder question explain it.
    assert said["thin"] + 5 * said["thin_spread"] < said["honest"]
    assert said["share_leaky"] < said["share_thin"] < 0.8
    assert said["share_honest"] == pytest.approx(1, abs=0.05)
    assert 1.8 < said["leak_ratio"] < 2.2
    # It changes the choice: longest when shuffled, where the honest error is worst.
    assert said["chosen_shuffled"] == 44
    assert said["chosen_blocks"] == 5
    assert said["worst_blocks"] == 44
    assert 0 < said["stride_loss"] < 0.05
    assert said["blocks_44"] > said["shuffled_44"] + 10 * said["spread"]
    # A larger stride shrinks it and hardly moves the honest error.
    gap = said["blocks_44"] - said["shuffled_44"]
    assert said["blocks_44_4"] - said["shuffled_44_4"] < gap / 4
    assert said["blocks_44_4"] == pytest.approx(said["blocks_44"], rel=0.1)
    assert said["n_dense"] > 3 * said["n_sparse"]


def test_a_gap_of_the_span_less_one_is_what_it_takes(said):
    assert (said["leak_with_gap"], said["leak_with_less"]) == (0, 1)
    assert said["leak_without_gap"] == 54


def test_an_lstm_leaks_too(said, lstm):
    assert {len(errors) for errors in lstm.values()} == {5}
    gaps = [np.mean(lstm[w, "blocks"]) / np.mean(lstm[w, "random"]) for w in (5, 11, 22, 44)]
    assert min(gaps) == pytest.approx(said["lstm_gap_min"], abs=1e-9)
    assert max(gaps) == pytest.approx(said["lstm_gap_max"], abs=1e-9)
    assert min(gaps) > 1.1
    means = {cell: np.mean(errors) for cell, errors in lstm.items()}
    assert said["lstm_44_random"] == pytest.approx(means[44, "random"])
    assert said["lstm_44_blocks"] == pytest.approx(means[44, "blocks"])
    assert means[44, "random"] == pytest.approx(means[11, "random"], rel=0.05)
    assert means[44, "blocks"] > 1.3 * max(means[w, "blocks"] for w in (5, 11, 22))
    short = [means[w, "blocks"] for w in (5, 11, 22)]
    assert max(short) - min(short) < np.std(lstm[11, "blocks"], ddof=1)
    for window in (5, 11, 22, 44):
        assert max(lstm[window, "random"]) < min(lstm[window, "blocks"])


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("window", "increment", "position"), [(5, 5, 7), (8, 4, 10), (10, 2, 0)])
def test_other_cuts_reach_their_ceiling_and_never_pass_it(window, increment, position, seed):
    x, y = first_step_memory(200, 20, seed=seed, position=position)
    windows, labels = prepare_sequences(x, y, window, increment)
    cut = (20, window, increment, position)
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((window, 1)),
            keras.layers.LSTM(10),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"])
    reached = []
    for _ in range(6):
        model.fit(windows, labels, batch_size=25, epochs=3, verbose=0)
        loss, accuracy = model.evaluate(windows, labels, batch_size=len(windows), verbose=0)
        reached.append(accuracy)
        assert loss >= stateless_loss(*cut) - 1e-6
        assert accuracy <= float(stateless_accuracy(*cut)) + 1e-6
    assert reached[-1] == pytest.approx(float(stateless_accuracy(*cut)), abs=1e-6)


def test_no_window_crosses_a_gap_or_a_group(said):
    assert (said["gap_segments"], said["gap_windows"], said["gap_crossings"]) == (3, 5, 0)
    assert said["gap_windows_each"] == [1, 2, 2]
    assert said["gap_lost"] == 1
    assert said["daily_span"] == 6 * 24 + 1
