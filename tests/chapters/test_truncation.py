"""The claims of the truncation chapter, read from its executed cells and the shipped results."""

from collections import defaultdict
from statistics import mean, median

import numpy as np
import pytest

from tbptt import Truncation
from truncated_time.experiments.shared.echo import LAG
from truncated_time.shipped import table
from truncated_time.tasks import echo_floors


@pytest.fixture(scope="module")
def said(glued):
    return glued("truncation")


@pytest.fixture(scope="module")
def final():
    """Loss of every seed over the last updates, by style and reach."""
    found = defaultdict(list)
    rows = table("results/language/results.csv")
    last = max(int(row["updates"]) for row in rows)
    for row in rows:
        if int(row["updates"]) == last:
            found[row["style"], int(row["k2"])].append(float(row["loss"]))
    return found


def test_the_published_counts(said):
    assert (said["full_epochwise"], said["full_true"]) == (7, 43)
    assert (said["full_six_epochwise"], said["full_six_true"]) == (2, 4)


def test_ben_learns_and_ada_does_not(said):
    middle = (said["floor"] + said["guess"]) / 2
    assert min(said["ada"] + said["five"]) > middle + 0.1
    assert min(said["ada_longer"]) > middle + 0.1
    assert sum(said["ben_updates"]) > 1.5 * sum(said["six_updates"])
    assert max(said["ben"] + said["six"]) < said["floor"] + 0.05
    # Diluted, and so slower: for every seed.
    for diluted, undiluted in zip(said["ben_updates"], said["six_updates"], strict=True):
        assert diluted > undiluted
    assert said["cosine_five"] > said["cosine_six"] > 0.97


def test_the_step_lies_at_the_lag_for_every_style_and_seed(final):
    floor, guess = echo_floors()
    assert len(final) == 3 * 12
    for (_, k2), losses in final.items():
        assert len(losses) == 5
        if k2 >= LAG:
            assert max(losses) < floor + 0.03
        else:
            assert min(losses) > (floor + guess) / 2


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


def test_trained_networks_lose_more_by_the_same_cut(said):
    assert said["cosine_trained"] < said["cosine_five"] - 0.05


def test_streams_agree_about_the_share_that_is_cut_in_every_network(said):
    assert min(said["share_agreements"]) > 0.9
    assert said["near_lowest"] < 0.5
    assert said["near_highest"] > 0.9
    # At right angles to the rest, and smaller.
    assert max(map(abs, said["share_across"])) < 0.25
    assert said["share_sizes"][5] < said["share_sizes"][0]
    assert said["share_sizes"][6] < said["share_sizes"][5] / 3


def test_gradients_by_lag(said):
    assert said["published_smallest"] == pytest.approx(2.5, abs=0.05)
    assert said["published_largest"] == pytest.approx(4.3, abs=0.05)
    assert said["rnn_half"] < said["published_factor"] < said["rnn_small"]
    assert said["rnn_large"] < 1.05
    assert said["rnn_total"] % 1e6 == 0  # whole millions: no more is meant
    assert said["rnn_total"] == pytest.approx(said["rnn_half"] ** 19, abs=0.51e6)
    assert said["published_factor"] ** 19 > 1e9
    # "Hardly better than a GRU, and worse than a plain network with generous weights."
    assert said["lstm_half"] == pytest.approx(said["gru_half"], abs=0.15)
    assert said["lstm_half"] > said["rnn_large"]
    assert said["lstm_large"] > said["rnn_large"]


def test_the_cost(said):
    assert said["published_timing"] == pytest.approx(2.16, abs=0.01)
    assert said["counted"] == pytest.approx(22 / 3)
    # Reached, for twenty backward sweeps' worth of work, and far from a loop over errors.
    assert said["rnn_fused"] < 2.5
    assert said["gru_fused"] < 2.5
    assert said["lstm_fused"] < 4.5
    assert said["lstm_ten"] < said["lstm_fused"] / 1.5
    assert 1.5 < said["rnn_own"] < 4
    assert min(said["lstm_errors"], said["rnn_errors"], said["rnn_recipe"]) > 8
    assert said["source_chunked"] < 0.7
    assert said["source_whole"] < said["published_timing"]


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
    assert max(said["mended"], said["engine"]) < 1e-12


