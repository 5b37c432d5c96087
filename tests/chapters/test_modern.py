"""The claims of the chapter on recurrences of today, from its cells and the shipped results."""

from collections import defaultdict

import pytest

from tbptt.cost import memory_distances
from truncated_time.experiments.beyond import MEMORIES, SCANS
from truncated_time.shipped import table


@pytest.fixture(scope="module")
def said(glued):
    return glued("modern")


@pytest.fixture(scope="module")
def losses():
    """Loss of every seed at the end, by way and setting."""
    found = defaultdict(list)
    for row in table("results/beyond/results.csv"):
        found[row["way"], row["setting"]].append(float(row["loss"]))
    assert all(len(seeds) == 5 for seeds in found.values())
    return found


def test_a_memory_learns_what_it_is_taught(losses, said):
    for setting in MEMORIES:
        sees, taught = memory_distances(*setting)
        found = losses["memory", " ".join(map(str, setting))]
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


def test_a_linear_state_needs_no_teaching_if_it_begins_well(losses, said):
    assert said["gap"] < 1e-12
    assert said["scan_bias"] > 0.3
    at = {setting: losses["scan", "{} {}".format(*setting)] for setting in SCANS}
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
