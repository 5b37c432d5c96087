"""The claims of the truncation chapter, read from its executed cells and the shipped results."""

from collections import defaultdict
from statistics import mean, median

import pytest

from tbptt import Truncation
from truncated_time.experiments.shared.echo import LAG
from truncated_time.experiments.text import STYLES
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


@pytest.fixture(scope="module")
def text():
    """Losses of every seed, by style, reach, chunk and learning rate."""
    found = defaultdict(list)
    for row in table("results/text/results.csv"):
        key = row["style"], int(row["k2"]), int(row["chunk"]), row["learning_rate"]
        found[key].append(float(row["loss"]))
    return found


PAIRS = ((5, 20), (10, 30), (20, 40))


def test_on_text_accumulating_gains_what_true_truncation_gains(said, text):
    for k, chunk in PAIRS:
        true, ours, epochwise = (
            text[key]
            for key in (
                ("true", k, chunk, "0.003"), ("accumulated", k, chunk, "0.003"),
                ("epochwise", k, k, "0.003"),
            )
        )  # fmt: skip
        # Both below the chunked loop, for every seed; and not apart.
        assert len(true) == len(ours) == len(epochwise) == 3
        assert max(*true, *ours) < min(epochwise)
        assert min(true) < max(ours)
        assert min(ours) < max(true)
    assert said["text_same"] < said["text_gain_low"] / 2
    assert said["text_published_low"] > 0
    assert max(said["text_published_slow"]) < 0


def test_on_text_the_rest_follows_the_number_of_updates(said, text):
    assert said["text_best_high"] - said["text_best_low"] < 0.04
    assert said["text_length"] < 0.01
    assert said["text_semi"] < 0.03

    def over_chunks(rate):
        return [mean(text["epochwise", k, k, rate]) for k in (5, 10, 20, 40)]

    assert over_chunks("0.003") == sorted(over_chunks("0.003"), reverse=True)
    assert over_chunks("0.0003") == sorted(over_chunks("0.0003"))
    turning = over_chunks("0.001")
    assert min(turning) == turning[2]
    for k, chunk in PAIRS:  # the seeds spread further than the styles differ
        true, ours = (text[s, k, chunk, "0.0003"] for s in ("true", "accumulated"))
        assert abs(mean(true) - mean(ours)) < max(max(x) - min(x) for x in (true, ours))
    for style, k1, k2, chunk in STYLES:  # "near one line" at the largest rate
        other = mean(text["epochwise", chunk, chunk, "0.003"]) if chunk != 30 else None
        if other is not None:
            assert abs(mean(text[style, k2, chunk, "0.003"]) - other) < 0.03, (style, k1, k2)
