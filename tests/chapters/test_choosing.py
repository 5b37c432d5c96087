"""The claims of the choosing chapter, read from its executed cells and the shipped results."""

import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from truncated_time.shipped import table
from truncated_time.tasks import carbon_dioxide

CHAPTER = Path(__file__).parents[2] / "chapters" / "choosing.md"


@pytest.fixture(scope="module")
def said(glued):
    return glued("choosing")


def test_the_shuffled_score_is_worth_nothing(said):
    assert said["shuffled"] > 0.999
    assert said["in_time"] < 0 < said["stays"] < said["levelled"] < 1
    assert said["levelled"] > 0.95
    assert said["above"] > 0.5


def test_from_their_own_level_most_neighbours_are_of_other_years():
    level = carbon_dioxide()
    windows = np.lib.stride_tricks.sliding_window_view(level[:-13], 52)
    for read, of_other_years in ((windows, False), (windows - windows[:, -1:], True)):
        nearest = NearestNeighbors(n_neighbors=4).fit(read).kneighbors(read)[1][:, 1:]
        apart = abs(nearest - np.arange(len(read))[:, None])
        assert ((apart >= 52 + 13).mean() > 0.8) == of_other_years
        assert ((apart <= 3).mean() > 0.98) != of_other_years


def test_every_row_of_the_guide_is_measured_and_leads_somewhere():
    chapter = CHAPTER.read_text(encoding="utf-8")
    guide = chapter.split("## The guide")[1].split("Three more things")[0]
    rows = [line for line in guide.splitlines() if line.startswith("| **")]
    assert len(rows) == 9
    for row in rows:
        figure, link, section = (
            re.search(pattern, row)
            for pattern in (r"\{glue:text\}", r"\]\((\S+)\.md\)", r"\*([^*]+)\*\) \|$")
        )
        assert figure
        target = CHAPTER.with_name(f"{link[1]}.md").read_text(encoding="utf-8")
        assert f"## {section[1]}\n" in target


def test_the_guide_says_what_was_measured(said):
    assert said["step_stateless"] < 0.55 < said["step_carried"] == 1
    assert said["suns_blocks"] > 1.5 * said["suns_random"]
    assert said["air_four_windows"] > 2 * said["air_four_carried"]
    assert said["air_year_windows"] == pytest.approx(said["air_year_carried"], abs=0.05)
    assert said["five"] > 0.6 > 0.3 > max(said["six"], said["six_chunks"])
    assert said["lstm_one"] > 2 * said["lstm_ten"]
    assert said["ink_once"] > 0.5 > 0.12 > said["ink_each"]
    assert said["ink_each_best"] == pytest.approx(said["ink_once_best"], abs=0.02)  # a tie
    assert said["ink_gap_each"] > 0.05 > 0 > said["ink_gap_once"]
    assert min(said["first_zero"], said["first_learned"]) > 0.65
    assert said["first_told"] < 0.25
    assert said["first_apart"] < 0.003
    assert said["first_never"] > 1.5 * said["first_reset"]
    assert {int(row["k2"]) for row in table("results/memory/results.csv")} == {said["peak_k2"]}
    assert said["peak_long"] == pytest.approx(said["peak_short"], rel=0.01)


def test_counting_holds(said):
    assert said["counted_mib"] == pytest.approx(said["saved_mib"], rel=0.01)
    assert said["work_ratio"] > 15
    assert said["time_ratio"] < 4
