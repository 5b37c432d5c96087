"""The claims of the chapter on gradients that are exact across chunks."""

import pytest

from truncated_time.experiments import across
from truncated_time.experiments.beyond import SCANS


@pytest.fixture(scope="module")
def said(glued):
    return glued("chunks")


def test_a_linear_state_needs_no_teaching_if_it_begins_well(beyond_losses, said):
    assert said["gap"] < 1e-12
    assert said["scan_bias"] > 0.3
    at = {setting: beyond_losses["scan", "{} {}".format(*setting)] for setting in SCANS}
    for chunk in (1, 4, 24):
        assert max(at[0.99, chunk]) < said["floor"] + 0.05
        assert min(at[0.3, chunk]) > said["guess"] - 0.05
    # In between, the reach decides.
    assert max(at[0.5, 24]) < said["floor"] + 0.05
    assert max(at[0.5, 1]) > said["guess"] - 0.05
    assert 0.3**5 < 0.004
    assert said["diagonal_off"] < 1e-12
    assert said["diagonal_filled"] == 2
    assert said["diagonal_one"] > 0.1


def test_the_full_gradient_comes_in_chunks(said):
    assert said["across_off"] < 1e-12
    assert said["across_steps"] == across.STEPS == 4096
    assert across.HIDDEN == across.LAG == 64
    assert max(said["exact"]) < 1e-12
    assert said["cut_off"] > 0.3
    # Times are ratios to a loop in the same process, and that noise is said next to them.
    ratios = said["ratios"]
    assert all(len(found) == 5 for found in ratios.values())
    assert [said["loop_least"], said["loop_most"]] == [ratios["loop 0"][0], ratios["loop 0"][-1]]
    noise = said["loop_most"] / said["loop_least"]
    assert 1 / noise < said["chunk_time"] / said["scan_time"] < noise
    assert said["scan_mib"] > 3 * said["chunkwise_mib"] > 9 * said["cut_mib"]
    assert ratios["cut 64"][-1] < ratios["chunkwise 64"][0]


def test_a_border_that_is_a_view_keeps_the_outputs_of_its_chunk(said):
    assert said["border_holds"] == 24  # the steps of a chunk
    assert said["all_outputs"] == 4096 * 8 * 64 * 4 / 2**20 == 8
    # The chapter's listing copies, and so takes less than the same without copies, by that much.
    assert said["views_mib"] - said["copied_mib"] > said["all_outputs"]


def test_the_best_chunk_has_as_much_at_borders_as_in_its_graph():
    # 16,384 steps, a graph of 4 states per step: the least at the root of 4,096.
    held = {chunk: 16_384 // chunk + 4 * chunk for chunk in (16, 32, 64, 128, 256)}
    assert min(held, key=held.get) == 64
    assert held[64] == 2 * 4 * 64
    assert held[32] == held[128] == 1.25 * held[64]
