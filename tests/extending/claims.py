"""The claims of the chapter on warm-up."""

from math import ceil, log

import pytest

from truncated_time.shipped import table


@pytest.fixture(scope="module")
def said(glued):
    return glued("warmup")


def test_the_formula(said):
    assert said["steps_90"] == ceil(log(0.01) / log(0.9)) == 44


def test_tanh_forgets_sooner(said):
    counts = [int(row["steps"]) for row in table("results/warmup/results.csv")
              if row["gain"] == "0.9"]  # fmt: skip
    assert len(counts) == 5
    assert sorted(counts)[2] == said["measured_90"]
    assert max(counts) < said["steps_90"]
