"""The diagnosis, on networks whose answer is known because they are built by hand."""

import numpy as np
import pytest
import torch

from tbptt._diagnosis import donors_of
from tbptt.pytorch import Diagnosis, diagnose

ROWS, CHUNKS = 12, 6
LABELS = torch.arange(ROWS) % 2
NOISE = torch.Generator().manual_seed(0)


def logits(evidence):
    """Sure of class 1 where the evidence is positive."""
    return torch.stack([-4 * evidence, 4 * evidence], 1)


def reads_state(x, state):
    """Answer from the state alone, which is handed on as it is."""
    return logits(state[0, :, 0]), state


def reads_inputs(x, state):
    """Answer from the inputs of this chunk, and remember nothing else."""
    return logits(x.mean((0, 2))), x.mean((0, 2))[None, :, None].expand_as(state)


def guesses(x, state):
    return torch.zeros(ROWS, 2), torch.randn(state.shape, generator=NOISE)


signal = (2.0 * LABELS - 1)[None, :, None]
honest = [signal.expand(5, ROWS, 1)] * CHUNKS
nothing = [torch.zeros(5, ROWS, 1)] * CHUNKS
fresh = torch.randn(1, ROWS, 3, generator=NOISE)
labelled = torch.cat([signal, fresh[..., 1:]], 2)  # a state that says the label


def test_a_network_that_reads_its_state():
    found = diagnose(reads_state, nothing, LABELS, fresh=fresh, carried=labelled, train_loss=0.001)
    assert found.verdict == "leak"
    assert found.alarms == ("gap", "probe", "swap")
    assert found.probe_carried == 1
    assert found.probe_frozen < 0.75
    assert (found.follows_state, found.follows_inputs) == (1, 0)
    assert str(found).startswith("verdict: leak\n! loss: training 0.001, frozen")


def test_a_network_that_reads_its_inputs():
    found = diagnose(reads_inputs, honest, LABELS, fresh=fresh, carried=labelled, train_loss=0.001)
    assert found.verdict == "no leak"
    assert found.frozen_loss == pytest.approx(0.0003, abs=1e-4)
    assert found.probe_carried == found.probe_frozen == 1
    assert (found.follows_state, found.follows_inputs) == (0, 1)
    assert "!" not in str(found)


def test_a_complex_state_is_read_in_both_its_parts():
    def reads(x, state):
        return logits(state[0, :, 0].imag), state

    given = {"fresh": fresh + 0j, "carried": labelled * 1j, "train_loss": 0.001}
    found = diagnose(reads, nothing, LABELS, **given)
    assert found.alarms == ("gap", "probe", "swap")
    assert found.probe_carried == 1


def test_a_network_that_guesses():
    found = diagnose(guesses, nothing, LABELS, fresh=fresh, carried=fresh, train_loss=0.69)
    assert found.verdict != "leak"
    assert found.frozen_loss == pytest.approx(0.6931, abs=1e-3)


def test_verdicts():
    for alarms, verdict in [((), "no leak"), (("gap",), "unclear"), (("gap", "swap"), "leak")]:
        assert Diagnosis(0, 0, 0, 0, 0, 0, alarms).verdict == verdict


@pytest.mark.parametrize("classes", [2, 3, 4])
def test_rows_get_the_state_of_another_label(classes):
    labels = np.arange(24) % classes
    donors = donors_of(labels)
    assert sorted(donors.tolist()) == list(range(24))
    assert (labels[donors] != labels).all()


def test_a_pair_of_states_and_nothing_is_changed():
    def lstm_like(x, state):
        h, c = state
        return reads_state(x, h)[0], (h, c)

    carried = labelled[0].clone(), fresh[0].clone()  # cells: (rows, hidden)

    def cell(x, state):
        h, c = state
        return logits(h[:, 0]), (h, c)

    found = diagnose(
        cell, nothing, LABELS, fresh=(fresh[0], fresh[0]), carried=carried, train_loss=0.0
    )
    assert found.verdict == "leak"
    assert (carried[0] == labelled[0]).all()
    layers = (labelled, fresh)
    found = diagnose(
        lstm_like, nothing, LABELS, fresh=(fresh, fresh), carried=layers, train_loss=0.0
    )
    assert found.verdict == "leak"


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"labels": LABELS.float()}, TypeError, "int64"),
        ({"labels": torch.zeros(ROWS, dtype=torch.int64)}, ValueError, "two classes or more"),
        ({"labels": (torch.arange(ROWS) == 0).long()}, ValueError, r"each class: \[11, 1\]"),
        ({"chunks": []}, ValueError, "chunks is empty"),
        ({"fresh": None}, TypeError, "fresh must be a Tensor"),
        ({"carried": torch.zeros(1, 5, 3)}, ValueError, r"carried must be \(12, hidden\)"),
        ({"train_loss": float("nan")}, ValueError, "finite"),
    ],
)
def test_bad_input(changed, error, words):
    good = {"chunks": nothing, "labels": LABELS, "fresh": fresh, "carried": fresh,
            "train_loss": 0.5} | changed  # fmt: skip
    with pytest.raises(error, match=words):
        diagnose(reads_state, good.pop("chunks"), good.pop("labels"), **good)