def test_the_stream_learns(said):
    assert said["streamed"] < (said["floor"] + said["guess"]) / 2 - 0.1


def losses_of(file):
    """Losses of every seed, by style, reach, chunk and learning rate."""
    losses = defaultdict(list)
    for row in table(file):
        if row.get("carried", "whole") == "whole":
            key = row["style"], int(row["k2"]), int(row["chunk"]), row["learning_rate"]
            losses[key].append(float(row["loss"]))
    return losses


PAIRS = ((5, 20), (10, 30), (20, 40))


def test_on_text_most_of_the_gain_is_fewer_updates(said):
    assert said["text_published_low"] > 0 < said["text_gain_low"]
    assert max(said["text_published_slow"]) < 0
    assert 0.6 < said["text_share_10"] < 0.8
    assert 0.6 < said["text_share_5"] < 0.8
    assert said["text_share_20"] > 1
    # True truncation leads, or not, in the same nine places.
    ours = [[g > 0 for g in gains] for gains in (
        [losses_lead("0.003", k, chunk) for k, chunk in PAIRS],
        said["text_gain_middle"], said["text_gain_slow"])]  # fmt: skip
    assert ours == [[g > 0 for g in gains] for gains in said["text_published_gains"]]


def losses_lead(rate, k, chunk):
    losses = losses_of("results/ptb/results.csv")
    return mean(losses["epochwise", k, k, rate]) - mean(losses["true", k, chunk, rate])


def test_on_text_the_rest_is_the_reach(said):
    losses = losses_of("results/ptb/results.csv")
    assert set(said["text_best_rates"]) == {"0.001"}  # "the best of the three for every row"
    assert said["text_seeds"] == 3
    for k, chunk in PAIRS[:2]:
        seeds = zip(losses["accumulated", k, chunk, "0.001"], losses["true", k, chunk, "0.001"],
                    strict=True)  # fmt: skip
        assert all(accumulated > true for accumulated, true in seeds)
    assert min(said["text_reach_20_seeds"]) < 0 < max(said["text_reach_20_seeds"])
    assert said["text_unfinished"] > 0.9


def test_on_text_the_published_cells_come_back(said):
    assert len(table("published_text.csv")) == 21
    assert 0 < said["text_apart"] < 0.05
    assert said["text_apart_most"] < 0.1
    assert said["text_length_low"] > 0
    # "The best row for each h."
    losses = losses_of("results/ptb/results.csv")
    for h, chunk in PAIRS:
        rows = [("epochwise", h, h), ("epochwise", 2 * h, 2 * h), ("true", h, chunk),
                ("accumulated", h, chunk)]  # fmt: skip
        others = [mean(losses[*row, "0.001"]) for row in rows]
        assert mean(losses["semi-epochwise", 2 * h, h, "0.001"]) < min(others)
    assert said["text_semi_low"] > 0.02


def test_what_could_have_been_the_reason_is_not(said):
    assert said["text_dropped_typical"] < 0.005 < said["text_dropped"] < 0.02
    small = losses_of("results/text/results.csv")
    for k, chunk in PAIRS:
        true, accumulated, epochwise = (
            small[style, k, length, "0.003"]
            for style, length in (("true", chunk), ("accumulated", chunk), ("epochwise", k))
        )
        # Both below the chunked loop, for every seed; and not apart.
        assert max(*true, *accumulated) < min(epochwise)
        assert min(true) < max(accumulated)
        assert min(accumulated) < max(true)
    assert said["text_small_same"] < said["text_small_gain_low"] / 2
