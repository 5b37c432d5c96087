"""The claims of the truncation chapter, read from its executed cells and the shipped results."""

from collections import defaultdict

import pytest

from truncated_time.experiments.shared.echo import PERIOD
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
    # Three rates, five seeds, ten times as many updates; in brackets the best moment of each.
    assert len(said["ada_longer"]) == len(said["six_longer"]) == 15
    assert min(said["ada_longer"]) == said["ada_longer_low"] > said["floor"] + 0.1
    assert sum(loss > middle for loss in said["ada_longer"]) >= 14
    assert said["ada_longer_low"] in said["ada_longer"][:5]  # at the smallest rate
    assert max(said["six_longer"]) < said["floor"] + 0.02
    assert max(said["chunks_lows"]) < said["floor"] + 0.05
    assert said["chunks_lost"] >= 2
    assert len(said["slow"]) == 5
    assert said["lucky"] == sum(loss < said["floor"] + 0.1 for loss in said["slow"]) == 4
    assert said["floor"] + 0.2 < said["alone_low"] < said["guess"] - 0.1
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
        if k2 >= PERIOD:
            assert max(losses) < floor + 0.03
        else:
            assert min(losses) > (floor + guess) / 2
