"""The claims of the dynamic_rnn chapter, read from its executed cells."""

import pytest


@pytest.fixture(scope="module")
def said(glued):
    return glued("dynamic-rnn")


def test_without_feedback_every_later_call_is_wrong(said):
    assert max(said["first_call"]) == 0
    assert said["later_wrong"] == said["later"] == 20
    assert said["after_border"] > 0.05
    assert said["off_largest"] > 0.1 * said["outputs_largest"]
    assert min(said["behind"]) > max(said["at_end"]) > 1e-3  # fades, and never goes away


def test_with_feedback_it_is_one_long_run(said):
    assert said["on_largest"] < 1e-12
    assert said["kept_gap"] < 1e-12
    assert said["two_rows_gap"] < 1e-12


def test_swapped_rows_are_wrong_and_no_others(said):
    one, other, third = said["by_row"]
    assert min(one, other) > 0.05
    assert third < 1e-12


def test_a_graph_grows_by_what_is_defined_in_the_loop(said):
    assert said["nodes_once"] == 0
    assert said["nodes_each"] == int(said["nodes_each"]) > 0
    assert said["slower"] is True
