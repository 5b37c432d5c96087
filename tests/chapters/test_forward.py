"""The claims of the chapter on derivatives carried ahead, from its cells and shipped results."""

from collections import defaultdict
from statistics import median

import pytest

from truncated_time.shipped import table


@pytest.fixture(scope="module")
def said(glued):
    return glued("forward")


def test_rtrl_is_exact_and_its_price_is_as_said(said):
    assert said["rtrl_off"] < 1e-12
    assert said["influence_numbers"] == 32 * 1152
    assert said["states_numbers"] == 24 * 32
    assert said["snap_numbers"] == 1152
    assert said["uoro_numbers"] == 32 + 1152
    assert said["snap_two_all"]
    assert said["snap_two_off"] < 1e-12
    # Three gates of 64 inputs, 512 units and two biases.
    assert said["gru_weights"] == 3 * 512 * (64 + 512 + 2)
    assert said["gru_gb"] == pytest.approx(said["gru_weights"] * 512 * 4 / 1e9)
    assert said["gru_products"] == pytest.approx(said["gru_weights"] * 512**2 / 1e9)


@pytest.fixture(scope="module")
def ahead():
    """Loss of every seed, by network, way and rate."""
    found = defaultdict(lambda: defaultdict(list))
    for row in table("results/ahead/results.csv"):
        found[row["network"], row["way"]][float(row["rate"])].append(float(row["loss"]))
    assert all(len(seeds) == 5 for rates in found.values() for seeds in rates.values())
    return found


def inside(rates):
    """The rate with the least median over seeds, if there are worse ones on both sides."""
    medians = [median(rates[rate]) for rate in sorted(rates)]
    place = medians.index(min(medians))
    assert 0 < place < len(medians) - 1, "the best rate is at an end of the grid"
    return sorted(rates)[place]


def test_every_way_is_seen_at_its_best_rate(ahead, said):
    assert {len(rates) for rates in ahead.values()} == {6, 7, 8, 9}
    for (network, way), rates in ahead.items():
        assert said["best"][f"{network} {way}"] == sorted(rates[inside(rates)])


def test_in_a_plain_network_a_readout_is_enough_at_a_low_rate(ahead, said):
    floor, guess = said["floor"], said["guess"]
    middle = (floor + guess) / 2
    assert max(said["best"]["plain readout"]) < floor + 0.1
    for way in ("chunks 4", "chunks 24", "RTRL", "SnAp-1", "UORO", "e-prop"):
        assert said["plain_" + way.lower().replace(" ", "_").replace("-", "_")] < middle
    # At 0.01 those whose errors cover the lag are left.
    for way, losses in said["at_the_higher"].items():
        if way in ("RTRL", "chunks 24"):
            assert median(losses) < floor + 0.1
        elif way not in ("readout", "RFLO"):
            assert median(losses) > guess - 0.05
    lost = [loss for loss in said["at_the_higher"]["RTRL"] if loss > guess - 0.05]
    assert (len(lost), len(said["at_the_higher"]["RTRL"])) == (1, 5)  # "one network of five"


def test_in_a_leaky_network_only_what_covers_the_lag_gets_there(ahead, said):
    floor = said["floor"]
    assert said["leaky_chunks_24"] < floor + 0.05
    assert said["leaky_rtrl"] < floor + 0.05
    assert said["rtrl_lost"] == 2
    # That it is the influence carried on: tests/truncated_time/test_fleet.py.
    assert said["rtrl_back"] == 120
    assert said["leaky_readout"] > floor + 0.35
    order = ("chunks_4", "snap_1", "e_prop", "rflo", "readout", "uoro")
    medians = [said[f"leaky_{way}"] for way in order]
    assert medians == sorted(medians)
    assert medians[0] > floor + 0.2


def test_biases_and_noises_of_the_forward_methods(errors, said):
    assert said["uoro_trained"] > said["uoro_fresh"] > 1
    assert said["snap_trained"] > said["snap_fresh"] > 0.3
    assert said["eprop_fresh"] == pytest.approx(said["snap_fresh"], abs=0.05)
    # A bias could not be seen through so much noise; nor is one seen.
    for weights in ("fresh", "trained"):
        for style, length in (("UORO", 0), ("PES", 4), ("NRES", 4)):
            noises = errors[weights, style, length]
            assert all(bias < 4 * noise / 200**0.5 for bias, noise in noises)


def test_the_fleet_ends_where_the_engines_do(ahead, beyond_losses):
    # The same setting by the package's own engines, one network at a time, at one rate.
    same = [((way, "4"), way, 0.003) for way in ("RTRL", "SnAp-1", "UORO")]
    for setting, way, rate in [*same, (("chunks", "24"), "chunks 24", 0.01)]:
        library, fleet = beyond_losses[setting], ahead["plain", way][rate]
        assert median(library) == pytest.approx(median(fleet), abs=0.05)


