"""The claims of the primer, read from its executed cells or worked out again."""

import numpy as np
import pytest
import torch
from torch import nn

from tbptt import Truncation
from tbptt.reference import RNN, gradients, run
from truncated_time.figures import jacobian_chain


@pytest.fixture(scope="module")
def said(glued):
    return glued("bptt")


class Network(nn.Module):
    """The chapter's network."""

    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.cell = nn.RNNCell(1, 4)
        self.readout = nn.Linear(4, 1)

    def forward(self, chunk, state):
        for x_t in chunk:
            state = self.cell(x_t, state)
        return self.readout(state)[:, 0], state


def test_batch_major_data_in_a_time_major_network_mixes_sequences(said):
    assert said["mixed_rows"] == 6


def test_the_gradient_by_hand(said):
    assert said["difference_U"] < 1e-15
    assert said["difference_W"] < 1e-15
    # And against the book's own oracle, which knows nothing of the chapter.
    network = Network().double()
    weights = {name: w.detach().numpy() for name, w in network.cell.named_parameters()}
    readout = network.readout.weight.detach().numpy()[0]
    inputs = np.zeros((5, 1, 1))
    inputs[0] = 1
    state = (np.zeros((1, 4)),)
    (last,) = run(RNN(), weights, inputs, state)[-1]
    guess = 1 / (1 + np.exp(-(last @ readout + network.readout.bias.item())))
    errors = np.zeros((5, 1, 4))
    errors[4] = (guess - 1)[:, None] * readout
    found = gradients(RNN(), weights, inputs, state, errors, Truncation(5, 5)).weights
    assert np.array(said["hand_dU"]) == pytest.approx(found["weight_hh"], abs=1e-15)
    assert np.array(said["hand_dW"]) == pytest.approx(found["weight_ih"][:, 0], abs=1e-15)


def test_the_sizes_in_the_picture_are_those_by_hand(said):
    assert said["sizes"][4] == pytest.approx(said["arrived"], abs=1e-6)
    assert said["sizes"][4] == sorted(said["sizes"][4])
    assert said["size_first"] < 0.1 * said["size_last"]
    assert [len(row) for row in said["sizes"]] == [1, 2, 3, 4, 5]


def test_the_whole_gradient_of_the_input_weights_is_the_share_of_step_1(said):
    assert said["share_of_step_1"] == 0
    assert np.abs(said["hand_dW"]).max() > 0


def test_the_table_of_the_last_loss_holds_ten_factors_and_one_more_each_line():
    def written(loss_at):
        table = jacobian_chain(loss_at).partition("arrives")[2]
        return table.count(">J")

    assert [written(loss_at) for loss_at in range(1, 6)] == [0, 1, 3, 6, 10]
    assert sum(written(loss_at) for loss_at in range(1, 6)) == 20


def test_what_length_costs(said):
    saved = np.array(said["saved"])
    per_step = (saved[1:] - saved[:-1]) / [50, 100, 200]
    assert per_step == pytest.approx(per_step[0])
    assert said["saved_forward"] == [0, 0, 0, 0]
    assert said["saved_growth"] == pytest.approx(8, rel=0.03)
    assert said["far_longer"] is True
    assert said["sum_growth"] == pytest.approx(8, rel=0.03)
    assert said["mean_growth"] == pytest.approx(1, rel=0.03)


def test_rnn_starts_from_zeros_and_remembers_nothing_between_calls():
    torch.manual_seed(0)
    rnn, x = nn.RNN(1, 4), torch.randn(5, 3, 1)
    assert torch.equal(rnn(x)[0], rnn(x)[0])
    assert torch.equal(rnn(x)[0], rnn(x, torch.zeros(1, 3, 4))[0])
    cell = nn.RNNCell(1, 4)
    cell.load_state_dict({name[:-3]: weight for name, weight in rnn.state_dict().items()})
    state = torch.zeros(3, 4)
    for x_t in x:
        state = cell(x_t, state)
    assert torch.allclose(state, rnn(x)[1][0], atol=1e-6)
