"""The claims of the chapter on recurrences of today, from its cells and the shipped results."""

from math import log
from pathlib import Path
from statistics import median

import pytest

from tbptt.carried import MODELS, carried
from tbptt.cost import memory_distances
from truncated_time.experiments import passing
from truncated_time.experiments.beyond import MEMORIES, SCANS
from truncated_time.shipped import table


@pytest.fixture(scope="module")
def said(glued):
    return glued("modern")


def test_a_memory_learns_what_it_is_taught(beyond_losses, said):
    for setting in MEMORIES:
        sees, taught = memory_distances(*setting)
        found = beyond_losses["memory", " ".join(map(str, setting))]
        if taught >= 5:
            assert max(found) < said["floor"] + 0.06, setting
        else:
            assert min(found) > (said["floor"] + said["guess"]) / 2, setting
        if sees < 5:
            assert min(found) > said["guess"] - 0.02, setting
    # Not taught, and on the way: hearsay.
    assert said["memory_updates"] == 250
    assert said["floor"] + 0.2 < said["hearsay_low"] < said["guess"] - 0.1
    assert said["hearsay_high"] <= said["guess"]


def test_what_is_not_taught_comes_late_and_may_be_lost_again(said):
    floor, middle = said["floor"], (said["floor"] + said["guess"]) / 2
    one, two = said["courses_of"]["2 3 1"], said["courses_of"]["2 3 2"]
    assert (len(one), len(two), {len(course) for course in one + two}) == (5, 5, {6})
    at = [int(row["updates"]) for row in table("results/longer/results.csv")]
    assert at == 10 * [250, 500, 750, 1000, 1250, 1500]
    near = [course[-1] < floor + 0.1 for course in one]
    assert sum(near) == said["near_one"] == 3
    # "Some find it and lose it again": half way down, and back at a guess.
    assert any(min(course) < middle and course[-1] > said["guess"] - 0.03 for course in one)
    assert sum(min(course) > said["guess"] - 0.1 for course in one) == 1
    assert said["near_two"] == 0
    assert said["visited_two"] == sum(min(course) < middle for course in two) == 1


def test_both_kinds_of_memory_are_in_the_table():
    assert {memory_distances(*setting)[1] >= 5 for setting in MEMORIES} == {True, False}


def test_a_linear_state_needs_no_teaching_if_it_begins_well(beyond_losses, said):
    assert said["gap"] < 1e-12
    assert said["scan_bias"] > 0.3
    at = {setting: beyond_losses["scan", "{} {}".format(*setting)] for setting in SCANS}
    for chunk in (1, 4, 24):
        assert max(at[0.99, chunk]) < said["floor"] + 0.05
        assert min(at[0.3, chunk]) > said["guess"] - 0.05
    # In between, the reach decides.
    assert max(at[0.5, 24]) < said["floor"] + 0.05
    assert max(at[0.5, 1]) > said["guess"] - 0.05
    assert 0.3**5 < 0.004
    assert said["diagonal_off"] < 1e-12
    assert said["diagonal_filled"] == 2
    assert said["diagonal_one"] > 0.1


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


def test_cures_that_cost_nothing(said, begun):
    cures = {
        "diagonal 0.999": ("carried", "noise 10", "passed, unscored"),
        "gated 0.999": ("carried", "noise 10"),
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
    for rate in passing.RATES:
        control = {
            start: begun[f"diagonal 0.9, {start}, {rate}, 1536"] for start in ("zeros", "passed")
        }
        assert control["passed"] > control["zeros"] + 0.03


def test_a_burn_in_repairs_what_is_forgotten(said):
    # Before the rooms are learned: from the old state and from zeros alike.
    assert said["old_early"] > 0.3
    assert said["old_early_burnt"] < 0.1
    assert said["zeros_early_burnt"] < 0.1
    # After that the error stays in the state.
    assert said["old_late"] > 0.5
    assert said["old_late_burnt"] > 0.5
    assert said["near_old"] > 0.005 > abs(said["near_burnt"])
    assert said["near_zeros"] > 0.1 > 10 * abs(said["near_zeros_burnt"])
    assert said["far_fresh"] < 0.01
    assert said["far_old"] > 0.8
    assert said["far_burnt"] > 0.8
    assert said["gradient_ten"] > said["gradient_one"] > 0.1
    for burn in (0, 10, 40):
        assert said["aging_of"][f"1000 zeros {burn} 0"]["far"] > 0.3


def test_zeros_in_the_middle_teach_no_room(said):
    far, near = said["replay_far"], said["replay_near"]
    assert all(len(seeds) == 5 for seeds in far.values())
    assert max(map(max, near.values())) < said["floor"] + 0.05
    assert max(far["true 0 1024"]) < log(3) / 2
    assert min(far["zeros 0 1024"]) > 0.95 * log(3)
    assert min(far["zeros 20 1024"]) > log(3) / 2
    for name, count in (
        ("stored 0 1024", "learned_old"),
        ("stored 20 1024", "learned_burnt"),
        ("stored 0 32", "learned_young"),
    ):
        assert said[count] == sum(loss < log(3) / 2 for loss in far[name])
    # In between: somewhere learned, and somewhere not.
    counts = [said[name] for name in ("learned_old", "learned_burnt", "learned_young")]
    assert 0 < sum(counts) < 15
    assert (said["read_burnt"], said["read_true"]) == (1.8, 3.0)


def test_a_state_has_a_tail_and_it_counts(said):
    assert said["mamba_numbers"] == 2048 * 16 + 3 * 2048
    assert tuple(said["mamba_tail"]) == (3, 2048)
    assert said["tail_kept"] < 1e-12
    # Wrong from the first step on, by little; and for longer than the three steps that see the
    # tail, since what they put into the channels stays.
    assert len(said["tail_lost"]) == 12
    assert 1e-4 < min(said["tail_lost"]) <= max(said["tail_lost"]) < 0.1


def test_the_full_gradient_comes_in_chunks(said):
    assert said["across_off"] < 1e-12
    assert said["across_steps"] == 4096
    assert max(said["exact"]) < 1e-12
    assert said["cut_off"] > 0.3
    assert 0.5 < said["chunkwise_time"] < 1.5  # "about the time of one scan"
    assert said["scan_mib"] > 3 * said["chunkwise_mib"] > 9 * said["cut_mib"]
    assert said["cut_time"] < said["chunk_time"]


def test_the_table_is_made_of_the_package_s_list():
    page = (Path(__file__).parents[2] / "chapters/modern.md").read_text(encoding="utf-8")
    for model in MODELS:
        parts = carried(model.name, width=1024).parts.items()
        shapes = ", ".join(
            f"{name} {' × '.join(f'{size:,}' for size in shape)}" for name, shape in parts
        )
        cells = model.title, shapes, model.resets, model.accepts, model.gradient
        assert f"| {' | '.join(cells)} |\n" in page, model.name
