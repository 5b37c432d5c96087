"""The claims of the chapter on initial states, from its cells and from shipped results."""

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


def test_the_cures(said):
    leaks = ("none", "true_truncation", "shuffled")
    holds = ("zero_state", "random_state", "re_dealt", "one_update", "loss_at_the_end")
    for cure in leaks:
        assert said[f"gap_least_{cure}"] > 0.2
        assert said[f"right_{cure}"] < 0.85
    for cure in holds:
        assert said[f"gap_most_{cure}"] < 0.2
    assert said["gap_small_updates"] < 0.1
    assert said["gap_signal_small_updates"] > 0.5
    assert said["right_small_updates"] < 0.8
    assert said["dropout_first"] > 1
    assert said["gap_signal_dropout"] < 0.2
    assert said["gap_dropout"] < said["gap_none"] / 2
    assert said["right_dropout"] > 0.8
    for cure in ("zero_state", "random_state"):  # no better than a chunk of five can be
        assert said[f"right_{cure}"] == pytest.approx(said["one_chunk"], abs=0.06)
    for cure in ("one_update", "loss_at_the_end"):
        assert said[f"right_{cure}"] > 0.85
        assert said[f"stopped_{cure}"] > 0.97
    assert said["gap_true_truncation"] > said["gap_none"]
    assert said["stopped_shuffled"] > 0.9
    assert said["stopped_none"] < 0.8  # stopping alone is no cure


def test_smaller_updates_postpone_it():
    last = [
        float(row["frozen_loss"]) - float(row["train_loss"])
        for row in table("results/cures/results.csv")
        if (row["cure"], row["data_type"], row["epoch"])
        == ("small updates", "DiffDistRandom", "10")
    ]
    assert len(last) == 5
    assert min(last) > 0.2


def test_a_longer_chunk_leaks_later():
    losses = {}
    for row in table("results/cures/results.csv"):
        if (row["cure"], row["data_type"], row["epoch"]) == ("none", "SameRandom", "10"):
            losses.setdefault(int(row["chunk"]), []).append(float(row["train_loss"]))
    assert max(losses[2]) < 0.3
    assert max(losses[5]) < 0.3
    assert min(losses[50]) > 0.6


def test_digits(said):
    def ink(what, update, batch=8, chunk=4):
        return said[f"ink_{what}_{update}_{batch}_{chunk}"]

    assert ink("frozen", "each") > 2 * ink("train", "each")
    assert ink("test", "each") < 0.12  # a guess
    for update in ("once", "last"):
        assert ink("test", update) > ink("test", "each") + 0.2
        assert ink("frozen", update) < ink("train", update) + 0.2
    # At the best rate of each, inside the grid, the update after every chunk is ahead, then level.
    for way, rates in said["tried_rates"].items():
        assert rates[0] < said["best_rate"][way] < rates[-1], way
    assert (said["best_rate_each"], said["best_rate_once"]) == (0.003, 0.01)
    right, gaps = said["best_right"], said["best_gaps"]
    assert all(len(seeds) == 5 for seeds in (*right.values(), *gaps.values()))
    assert min(right["each", "7 to 16"]) > max(right["once", "7 to 16"])
    assert abs(said["best_each_40"] - said["best_once_40"]) < min(
        said["best_spread_each_40"], said["best_spread_once_40"]
    )
    for way in ("each", "once"):  # still getting better
        assert min(right[way, "31 to 40"]) > max(right[way, "7 to 16"]) + 0.1
    # The leak is there with every seed, small, and does not grow; one a batch has none.
    for span in ("7 to 16", "31 to 40"):
        assert min(gaps["each", span]) > 0.05
        assert max(gaps["each", span]) < 0.2
        assert max(gaps["once", span]) < 0
    assert abs(said["best_gap_each_40"] - said["best_gap_each_16"]) < 0.05
    assert min(said["common_gaps"]) > 10 * max(gaps["each", "31 to 40"])
    # Few updates in a batch: no leak.
    assert ink("frozen", "each", chunk=16) < ink("train", "each", chunk=16) + 0.2
    # Large batches: it shrinks, but so does what is learned in as many epochs.
    assert said["ink_gap_8"] > said["ink_gap_16"] > said["ink_gap_32"] > 0
    assert said["ink_gap_32"] < 0.2
    for batch in (16, 32):
        assert ink("test", "each", batch) < ink("test", "once")
    assert ink("test", "once", 32) < ink("test", "once") - 0.1


def test_a_longer_run_begins_as_the_shipped_one():
    columns = ("train_loss", "frozen_loss", "test_accuracy")
    rows = {
        (row["seed"], row["epoch"]): [row[name] for name in columns]
        for row in table("results/digits/results.csv")
        if (row["update"], row["batch"], row["chunk"]) == ("once", "8", "4")
    }
    again = {
        (row["seed"], row["epoch"]): [row[name] for name in columns]
        for row in table("results/rates/results.csv")
        if (row["update"], row["learning_rate"]) == ("once", "0.01") and int(row["epoch"]) <= 16
    }
    assert again == rows
    assert len(rows) == 5 * 16


def test_what_a_window_begins_with(said):
    floor, guess = said["floor"], said["guess"]
    for start in ("zero", "learned"):
        assert said[f"first_{start}"] == pytest.approx(guess, abs=0.03)
    for start in ("warmed_up", "stored", "carried"):
        assert said[f"first_{start}"] == pytest.approx(floor, abs=0.03)
    assert said["short_lag_spread"] < 0.01
    assert said["others_spread"] < 0.01
    # Where every sequence begins alike, zeros are as good a name for the beginning.
    for start in ("zero", "learned"):
        assert said[f"alike_{start}"] == pytest.approx(floor, abs=0.02)


def test_when_to_reset(said):
    floor, guess = said["floor"], said["guess"]
    assert said["never_first"] > guess + 0.5
    assert said["in_time_first"] == pytest.approx(guess, abs=0.15)
    assert said["late_before"] > guess + 0.5
    assert said["late_behind"] == pytest.approx(guess, abs=0.2)
    assert said["in_time_first"] > guess + 0.03
    for later in ("in_time_later", "never_later", "late_later"):
        assert said[later] == pytest.approx(floor, abs=0.03)
