"""The claims of the case, read from its executed cells and the shipped results."""

from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import pytest

from truncated_time.experiments import choosing
from truncated_time.experiments.shared import forecasting
from truncated_time.shipped import table
from truncated_time.tasks import carbon_dioxide, carbon_dioxide_raw, series

CHAPTER = Path(__file__).parents[2] / "chapters" / "case.md"


@pytest.fixture(scope="module")
def said(glued):
    return glued("case")


@pytest.fixture(scope="module")
def errors():
    """Validation and test errors of every seed, by policy, k1, k2 and rate."""
    found = defaultdict(lambda: defaultdict(list))
    for row in table("results/choosing/results.csv"):
        setting = row["policy"], int(row["k1"]), int(row["k2"]), float(row["rate"])
        for part in ("validation_error", "test_error"):
            found[setting][part].append(float(row[part]))
    return found


def at_best(errors):
    """The rate with the lowest mean validation error of every setting, and that mean."""
    best = {}
    for (*setting, rate), parts in errors.items():
        middle = mean(parts["validation_error"])
        if middle < best.get(tuple(setting), (None, float("inf")))[1]:
            best[tuple(setting)] = rate, middle
    return best


def test_no_answer_of_a_part_looks_into_the_next():
    data = choosing.weeks()
    parts = [range(len(data.y))[choosing.part(name)] for name in ("training", "validation", "test")]
    for before, behind in pairwise(parts):
        # Week t of the input ends at level t + 1; its answer is the level 13 weeks on.
        assert before[-1] + 1 + choosing.HORIZON <= behind[0] + 1


def test_missing_weeks_repeat_what_was_known_and_are_not_scored(said):
    raw, filled = carbon_dioxide_raw(), carbon_dioxide()
    missing = np.isnan(raw)
    assert (filled[~missing] == raw[~missing]).all()
    assert (filled[1:][missing[1:]] == filled[:-1][missing[1:]]).all()
    data = choosing.weeks()
    for week in np.flatnonzero(data.scored):
        assert not missing[week + 1]
        assert not missing[week + 1 + choosing.HORIZON]
        assert data.y[week] == pytest.approx(raw[week + 14] - raw[week + 1], abs=1e-4)
    assert said["n_missing"] == missing.sum()
    assert said["unscored"] == (~data.scored).sum()


def test_scaling_knows_the_training_part_alone(monkeypatch):
    raw = carbon_dioxide_raw()
    later = raw.copy()
    # The last answer of the training part ends at this level, before the first week of validation.
    later[choosing.VALIDATION + 1 :] *= 3
    before = choosing.weeks()
    monkeypatch.setattr(series, "carbon_dioxide_raw", lambda: later)
    after = choosing.weeks()
    assert after.scale == before.scale
    assert (after.x[: choosing.END] == before.x[: choosing.END]).all()


@pytest.mark.parametrize(
    ("policy", "k2"), [("carried", 13), ("zeros", 13), ("warm-up", 13), ("zeros, last", 52)]
)
def test_batches_stay_in_the_training_part(policy, k2):
    feed = forecasting.batches(choosing.weeks(), policy, k2, seed=0)
    lanes = None
    for _ in range(20):
        begins, where, warm = next(feed)
        assert where.min() >= 0
        assert where.max() < choosing.END
        assert (np.diff(where, axis=0) == 1).all()
        if policy == "carried":
            # Row i goes on where row i stopped, unless the lanes begin anew.
            assert begins or (where[0] == lanes + 1).all()
            lanes = where[-1]
        if policy != "zeros, last":
            assert where[warm:].size == choosing.LANES * choosing.CHUNK


def test_a_run_is_repeatable():
    once, again = (
        choosing.train("warm-up", 13, 13, seed=3, rate=0.006, updates=20) for _ in range(2)
    )
    assert once[0] == again[0]
    assert (once[1] == again[1]).all()


def test_the_simple_forecasts_are_in_the_order_of_the_text(said):
    assert said["v_104"] < said["v_52"] < said["v_year"] < said["v_half"] < said["v_none"]
    assert said["best"] == "linear, 104 weeks"


def test_the_choice_was_made_on_the_validation_part(said, errors):
    means = {setting: mean(found["validation_error"]) for setting, found in errors.items()}
    policy, k1, k2, rate = min(means, key=means.get)
    assert (policy, k2, rate) == (said["policy"], said["reach"], said["rate"])
    assert said["style"] == ("true" if k1 == 1 else "chunks")
    tested = errors[policy, k1, k2, rate]["test_error"]
    assert said["gru_test"] == pytest.approx(mean(tested))
    assert said["gru_spread"] == pytest.approx(stdev(tested))
    assert said["n_settings"] == len(errors)
    # All settings score as many answers an update, but for those that read more for fewer.
    assert (said["n_scored"], said["n_last"], said["n_times"]) == (8 * 52, 64, 8)


def test_the_network_comes_level(said, errors):
    assert said["gru_high"] < said["year_test"]
    assert said["gru_low"] < said["best_test"] < said["gru_high"]
    assert abs(said["gru_test"] - said["best_test"]) < said["gru_spread"]
    # At the common rate every seed is behind.
    common = errors["zeros, last", 52, 52, choosing.COMMON]["test_error"]
    assert min(common) > said["best_test"]
    assert said["v_104"] < said["validated"] == pytest.approx(said["v_52"], abs=0.05)


