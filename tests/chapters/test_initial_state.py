"""The claims of the chapter on a loss of zero, from its cells and from shipped results."""

import pytest

from truncated_time.shipped import table


@pytest.fixture(scope="module")
def said(glued):
    return glued("initial-state")


def test_the_published_run(said):
    # Every seed: a guess in the first epoch, near zero at the end, and frozen worse than a guess.
    assert said["published_seeds"] == 3
    assert said["published_slow"] > 0.69
    assert said["published_train_most"] < 0.1
    assert said["published_frozen_least"] > 2


def test_the_live_run_shows_it_too(said):
    assert said["live_train"] < 0.1
    assert said["live_frozen"] > 2
    assert said["first_of_epoch"] > 1  # each epoch begins with what is not known yet
    assert said["relearned_typical"] < 100
    assert len(said["relearned"]) == 3


def test_states_are_name_tags_and_no_evidence(said):
    assert said["in_sample"] == 1
    assert said["out_of_sample"] == pytest.approx(0.5, abs=0.1)
    assert said["probe_end"] > 0.75
    assert said["probe_end"] > said["probe_frozen_end"] + 0.15


@pytest.mark.parametrize("data", ["Zeros", "SameRandom", "SameDistRandom", "DiffDistRandom"])
@pytest.mark.parametrize("start", ["Zeros", "Random"])
def test_every_cell_is_settled_for_every_seed(said, data, start):
    def cell(column, edge):
        return said[f"{data}_{start}_{column}_{edge}"]

    if start == "Zeros" and data in ("Zeros", "SameRandom"):  # cannot
        for column in ("train", "frozen"):
            for edge in ("low", "high"):
                assert cell(column, edge) == pytest.approx(0.6931, abs=5e-4)
    elif (data, start) == ("DiffDistRandom", "Zeros"):  # learns: the worst seed has a bad moment
        assert cell("train", "high") < 0.05
        assert cell("frozen", "low") < 0.05
    else:
        assert cell("train", "high") < 0.69
        assert cell("frozen", "low") > cell("train", "high") + 0.2
    if start == "Random":
        assert cell("train", "high") < 0.1


def test_the_diagnosis_and_its_errors(said):
    assert said["verdict"] == "leak"
    assert "gap" in said["live_alarms"]
    assert "swap" in said["live_alarms"]
    assert said["follows"] > 0.9
    assert said["guilty"] > 50
    assert said["caught_rate"] > 0.95
    assert said["honest"] > 100
    assert said["false_rate"] < 0.03
    assert said["tempted"] > 80  # a signal is there, and the network reads its state all the same
    assert said["tempted_rate"] > 0.8
    assert said["tempted_missed"] < 0.03
    assert said["idle_alarms"] <= 1 < 20 < said["idle"]
    assert said["cannot"] == 250
    assert said["cannot_alarms"] / said["cannot"] < 0.1


def test_accusations_where_no_leak_can_be_fall_in_a_jump():
    accused = ("signal, loss at the end", "leak")
    rows = [row for row in table("results/alarms/results.csv")
            if (row["training"], row["verdict"]) == accused]  # fmt: skip
    assert rows
    for row in rows:
        assert float(row["test_accuracy"]) < 0.9
        assert float(row["frozen_loss"]) > float(row["train_loss"]) + 0.2


def test_zeros_and_a_signal_leak_first(said):
    frozen = {}
    for row in table("results/leak/results.csv"):
        if (row["data_type"], row["initial_state_type"]) == ("DiffDistRandom", "Zeros"):
            frozen.setdefault(int(row["epoch"]), []).append(float(row["frozen_loss"]))
    assert min(frozen[1]) > 2
    assert sorted(frozen[max(frozen)])[2] < 0.1
    assert said["DiffDistRandom_Zeros_frozen_high"] > 0.69  # the bad moments
