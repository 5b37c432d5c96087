"""The claims of the chapter on windows of a real series, from its cells and the shipped results."""

import numpy as np
import pytest

from truncated_time.shipped import table


@pytest.fixture(scope="module")
def said(glued):
    return glued("series")


@pytest.fixture(scope="module")
def lstm():
    rows = table("results/sunspots/results.csv")
    cells = {}
    for row in rows:
        key = int(row["window"]), row["split"]
        cells.setdefault(key, []).append(float(row["test_error"]))
    return cells


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
    # Some skill at 5 years, and none to speak of at any other length.
    assert said["skill"][0] == said["skill_short"] < 0.9
    assert min(said["skill"][1:]) == said["skill_rest"] > 0.93
    assert 0 < said["stride_loss"] < 0.05
    assert said["blocks_44"] > said["shuffled_44"] + 10 * said["spread"]
    # A larger stride shrinks it and hardly moves the honest error.
    gap = said["blocks_44"] - said["shuffled_44"]
    assert said["blocks_44_4"] - said["shuffled_44_4"] < gap / 4
    assert said["blocks_44_4"] == pytest.approx(said["blocks_44"], rel=0.1)
    assert said["n_dense"] > 3 * said["n_sparse"]


def test_a_gap_of_the_span_less_one_is_what_it_takes(said):
    assert (said["leak_with_gap"], said["leak_with_less"]) == ((0, 0), (1, 0))
    assert said["leak_without_gap"] == (54, 10)


def test_a_gap_of_the_horizon_less_one_hides_the_answer(said):
    assert said["leak_with_horizon"] == (44, 0)  # the window's own past may be known
    assert said["leak_with_less_horizon"][1] == 1


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


def test_no_window_crosses_a_gap_or_a_group(said):
    assert (said["gap_segments"], said["gap_windows"], said["gap_crossings"]) == (3, 5, 0)
    assert said["gap_windows_each"] == [1, 2, 2]
    assert said["gap_lost"] == 1
    assert said["daily_span"] == 6 * 24 + 1
