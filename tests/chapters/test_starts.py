"""The claims of the chapter on what a window begins with: from its cells, from shipped rows."""

from collections import defaultdict
from statistics import mean

import pytest

from truncated_time.shipped import table


@pytest.fixture(scope="module")
def said(glued):
    return glued("starts")


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
    # On average, at every rate; at the best rate not by more than the seeds differ.
    assert 0 < said["alike_later"] < 0.01 < said["alike_later_most"] < 0.05


def test_no_rate_lets_zeros_say_the_first_answers(said):
    assert (said["rates_tried"], said["rates_seeds"]) == (4, 5)
    assert said["rates_zero"] > 0.69
    assert said["rates_warm"] < said["floor"] + 0.02
    by_rate = defaultdict(lambda: defaultdict(list))
    for row in table("results/starts-rates/results.csv"):
        if (row["stream"], row["lag"]) == ("continued", "6"):
            by_rate[row["start"]][row["rate"]].append(float(row["first"]))
    best = {start: min(map(mean, rates.values())) for start, rates in by_rate.items()}
    assert said["rates_zero"] == pytest.approx(min(best["zero"], best["learned"]))
    assert said["rates_warm"] == pytest.approx(
        max(best[start] for start in ("warmed up", "stored", "carried"))
    )


def test_when_to_reset(said):
    floor, guess = said["floor"], said["guess"]
    assert said["never_first"] > guess + 0.5
    assert said["in_time_first"] == pytest.approx(guess, abs=0.15)
    assert said["late_before"] > guess + 0.5
    assert said["late_behind"] == pytest.approx(guess, abs=0.2)
    assert said["in_time_first"] > guess + 0.03
    for later in ("in_time_later", "never_later", "late_later"):
        assert said[later] == pytest.approx(floor, abs=0.03)


def test_from_zeros_the_first_five_answers_are_a_guess_and_the_others_at_the_floor(said):
    by_seed = {}
    for row in table("results/starts/results.csv"):
        if (row["stream"], row["lag"], row["start"], row["reset"]) == (
            "continued", "6", "zero", "as trained",
        ):  # fmt: skip
            by_seed.setdefault(row["seed"], {})[int(row["step"])] = float(row["loss"])
    assert len(by_seed) == 5
    for losses in by_seed.values():
        assert min(losses[step] for step in range(5)) > said["guess"] - 0.05
        assert max(losses[step] for step in range(5, 20)) < said["floor"] + 0.1
