"""The claims of the chapter on what lies beyond, from its cells and the shipped results."""

from statistics import median

import pytest


@pytest.fixture(scope="module")
def said(glued):
    return glued("beyond")


def test_cleo_learns_and_dan_does_not(said):
    middle = (said["floor"] + said["guess"]) / 2
    assert max(said["cleo"]) < said["floor"] + 0.05
    assert min(said["dan"]) > middle + 0.1
    # On the way, and slower with every seed.
    assert min(said["plain"]) > max(said["cleo"]) + 0.1
    assert said["plain_mean"] < said["guess"] - 0.1
    assert 0.5**5 == 1 / 32
    assert 0.5**10 < 1 / 1000
    assert max(said["unclipped"]) < said["floor"] + 0.05


def test_and_so_it_is_with_more_seeds_and_longer(beyond_losses, said):
    middle = (said["floor"] + said["guess"]) / 2
    for length in (2, 4, 8):
        assert max(beyond_losses["coin", str(length)]) < said["floor"] + 0.06
    for k in (2, 4, 5):
        assert min(beyond_losses["chunks", str(k)]) > middle
    for k in (6, 12):
        assert max(beyond_losses["chunks", str(k)]) < said["floor"] + 0.03


def test_factors_pay_where_hardly_any_error_gets_through(beyond_losses, said):
    assert (
        max(max(beyond_losses["plain coin", length]) for length in ("4", "8"))
        < said["floor"] + 0.01
    )
    assert max(beyond_losses["plain coin", "2"]) < (said["floor"] + said["guess"]) / 2
    # With a mean length of 2 every network is half way sooner, and the ends overlap.
    assert max(said["coin_later"]["2"]) < 0
    assert said["plain_half_way"] > 2 * said["coin_half_way"]
    assert min(beyond_losses["plain coin", "2"]) < max(beyond_losses["coin", "2"])
    assert max(beyond_losses["plain coin", "2"]) > min(beyond_losses["coin", "2"])
    # With 4 and 8 every network ends lower without them, by little.
    for length in ("4", "8"):
        assert len(said["coin_lower"][length]) == 5
        assert 0 < min(said["coin_lower"][length]) <= max(said["coin_lower"][length]) < 0.003
    assert -10 < sum(said["coin_later"]["4"]) / 5 < -1 < sum(said["coin_later"]["8"]) / 5 <= 0
    # Each at its own best rate.
    assert abs(said["own_two"] - said["own_two_plain"]) < 0.005


def test_the_coin_is_noisy_and_the_ruler_biased(said):
    assert said["fair_single"] > said["ruled_off"] > 10 * said["fair_off"]
    assert said["unfair_off"] == pytest.approx(said["unfair_single"], rel=0.1)
    # Root mean square of the distance from the full gradient in standard errors, over weights.
    # Weights vary together, so it is 1 only on average over many such experiments.
    assert said["fair_errors"] < 2
    assert said["unfair_errors"] > 10


def test_bias_and_noise_over_networks(errors, said):
    for weights in ("fresh", "trained"):
        for length in (2, 3, 4, 5, 6, 8, 12, 24):
            coin, ruler = errors[weights, "coin", length], errors[weights, "true", length]
            # No bias beyond what chance makes of 2000 draws; the ruler makes no noise.
            assert all(bias < 4 * noise / 2000**0.5 for bias, noise in coin)
            assert all(noise == 0 for _, noise in ruler)
        for bias, _ in errors[weights, "true", 5] + errors[weights, "plain coin", 5]:
            assert bias > 0.05
    # More noise with trained weights, and less with longer chunks.
    for length in (2, 4, 8):
        fresh, trained = (
            [noise for _, noise in errors[weights, "coin", length]]
            for weights in ("fresh", "trained")
        )
        assert min(trained) > max(fresh)
    assert said["noise_trained"] > 5 * said["noise_fresh"]
    assert said["noise_eight"] < said["noise_trained"] / 4
    noises = [
        median(n for _, n in errors["trained", "coin", k]) for k in (2, 3, 4, 5, 6, 8, 12, 24)
    ]
    assert noises == sorted(noises, reverse=True)


def test_the_reach_that_the_data_choose(said):
    assert said["once_short"] >= 2
    assert max(said["once_bias"]) == said["once_bias_most"] <= 0.5  # as asked for
    middle = (said["floor"] + said["guess"]) / 2
    for reach, loss in zip(said["once_reach"], said["once_loss"], strict=True):
        assert (loss > middle) == (reach < 6)
        assert loss > said["guess"] - 0.1 or loss < said["floor"] + 0.03
    assert said["ask_passes"] > 25  # more than the updates in between
    assert max(said["again_loss"]) < said["floor"] + 0.03
    for first, second, *_ in said["again_reach"]:
        assert second >= max(6, first + 1)  # it jumps
    # And most come down again.
    assert sum(reaches[-1] <= 6 for reaches in said["again_reach"]) >= 3
