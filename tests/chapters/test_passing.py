"""The claims of the chapter on what a chunk begins with: states passed on, and states stored."""

from math import log
from statistics import median

import pytest

from truncated_time.experiments import passing, passing_rates
from truncated_time.shipped import table


@pytest.fixture(scope="module")
def said(glued):
    return glued("passing")


LONG_LIVED = ("diagonal 0.999", "gated 0.999")


@pytest.fixture(scope="module")
def begun(said):
    """Median losses by model, start, rate and the last position of a stretch."""
    assert all(len(seeds) == 5 for seeds in said["losses_at"].values())
    return {name: median(seeds) for name, seeds in said["losses_at"].items()}


def test_states_that_outlive_their_training_mislead(said, begun):
    floor, guess = said["floor"], said["guess"]
    for model in LONG_LIVED:
        assert begun[f"{model}, zeros, 0.01, 24"] < floor + 0.03
        assert begun[f"{model}, zeros, 0.01, 1536"] > guess
    # The control: states that live shorter than a chunk.
    for rate in passing.RATES:
        assert max(said["losses_at"][f"diagonal 0.9, zeros, {rate}, 1536"]) < floor + 0.03
    assert said["live_zeros"][0] < floor + 0.08
    assert said["live_zeros"][-1] > guess
    assert max(said["live_carried"]) < floor + 0.08


def test_a_large_rate_shortens_the_lives_of_states(said, begun):
    for model in LONG_LIVED:
        losses = [begun[f"{model}, zeros, {rate}, 1536"] for rate in passing.RATES]
        assert losses == sorted(losses, reverse=True)
        assert losses[-1] < said["floor"] + 0.04
    assert min(said["grown_slow"], said["gated_slow"]) > 1.4
    assert max(said["grown_fast"], said["gated_fast"]) < 1.1
    assert 0 <= said["zeros_best"] - said["carried_best"] < 0.04


def test_the_best_rate_of_each_start_is_inside_the_grid(said, begun):
    assert 3 * passing_rates.RATES[0] < passing.RATES[0] < 4 * passing_rates.RATES[0]
    assert passing_rates.RATES[1] == pytest.approx(3 * passing.RATES[-1])
    for model in LONG_LIVED:
        cell = model.split()[0]
        for start in passing_rates.STARTS:
            inside = [begun[f"{model}, {start}, {rate}, 1536"] for rate in passing.RATES]
            slow, fast = (said["outside"][f"{cell} {start} {rate}"] for rate in passing_rates.RATES)
            assert slow > min(inside) + 0.02
            assert slow >= said["slower_least"]
            if cell == "diagonal":
                assert abs(fast - said["guess"]) < 0.03
    fast = [float(row["loss"]) for row in table("results/passing-rates/results.csv")
            if (row["cell"], row["rate"]) == ("diagonal", "0.3")]  # fmt: skip
    assert sum(loss < said["guess"] - 0.03 for loss in fast) == 1  # "all but one only guess"


def test_both_long_lived_cells_were_tried_with_every_start(said):
    starts = {(cell, slowest): starts for cell, slowest, starts in passing.MODELS}
    assert starts["diagonal", 0.999] == starts["gated", 0.999] == passing.STARTS
    for cell in ("diagonal 0.999", "gated 0.999"):
        tried = {name.split(", ", 1)[1].rsplit(", ", 2)[0] for name in said["losses_at"]
                 if name.startswith(cell)}  # fmt: skip
        assert tried == {*passing.STARTS}


def test_cures_that_cost_nothing(said, begun):
    cures = {
        "diagonal 0.999": ("carried", "noise 10", "passed, unscored"),
        "gated 0.999": ("carried", "noise 10", "passed, unscored"),
    }
    for model, starts in cures.items():
        for start in starts:
            for rate in (0.01, 0.03):
                for last in (24, 1536):
                    assert begun[f"{model}, {start}, {rate}, {last}"] < said["floor"] + 0.05
    bold = [begun[f"diagonal 0.999, carried, {rate}, 5"] for rate in passing.RATES]
    assert bold == sorted(bold)
    assert bold[-1] == said["carried_first"] > said["guess"] + 0.05
    assert said["zeros_first"] == pytest.approx(said["guess"], abs=0.03)
    # A size that is too small.
    assert (
        begun["diagonal 0.999, noise 1, 0.01, 1536"]
        > begun["diagonal 0.9, zeros, 0.01, 1536"] + 0.3
    )


