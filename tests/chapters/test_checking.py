"""The claims of the chapter on your own loop, from its cells and from shipped results."""

import re
from pathlib import Path
from statistics import mean

import pytest

from truncated_time.shipped import table
from truncated_time.tasks import machine_log_floors

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "chapters/checking.md").read_text(encoding="utf-8")
FAULTS = ("data", "state", "errors")


@pytest.fixture(scope="module")
def said(glued):
    return glued("checking")


def ends(**left):
    """Return the losses at the end, by seed, of runs with these faults and no others."""
    return [
        float(row["end"])
        for row in table("results/checking/results.csv")
        if all((row[fault] == "True") == left.get(fault, False) for fault in FAULTS)
    ]


def test_the_loop_with_three_faults_trains(said):
    floor, short = machine_log_floors()
    assert said["live_first"] > short > said["live_all"] > floor + 0.15


def test_two_fixes_gain_nothing_and_the_third_does(said):
    assert said["live_data"] == pytest.approx(said["live_all"], abs=0.02)
    assert said["live_state"] == pytest.approx(said["live_all"], abs=0.02)
    assert said["live_fixed"] < said["live_state"] - 0.1
    assert said["live_fixed"] < said["floor"] + 0.05


def test_the_page_and_the_experiment_are_the_same_loop(said):
    """Faults of the page's cells, as the experiment knows them."""
    for name, left in (
        ("live_all", {"data": True, "state": True, "errors": True}),
        ("live_data", {"state": True, "errors": True}),
        ("live_state", {"errors": True}),
        ("live_fixed", {}),
    ):
        assert said[name] == pytest.approx(ends(**left)[0], abs=0.002)


def test_the_loss_is_that_of_the_last_updates(said):
    assert 0 < said["last_updates"] < said["all_updates"] / 4


def test_every_fault_put_back_alone_costs_in_every_seed(said):
    fixed = ends()
    assert len(fixed) == said["seeds"] == 5
    assert said["mean_none"] == pytest.approx(mean(fixed))
    for fault in FAULTS:
        assert min(ends(**{fault: True})) > max(fixed) + 0.05
        assert said[f"mean_{fault}"] > said["mean_none"] + 0.05
        assert said[f"mean_{fault}"] == pytest.approx(mean(ends(**{fault: True})))


def test_while_no_error_goes_back_the_other_faults_hardly_matter(said):
    means = [said[f"mean_{name}"] for name in ("all", "no_state", "no_data", "errors")]
    assert max(means) - min(means) < 0.04
    assert min(means) > said["mean_data"]


def test_a_wrong_state_is_worse_than_none(said):
    assert min(ends(data=True)) > max(ends(state=True))
    assert min(ends(data=True)) > max(ends(data=True, state=True))


def test_the_rows_jump_over_the_batch(said):
    assert said["jump"] == 32 * 12


def test_the_fixed_loss_means_something(said):
    assert said["frozen_new"] == pytest.approx(said["live_fixed"], abs=0.02)
    assert said["new_mean"] == pytest.approx(said["mean_none"], abs=0.02)


def test_the_explorer_has_a_message_for_every_loop():
    from truncated_time.planted import LOOPS

    named = re.search(r"MESSAGES = \{\n(.*?)^\}", TEXT, re.S | re.M)[1]
    assert tuple(re.findall(r'^    "(.+?)":', named, re.M)) == LOOPS
