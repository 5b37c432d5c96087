"""The claims about truncation on real text, from the chapter's cells and the shipped results."""

from collections import defaultdict
from statistics import mean

import pytest

from truncated_time.shipped import table


@pytest.fixture(scope="module")
def said(glued):
    return glued("text")


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
    assert said["text_unfinished"] > 0.9 > said["text_unfinished_middle"] > 0.4


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


def test_true_truncation_loses_to_plain_chunks_that_update_more_often(said):
    assert 0.01 < said["text_plain_20"] < 0.04


def test_which_differences_at_equal_length_seeds_tell_apart():
    losses, apart = losses_of("results/ptb/results.csv"), set()
    for k, chunk in ((5, 20), (20, 40)):
        for rate in ("0.003", "0.001", "0.0003"):
            true = losses["true", k, chunk, rate]
            if min(true) > max(losses["epochwise", chunk, chunk, rate]):
                apart.add((k, rate))
    assert apart == {(5, "0.003"), (5, "0.001")}


def test_nine_cells_were_run_with_and_without_dropout_on_the_state():
    cells = {
        (row["style"], row["k2"], row["chunk"], row["learning_rate"])
        for row in table("results/ptb/results.csv")
        if row["carried"] == "dropped"
    }
    assert len(cells) == 9


def test_what_could_have_been_the_reason_is_not(said):
    assert said["text_dropped_typical"] < 0.005 < said["text_dropped"] < 0.02
    assert len(said["text_moved"]) == 9
    assert sorted(said["text_moved"])[-2:] == [said["text_dropped_typical"], said["text_dropped"]]
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
    # Each at its best rate: within the spread of the seeds, and the edge where it is said to be.
    assert said["text_small_best"] < 0.01
    assert {setting for setting, rate in said["text_small_rates"].items() if rate == "0.003"} >= {
        "true 20", "accumulated 20"
    }  # fmt: skip
