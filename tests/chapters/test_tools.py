"""The claims of the chapter on your own tools, from its cells and from shipped results."""

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest
from torch.utils.data import DistributedSampler

from truncated_time.figures.processes import DEALINGS, batches_of_processes
from truncated_time.shipped import table

ROOT = Path(__file__).parents[2]
TEXT, QUESTIONS = (
    (ROOT / f"chapters/{name}.md").read_text(encoding="utf-8") for name in ("tools", "checking")
)


@pytest.fixture(scope="module")
def said(glued):
    return glued("tools")


def test_the_list_to_print_has_the_four_questions():
    part = TEXT.split("## A list to print")[1].split("\n## ")[0]
    asked = re.findall(r"^\*\*(.+\?)\*\*$", part, re.M)
    assert asked == re.findall(r"^## \d\. (.+)$", QUESTIONS, re.M)
    assert len(asked) == 4
    assert len(re.findall(r"^\* ", part, re.M)) <= 16  # one page


def test_a_distributed_sampler_breaks_lanes_and_lanes_dealt_to_processes_go_on(said):
    assert said["sampled_share"] < 0.01
    assert said["unshuffled_share"] == said["in_two_share"] == 1


def test_keras_finds_leaks_and_accuses_few_who_learned(said):
    assert said["keras_trainings"] == 20
    assert said["keras_caught"] == said["keras_guilty"] > 30
    assert said["keras_accused"] / said["keras_honest"] < 0.03
    assert said["keras_honest"] > 80


def test_keras_accuses_few_that_cannot_leak():
    # One loss, at the end of the sequence: weights move once an epoch, and no state can be earned.
    cannot = [row["verdict"] for row in table("results/alarms-keras/results.csv")
              if row["training"] == "signal, loss at the end"]  # fmt: skip
    assert len(cannot) == 125
    assert cannot.count("leak") / len(cannot) < 0.05


def test_the_loops_that_watch_was_tried_on_are_counted():
    tried = {}
    for name in ("test_watch", "test_watch_sound", "test_watch_public"):
        path = ROOT / f"tests/tbptt/pytorch/{name}.py"
        spec = importlib.util.spec_from_file_location(f"counted_{name}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        tried |= {key: len(value) for key, value in vars(module).items()
                  if key in ("PLANTED", "SOUND", "LOOPS")}  # fmt: skip
    public = tried["LOOPS"]
    sentence = TEXT.split("How far can you trust it?")[1].split("These loops are small")[0]
    assert re.findall(r"\b(\d+) (?:sound|of them|loops)", sentence) == [
        str(tried["SOUND"] + public), str(public), str(tried["PLANTED"] + public)
    ]  # fmt: skip


def test_whole_steps_of_training_are_watched_for_a_third_more_at_most(said):
    assert 0 < said["watch_whole"] < 0.3 < said["watch_bare"] < 1.2


def test_the_versions_of_other_packages_are_those_that_the_listings_run_with():
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    named = TEXT.split("The book's tests run them, with")[1].split(". ")[0]
    assert sorted(re.findall("`(.+?)`", named)) == sorted(groups["dependency-groups"]["others"])


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_the_slider_deals_windows_as_the_sampler_does(processes):
    laid = batches_of_processes(DEALINGS[0], 1).ravel().tolist()
    dealt = batches_of_processes(DEALINGS[1], processes)
    for rank in range(processes):
        sampler = DistributedSampler(laid, num_replicas=processes, rank=rank, shuffle=False)
        rows = dealt[:, 6 * rank : 6 * rank + 6]
        assert rows.ravel().tolist() == [laid[index] for index in sampler]
