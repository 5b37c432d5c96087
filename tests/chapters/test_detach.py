"""The claims of the chapter on detach, read from its executed cells or worked out again."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from torch import nn

from tbptt import Truncation
from tbptt.pytorch import backward
from truncated_time.tasks import first_step_memory

loss_of = nn.BCEWithLogitsLoss()


@pytest.fixture(scope="module")
def said(glued):
    return glued("detach")


@pytest.fixture(scope="module")
def data():
    bits, labels = first_step_memory(200, steps=20, seed=0)
    return torch.tensor(bits).transpose(0, 1), torch.tensor(labels)


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


def chunks_in_a_row(data, *, between, retain=False, update=False, network=None):
    x, y = data
    network = network or Network()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    state = torch.zeros(x.shape[1], 4, dtype=x.dtype)
    for chunk in x.split(5):
        answer, state = network(chunk, state)
        loss_of(answer, y).backward(retain_graph=retain)
        if update:
            optimiser.step()
        state = between(state)
    return network


def same(state):
    return state


def test_the_loop_of_the_first_cell_raises_as_the_chapter_says(data):
    with pytest.raises(RuntimeError, match="backward through the graph a second time") as caught:
        chunks_in_a_row(data, between=same, update=True)
    assert "Saved intermediate values of the graph are freed when you call" in str(caught.value)
    last = str(caught.value).rstrip(".").split(". ")[-1]
    assert last.startswith("Specify retain_graph=True")


def test_retain_graph_works_without_an_update_and_fails_with_one(said, data):
    chunks_in_a_row(data, between=same, retain=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        chunks_in_a_row(data, between=same, retain=True, update=True)
    assert said["retain_failed_at"] == 2
    assert "is at version 2; expected version 1 instead" in said["retain_error"]


def test_detach_lets_the_loop_run_with_updates(data):
    chunks_in_a_row(data, between=torch.Tensor.detach, update=True)


def test_retained_graphs_make_each_chunk_longer_and_the_gradient_right(said):
    assert said["kept_history"] == [25 * chunk for chunk in range(1, 17)]
    assert said["kept_longer"] is True
    assert (said["kept_walked"], said["once_walked"]) == (sum(range(25, 401, 25)), 400)
    assert said["kept_difference"] < 1e-4 * said["kept_entry"]


def test_detach_keeps_the_value_and_cuts_the_history(said):
    assert said["same_value"] is True
    assert said["histories"] == [5, 0, 1]
    assert said["require"] == [True, False, True]


def test_what_each_boundary_learns(said):
    detached, reset, every = (
        np.array(said[name]) for name in ("detached", "reset", "every_step")
    )  # (seeds, accuracy at 5, 10, 15, 20 and movement of W)
    assert (detached[:, :4] == 1).all()
    assert said["detached_20"] == 1
    assert (reset[:, 0] == 1).all()
    assert (reset[:, 1:4] == 0.5).all()
    assert said["reset_20"] == 0.5
    assert (every[:, 4] == 0).all()
    assert (detached[:, 4] > 0.1).all()
    # Right and wrong in turns: the state still holds what the random weights put there.
    assert sorted(every[:, :4].tolist()) == 4 * [[0.5] * 4] + [[1, 0, 1, 0]]


def test_the_state_still_differs_when_every_step_is_detached(data):
    x, y = data
    network, state = Network(), torch.zeros(200, 4)
    whole = network(x[:5], state)[1]
    for x_t in x[:5]:
        state = network.cell(x_t, state.detach())
    assert torch.equal(state, whole)
    assert not torch.equal(state[y == 1][0], state[y == 0][0])


def test_handing_over_a_value_is_detaching(said):
    assert said["alike"] == [True, True]
    assert said["like_whole"] is False


def test_data_hides_a_change_in_place_and_detach_does_not():
    def change(hand_over):
        weight = torch.ones(3, requires_grad=True)
        state = weight.tanh()  # saves its own result
        hand_over(state).zero_()
        state.sum().backward()

    change(lambda state: state.data)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        change(torch.Tensor.detach)


@pytest.mark.parametrize("stateful", [False, True])
def test_keras_hands_over_a_value_when_stateful(stateful):
    keras.utils.set_random_seed(0)
    layer = keras.layers.SimpleRNN(4, stateful=stateful, return_state=True)
    first, second = tf.ones((2, 5, 1)), tf.ones((2, 5, 1))
    with tf.GradientTape() as tape:
        tape.watch(first)
        _, state = layer(first)
        output, _ = layer(second) if stateful else layer(second, initial_state=state)
        loss = tf.reduce_sum(output)
    # The first chunk matters to the second, and a gradient reaches it only within one graph.
    assert (tape.gradient(loss, first) is None) == stateful


def test_a_value_fed_through_session_run_is_a_constant():
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        chunk = tf.compat.v1.placeholder(tf.float32, ())
        initial = tf.compat.v1.placeholder(tf.float32, ())
        weight = tf.compat.v1.get_variable("w", (), initializer=tf.ones_initializer())
        final = weight * initial + chunk
        gradient = tf.gradients(final, weight)[0]
        session.run(tf.compat.v1.global_variables_initializer())
        state = session.run(final, {chunk: 2.0, initial: 3.0})
        assert state == 5
        # Through both chunks it would be 5 + 3: the derivative of w (w i + c) + c by w, at w = 1.
        assert session.run(gradient, {chunk: 2.0, initial: state}) == 5


def test_an_lstm_has_two_ways_across(said, data):
    x, y = data

    def two_chunks(cut):
        torch.manual_seed(0)
        lstm, readout = nn.LSTMCell(1, 4), nn.Linear(4, 1)
        h = c = torch.zeros(200, 4)
        for chunk in x[:10].split(5):
            for x_t in chunk:
                h, c = lstm(x_t, (h, c))
            loss_of(readout(h)[:, 0], y).backward()
            h, c = cut(h, c)

    two_chunks(lambda h, c: (h.detach(), c.detach()))
    for cut in (lambda h, c: (h.detach(), c), lambda h, c: (h, c.detach())):
        with pytest.raises(RuntimeError, match="backward through the graph a second time"):
            two_chunks(cut)
    assert said["lstm_last"] == "runs"


def test_detaching_every_5_steps_is_epochwise_truncation(data):
    x, y = data[0].double(), data[1].double()
    looped = chunks_in_a_row((x, y), between=torch.Tensor.detach, network=Network().double())
    network = Network().double()

    def questions(outputs):
        answers = network.readout(outputs[4::5])[..., 0]
        return sum(loss_of(answer, y) for answer in answers)

    state = torch.zeros(200, 4).double()
    backward(network.cell, questions, x, state, Truncation.epochwise(5))
    for one, other in zip(network.parameters(), looped.parameters(), strict=True):
        assert torch.allclose(one.grad, other.grad, rtol=0, atol=1e-14)
    assert Truncation.epochwise(5).travelled(20).max() == 5


def test_only_the_first_question_teaches_the_input_weights(data):
    x, y = data
    network = Network()
    _, state = network(x[:5], torch.zeros(200, 4))
    answer, _ = network(x[5:10], state.detach())
    loss_of(answer, y).backward()
    assert (network.cell.weight_ih.grad == 0).all()
    assert (network.cell.weight_hh.grad != 0).any()
