"""The claims of the chapter on what a window begins with, from its cells."""

import pytest


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


def test_when_to_reset(said):
    floor, guess = said["floor"], said["guess"]
    assert said["never_first"] > guess + 0.5
    assert said["in_time_first"] == pytest.approx(guess, abs=0.15)
    assert said["late_before"] > guess + 0.5
    assert said["late_behind"] == pytest.approx(guess, abs=0.2)
    assert said["in_time_first"] > guess + 0.03
    for later in ("in_time_later", "never_later", "late_later"):
        assert said[later] == pytest.approx(floor, abs=0.03)