def test_what_the_sweep_is_said_to_show(said, errors):
    best = at_best(errors)
    middle = {setting: value for setting, (_, value) in best.items()}
    spread = {
        setting: stdev(errors[*setting, rate]["validation_error"])
        for setting, (rate, _) in best.items()
    }
    assert {len(found["validation_error"]) for found in errors.values()} == {5}
    # The rate of each of the two that contend lies inside.
    for setting, rates in choosing.CONTEND.items():
        assert min(rates) < best[setting][0] < max(rates)
    assert middle["zeros", 4, 4] > 2 * middle["carried", 4, 4]
    assert middle["warm-up", 13, 13] < middle["carried", 13, 13] + spread["warm-up", 13, 13]
    # The same window, and what is scored.
    assert middle["zeros", 52, 52] > said["v_year"] > middle["zeros, last", 52, 52] + 0.1
    for style in (lambda _: 1, lambda k2: k2):
        four, thirteen, *longer = (
            mean(errors["carried", style(k2), k2, choosing.COMMON]["validation_error"])
            for k2 in (4, 13, 26, 52)
        )
        assert four > max(thirteen, *longer)
        assert min(longer) > thirteen
    at_common = {
        setting[:3]: mean(found["validation_error"])
        for setting, found in errors.items()
        if setting[3] == choosing.COMMON
    }
    for k2 in (4, 13):
        assert at_common["carried", 1, k2] < at_common["carried", k2, k2] - 0.05
    for k2 in (26, 52):
        assert at_common["carried", 1, k2] == pytest.approx(at_common["carried", k2, k2], abs=0.02)
    # A tie.
    chosen, carried = middle["zeros, last", 52, 52], middle["carried", 1, 13]
    assert chosen == min(middle.values())
    assert carried == min(value for (policy, *_), value in middle.items() if policy == "carried")
    assert carried - chosen < spread["carried", 1, 13]


def test_what_the_validation_years_of_the_sea_are_said_to_show(said):
    runs = defaultdict(list)
    for row in table("results/sea/results.csv"):
        setting = row["policy"], int(row["k1"]), int(row["k2"]), float(row["rate"])
        runs[setting].append(float(row["validation_error"]))
    middle = {setting: mean(seeds) for setting, seeds in runs.items()}
    assert {len(seeds) for seeds in runs.values()} == {5}
    *_, reach, rate = best = min(middle, key=middle.get)
    assert (best[0], reach, rate) == (said["sea_policy"], said["sea_reach"], said["sea_rate"])
    assert said["sea_chosen"] == pytest.approx(middle[best])
    # Three rates had the best at their edge; of four it lies inside, at each window from zeros.
    for setting, found in said["sea_best_rates"].items():
        assert found < 0.06 or not setting.startswith("zeros")
    assert said["sea_all"] > said["sea_last"] + 0.1
    lowest = sorted(said["sea_means"], key=said["sea_means"].get)[:2]
    assert lowest == ["zeros, last chunks 36", "zeros, last chunks 24"]
    assert said["sea_warm"] - said["sea_chosen"] < stdev(runs["warm-up", 6, 6, 0.02])
    assert said["sea_carried"] > said["sea_warm"]
    assert said["sea_simple_error"] < said["sea_chosen"] - stdev(runs[best])
    assert said["sea_usual"] == pytest.approx(said["sea_chosen"], abs=stdev(runs[best]))
    assert said["sea_chosen"] + 3 * stdev(runs[best]) < said["sea_linear"] < said["sea_year"]
    assert (said["sea_training"], said["sea_validation"], said["sea_sealed"]) == (1986, 1998, 12)


def test_what_the_one_look_is_said_to_show(said):
    network = [
        float(row["test_error"])
        for row in table("results/once/results.csv")
        if row["forecast"] == "network"
    ]
    assert said["once_network"] == pytest.approx(mean(network))
    assert said["once_spread"] == pytest.approx(stdev(network))
    assert said["once_simple"] < mean(network) - stdev(network)
    assert max(network) < said["once_year"] - 0.3
    assert said["once_low"] == min(network)
    assert said["once_behind"] == sum(error > said["once_simple"] for error in network) == 4


def test_sentences_name_what_was_measured(said):
    text = " ".join(CHAPTER.read_text(encoding="utf-8").split())
    behind, of = (f"{{glue:text}}`{name}`" for name in ("once_behind", "once_seeds"))
    assert f"Against the simple forecast {behind} of {of} lose" in text
    assert said["once_simple"] < said["once_network"]
    assert "a linear rule that knows the season beats the GRU" in text
    assert "**The network comes level.**" in text
    assert said["validated"] > said["v_52"]
    assert "the network is no better than the linear function of 52 weeks" in text
    assert (said["policy"], said["sea_policy"]) == 2 * ("zeros, last",)
    chosen = "from zeros that score their last answer**"
    assert f"**windows of {{glue:text}}`reach` weeks {chosen}" in text
    assert f"**windows of {{glue:text}}`sea_reach` months {chosen}" in text


def test_which_settings_of_the_sea_were_best_at_an_edge():
    runs = defaultdict(lambda: defaultdict(list))
    for row in table("results/sea/results.csv"):
        setting = row["policy"], int(row["k1"]), int(row["k2"])
        runs[setting][float(row["rate"])].append(float(row["validation_error"]))
    kept = {setting: rates for setting, rates in runs.items()
            if setting[0] in ("carried", "warm-up")}  # fmt: skip
    at_the_largest = [
        setting for setting, rates in kept.items()
        if mean(rates[max(rates)]) == min(map(mean, rates.values()))
    ]  # fmt: skip
    assert (len(at_the_largest), len(kept)) == (5, 10)
    assert max(k2 for _, _, k2 in runs) == 36
