"""How far is far enough: what two cuts leave, shares by lag, and gradients that vanish."""

import pytest

from tbptt import Truncation


@pytest.fixture(scope="module")
def said(glued):
    return glued("enough")


def test_eve_learns_and_ada_does_not(said):
    middle = (said["floor"] + said["guess"]) / 2
    assert max(said["eve"]) < max(said["everything"]) + 0.02 < said["floor"] + 0.05
    assert min(said["ada"]) > middle + 0.1
    assert min(said["rest"]) > middle + 0.1


def test_angle_and_length_say_the_opposite(said):
    assert said["ada_cosine"] > 0.98 > 0.6 > said["eve_cosine"]
    assert len(said["ada_cosines"]) == len(said["eve_cosines"]) == 5
    assert said["ada_length"] == pytest.approx(1, abs=0.05)
    assert said["eve_length"] < 0.75
    assert sum(reach < 6 for reach in said["read_tenth"]) == 2
    assert said["read_twentieth"] == [6] * 5
    # What Eve leaves out is larger than what Ada leaves out, lag 0 against lag 5.
    assert said["share_sizes"][0] > 2 * said["share_sizes"][5]


def test_a_share_is_a_difference_of_two_reaches():
    lag_5 = Truncation.true(6).reach(24).astype(int) - Truncation.true(5).reach(24)
    assert lag_5.sum() == lag_5.trace(-5) == 24 - 5


def test_trained_networks_lose_more_by_the_same_cut(said):
    assert said["cosine_trained"] < said["cosine_five"] - 0.05


def test_streams_agree_about_the_share_that_is_cut_in_every_network(said):
    assert min(said["share_agreements"]) > 0.9
    assert said["near_lowest"] < 0.5
    assert said["near_highest"] > 0.9
    # At right angles to the rest, and smaller.
    assert max(map(abs, said["share_across"])) < 0.25
    assert said["share_sizes"][5] < said["share_sizes"][0]
    assert said["share_drop"] > 3  # in each network


def test_gradients_by_lag(said):
    assert said["published_smallest"] == pytest.approx(2.5, abs=0.05)
    assert said["published_largest"] == pytest.approx(4.3, abs=0.05)
    assert said["rnn_half"] < said["published_factor"] < said["rnn_small"]
    assert said["rnn_large"] < 1.05
    assert said["rnn_total"] % 1e6 == 0  # whole millions: no more is meant
    assert said["rnn_total"] == pytest.approx(said["rnn_half"] ** 19, abs=0.51e6)
    assert said["published_factor"] ** 19 > 1e9
    # "Hardly better than a GRU, and worse than a plain network with generous weights."
    assert said["lstm_half"] == pytest.approx(said["gru_half"], abs=0.15)
    assert said["lstm_half"] > said["rnn_large"]
    assert said["lstm_large"] > said["rnn_large"]
