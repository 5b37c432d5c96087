"""The claims of the stateful chapter, read from its executed cells."""

import pytest

from tbptt.ceilings import stateless_accuracy


@pytest.fixture(scope="module")
def said(glued):
    return glued("stateful")


def test_carried_state_needs_all_three(said):
    ceiling = float(stateless_accuracy(20, 10, 10, 0))
    assert said["halves"] == ceiling
    # "Not better than without, and for some seeds worse."
    assert max(said["switched_on"] + said["in_order"]) <= ceiling + 0.02
    assert min(said["switched_on"] + said["in_order"]) < ceiling - 0.02
    assert max(said["no_reset"]) < 0.99
    assert min(said["no_reset"]) < ceiling
    assert said["lanes"] == [1] * 5


def test_the_live_runs_show_it_too(said):
    assert max(said["live_switched_on"], said["live_in_order"]) <= said["halves"] + 0.02
    assert said["live_no_reset"] < 0.99
    assert said["live_lanes"] == 1


def test_fit_never_resets_and_validation_disturbs(said):
    plain, validated = said["plain"], said["validated"]
    assert plain[0] == validated[0] == 0.0
    assert plain[1] != 0.0 != plain[2]
    assert validated[1] != plain[1]
    assert validated[2] != plain[2]
    assert said["kept"] == plain
    assert said["reset"] == [0.0, 0.0, 0.0]
    assert said["kept_still"]


def test_padding_needs_a_mask(said):
    assert said["masked_off"] < 1e-6
    assert said["padded_off"] > 0.01