def test_the_noise_of_a_coin_is_that_of_the_chapter_on_coins(said, glued):
    assert said["noise_four"] == glued("beyond")["noise_four"]


def test_the_price_of_never_going_back(said):
    rows = table("results/price/results.csv")

    def of(cell, way, column):
        return {
            size: median(
                float(row[column])
                for row in rows
                if (row["cell"], row["size"], row["way"]) == (cell, str(size), way)
            )
            for size in (16, 64)
        }

    weights = of("diagonal", "traces", "weights")
    assert of("diagonal", "traces", "numbers") == {n: 2 * weights[n] for n in (16, 64)}
    assert of("diagonal", "RTRL", "numbers") == {n: 2 * n * weights[n] for n in (16, 64)}
    plain = of("plain", "RTRL", "weights")
    assert of("plain", "RTRL", "numbers") == {n: n * plain[n] for n in (16, 64)}
    # Times are of one machine; that the one grows and the other does not is of none.
    growth = {key: of(*key, "ratio")[64] / of(*key, "ratio")[16]
              for key in (("plain", "RTRL"), ("diagonal", "traces"))}  # fmt: skip
    assert growth["plain", "RTRL"] > 3 > 2 > growth["diagonal", "traces"]
    for size, kind in ((16, "_small"), (64, "")):
        assert said[f"price_plain{kind}"] == of("plain", "RTRL", "ratio")[size]
        assert said[f"price_traces{kind}"] == of("diagonal", "traces", "ratio")[size]
        # Traces of a diagonal network take what e-prop takes.
        assert 0.5 < said[f"price_traces{kind}"] / of("plain", "traces", "ratio")[size] < 1.5
    assert said["price_traces"] < said["price_plain"] / 2


def test_moved_weights_learn_although_they_are_loud(said):
    assert said["pes_fresh"] == pytest.approx(said["nres_fresh"], rel=0.1)
    assert said["pes_trained"] > 1.5 * said["nres_trained"] > 1.5 * said["uoro_trained"]
    # Much louder than UORO, and lower in the end.
    assert said["nres_fresh"] > 4 * said["uoro_fresh"]
    budget = said["budget_best"]
    assert set(budget) == {
        *(f"{way} {length}" for way in ("coin", "plain coin") for length in (2, 4, 8)),
        *(f"{way} {spread}" for way in ("PES", "NRES") for spread in (0.003, 0.01)),
    }
    assert said["coin_loss"] == budget["coin 4"]
    assert abs(budget["coin 4"] - budget["plain coin 4"]) < 0.005
    assert budget["coin 4"] < min(said["pes_loss"], said["nres_loss"], said["plain_uoro"]) - 0.005
    for way in ("PES", "NRES"):
        for spread in (0.003, 0.01):
            assert abs(budget[f"{way} {spread}"] - said[f"{way.lower()}_loss"]) < 0.015
    assert max(said["pes_loss"], said["nres_loss"]) < said["plain_uoro"]
    assert max(said["pes_losses"] + said["nres_losses"]) < (said["floor"] + said["guess"]) / 2
    rows = table("results/evolution/results.csv")
    for way in ("PES", "NRES"):
        for spread in ("0.03", "0.1"):
            by_rate = defaultdict(list)
            for row in rows:
                if (row["way"], row["spread"]) == (way, spread):
                    by_rate[float(row["rate"])].append(float(row["loss"]))
            inside(by_rate)


def test_a_forecast_that_is_exact_is_the_full_gradient(said):
    assert said["exact_off"] < 1e-12
    assert said["blind_off"] > 0.05


def test_a_learned_forecast_carries_no_credit_here(said):
    floor, boot = said["floor"], said["boot"]
    assert all(len(losses) == 5 for losses in boot.values())
    for way in ("chunks", "bootstrapped"):
        assert said[f"boot_plain_{way}_24000"] < floor + 0.05
    for steps in (6000, 24000):
        plain, forecast = (said[f"boot_leaky_{way}_{steps}"] for way in ("chunks", "bootstrapped"))
        assert forecast > plain + 0.03
        assert said["leaky_rtrl"] < forecast - 0.2
    assert abs(said["foreseen"]) < 0.1
    rates = defaultdict(lambda: defaultdict(list))
    for row in table("results/bootstrap/results.csv"):
        key = row["network"], row["way"], row["steps"]
        rates[key][float(row["rate"])].append(float(row["loss"]))
    for key, by_rate in rates.items():
        assert len(by_rate) == 5
        if key == ("plain", "chunks", "24000"):  # said: at the smallest rate
            assert min(by_rate, key=lambda rate: median(by_rate[rate])) == min(by_rate)
        elif key != ("leaky", "chunks", "6000"):
            inside(by_rate)
