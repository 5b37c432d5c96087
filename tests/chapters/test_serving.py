"""The same service today: ways to hand a state on, and the same numbers in three libraries."""

import inspect
import re
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def said(glued):
    return glued("serving")


def test_four_ways_are_wrong_and_the_first_call_never(said):
    assert said["first_calls"] < 1e-12
    assert said["both"] < 1e-12
    ways = (said["nothing"], said["h_alone"], said["swapped"], said["c_alone"])
    # In calls of 4, 8 and 12 steps: from the worst to the best, and none is right.
    for nothing, h_alone, swapped, c_alone in zip(*ways, strict=True):
        assert min(nothing, h_alone) > swapped > c_alone > 0.005
    assert 0.9 < said["h_share"] < 1.1


def test_all_layers_go_back(said):
    assert said["whole_gap"] < 1e-12
    assert said["top_gap"] > 0.01


def test_lengths(said):
    assert said["padded_zero"]
    assert said["own_last"]


def test_todays_programs_give_the_same_numbers(said):
    assert len(said["same"]) == 3
    assert max(said["same"]) < 1e-12
    assert len(said["ends"]) == 2
    assert max(said["ends"]) < 1e-12
    assert said["keys_gap"] < 1e-12


def test_a_row_of_no_steps():
    import tensorflow as tf
    import torch
    from torch.nn.utils.rnn import pack_padded_sequence

    from tbptt.tensorflow.graph import GraphLSTM

    with pytest.raises(RuntimeError, match="greater than 0"):
        pack_padded_sequence(torch.zeros(2, 3, 1), torch.tensor([3, 0]), batch_first=True)
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        cell = GraphLSTM(2)
        before = cell.zero_state(2, tf.float64)
        _, after = v1.nn.dynamic_rnn(
            cell, tf.ones((2, 3, 1), tf.float64), sequence_length=[3, 0], initial_state=before
        )
        session.run(v1.global_variables_initializer())
        came = session.run(after, {before.c: [[1, 2], [3, 4]], before.h: [[5, 6], [7, 8]]})
    assert came.c[1].tolist() == [3, 4]
    assert came.h[1].tolist() == [7, 8]


def test_the_table_has_every_parameter():
    import tensorflow as tf

    text = Path("chapters/serving.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE))
    assert set(inspect.signature(tf.compat.v1.nn.dynamic_rnn).parameters) <= told