def test_another_sequence_lies_about_the_first_answers(said, begun):
    best = {
        start: min(begun[f"diagonal 0.999, {start}, {rate}, 1536"] for rate in passing.RATES)
        for start in ("zeros", "passed", "passed, unscored", "fitted")
    }
    assert best["passed"] == said["passed_best"] > best["zeros"] + 0.03
    assert best["passed, unscored"] < said["floor"] + 0.02
    assert best["fitted"] > best["passed"] - 0.02
    assert min(said["fitted_best"], said["fitted_gated"]) > said["floor"] + 0.03
    for rate in passing.RATES:
        control = {
            start: begun[f"diagonal 0.9, {start}, {rate}, 1536"] for start in ("zeros", "passed")
        }
        assert control["passed"] > control["zeros"] + 0.03


def test_a_state_goes_stale_while_its_meaning_is_learned(said):
    # Before the rooms are learned a burn-in repairs an old state, and zeros as well.
    assert said["old_early"] > 0.3
    assert said["old_early_burnt"] < 0.1
    assert said["zeros_early_burnt"] < 0.1
    # Networks that have learned: the old state is repaired, and zeros are not.
    assert said["knew"] == 4
    assert said["knew_last"] == 5
    assert 0.2 < said["knew_low"] < said["knew_high"] < 0.5
    assert said["knew_burnt_high"] < 0.2 < 0.7 < said["zeros_late_burnt"]
    assert said["last_burnt_high"] < 0.06
    assert said["far_old"] < 0.01 < 3 < said["far_zeros_burnt"]
    given = ("3000", "300", "stored", "0")
    assert said["far_old"] == max(
        float(row["far"])
        for row in table("results/staleness/results.csv")
        if (row["stored"], row["age"], row["start"], row["burn"]) == given
    )
    # The one that is learning: it is not.
    assert said["learning"] == 1
    assert min(said["learning_old"], said["learning_burnt"]) > 0.7
    assert min(said["far_learning"], said["far_learning_burnt"]) > 0.9 * said["room_guess"]
    assert said["far_learning"] > said["room_guess"]  # "worse than not knowing"
    assert said["near_old"] < 0.005
    assert abs(said["near_burnt"]) < 0.001
    assert said["near_zeros"] > 0.1 > 10 * abs(said["near_zeros_burnt"])
    assert said["gradient_ten"] > 0.3 > said["gradient_last"] > 0.05


def test_zeros_in_the_middle_teach_no_room(said):
    far, near = said["replay_far"], said["replay_near"]
    assert all(len(seeds) == 5 for seeds in far.values())
    assert len(far) == 18
    assert max(map(max, near.values())) == said["word_most"] < said["floor"] + 0.06
    for rate in ("0.01", "0.02"):
        assert max(far[f"true 0 1024 {rate}"]) < log(3) / 2
        assert min(far[f"zeros 0 1024 {rate}"]) > 0.95 * log(3)
        assert min(far[f"zeros 20 1024 {rate}"]) > log(3) / 2
    # In so few updates half the rate is too small for anybody.
    slow = [losses for name, losses in far.items() if name.endswith("0.005")]
    assert len(slow) == 6
    assert min(map(min, slow)) > 0.95 * log(3)
    ways = {"old": "stored 0 1024", "burnt": "stored 20 1024", "young": "stored 0 32"}
    for rate, when in (("0.01", ""), ("0.02", "_fast")):
        counts = [said[f"learned_{name}{when}"] for name in ways]
        assert counts == [sum(loss < log(3) / 2 for loss in far[f"{way} {rate}"])
                          for way in ways.values()]  # fmt: skip
        # In between: learned by some, and not by all.
        assert 0 < sum(counts) < 15
    assert sum(said[f"learned_{name}"] for name in ways) < sum(counts)
    for name in (*ways, "true"):
        at_twice = far[f"{ways.get(name, 'true 0 1024')} 0.02"]
        assert said[f"room_{name}_fast"] == median(at_twice)
    assert said["room_old_fast"] > 10 * max(said["room_young_fast"], said["room_true_fast"])
    assert said["room_burnt_fast"] > 10 * max(said["room_young_fast"], said["room_true_fast"])
    assert max(said["room_young_fast"], said["room_true_fast"]) < 0.005
    assert (said["read_burnt"], said["read_true"]) == (1.8, 3.0)
