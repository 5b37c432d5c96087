"""The stream against the engine, with weights that rest and weights that move."""

import itertools
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf

from tbptt import Truncation
from tbptt.tensorflow import Block, gradients, online

CELLS = {
    "rnn": keras.layers.SimpleRNNCell,
    "gru": keras.layers.GRUCell,
    "lstm": keras.layers.LSTMCell,
    "stack": lambda units, dtype: keras.layers.StackedRNNCells(
        [keras.layers.GRUCell(units, dtype=dtype), keras.layers.LSTMCell(units, dtype=dtype)],
        dtype=dtype,
    ),
}
STEPS, BATCH = 12, 2


def squares(outputs, targets):
    return tf.reduce_sum((outputs - targets) ** 2)


def state_of(cell, drawn):
    return tf.nest.map_structure(lambda size: drawn(BATCH, size), cell.state_size)


def problem(name, seed=0, steps=STEPS):
    """Return a cell, inputs, targets and a state: the same each time."""
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    drawn = lambda *shape: tf.constant(rng.normal(size=shape))  # noqa: E731
    cell = CELLS[name](3, dtype="float64")
    cell.build((None, 2))
    return cell, drawn(steps, BATCH, 2), drawn(steps, BATCH, 3), state_of(cell, drawn)


def cut(k1, *parts):
    steps = len(parts[0])
    return [tuple(part[i : i + k1] for part in parts) for i in range(0, steps, k1)]


def close(ours, theirs, within=1e-10):
    """Hold two arrays beside each other."""
    np.testing.assert_allclose(ours, theirs, rtol=within, atol=within)


@pytest.mark.parametrize(("k1", "k2"), [(1, 4), (3, 5), (4, 4), (5, 8), (12, 30), (2, 30)])
@pytest.mark.parametrize("name", ["lstm", "stack"])
def test_while_the_weights_rest_a_stream_is_the_engine(name, k1, k2):
    cell, x, y, state = problem(name)
    rng = np.random.default_rng(k1)
    resets = tf.constant(rng.random((STEPS, BATCH)) < 0.2)
    mask = tf.constant(rng.random((STEPS, BATCH)) < 0.6)
    weights, truncation = cell.trainable_variables, Truncation(k1, k2)
    wanted = gradients(
        cell, lambda out: squares(out, y), x, state, truncation, weights, resets=resets, mask=mask
    )
    passes = list(online(cell, squares, cut(k1, x, y, resets, mask), state, truncation, weights))
    for place, want in enumerate(wanted.gradients):
        close(sum(done.gradients[place] for done in passes), want)
    close(sum(done.loss for done in passes), wanted.loss)
    # The output of a step that a row does not have is the last one, of a block before as well.
    close(tf.concat([done.outputs for done in passes], 0), wanted.outputs)
    tf.nest.map_structure(close, passes[-1].state, wanted.state)


def by_hand(cell, x, y, state, truncation, rate):
    """Go window by window, from the state that an earlier window left there."""
    before, losses = {0: state}, []
    weights = cell.trainable_variables
    for start, first, stop in truncation.passes(len(x)):
        now, loss = before[start], 0.0
        with tf.GradientTape() as tape:
            for t in range(start, stop):
                output, now = cell(x[t], now)
                before[t + 1] = tf.nest.map_structure(tf.stop_gradient, now)
                if t >= first:
                    loss += squares(output, y[t])
        for weight, grad in zip(weights, tape.gradient(loss, weights), strict=True):
            weight.assign_sub(rate * grad)
        losses.append(loss)
    return losses


@pytest.mark.parametrize(("k1", "k2"), [(1, 1), (1, 4), (2, 5), (3, 3), (5, 9)])
@pytest.mark.parametrize("compiled", [False, True])
def test_after_an_update_the_window_is_run_again_with_the_new_weights(k1, k2, compiled):
    cell, x, y, state = problem("lstm")
    other, *_ = problem("lstm")
    weights, sgd = cell.trainable_variables, keras.optimizers.SGD(0.05)
    sgd.build(weights)

    def train(x, y):
        losses = []
        for done in online(cell, squares, cut(k1, x, y), state, Truncation(k1, k2), weights):
            sgd.apply(done.gradients, weights)
            losses.append(done.loss)
        return losses

    losses = (tf.function(train) if compiled else train)(x, y)
    close(losses, by_hand(other, x, y, state, Truncation(k1, k2), 0.05), 1e-6)
    # The optimiser computes in float32.
    for mine, hand in zip(weights, other.trainable_variables, strict=True):
        close(mine.numpy(), hand.numpy(), 1e-5)


def test_a_stream_without_end_keeps_nothing_but_its_reach():
    cell, *_ = problem("gru")
    alive = weakref.WeakSet()

    class Kept:
        """A target, which only the block of the moment may keep."""

    def endless():
        for _ in itertools.count():
            target = Kept()
            alive.add(target)
            yield tf.zeros((3, BATCH, 2), tf.float64), target

    passes = online(
        cell, lambda outputs, _: tf.reduce_sum(outputs), endless(),
        tf.zeros((BATCH, 3), tf.float64), Truncation(3, 7), cell.trainable_variables,
    )  # fmt: skip
    kept = []
    for _ in range(6):
        next(passes)
        past = passes.gi_frame.f_locals["past"]
        kept.append((len(alive), *(int(part.shape[0]) for part in past._kept.first)))
    assert kept[2:] == [(1, 6, 6)] * 4


def block(steps, batch=BATCH, features=2, **more):
    return Block(tf.zeros((steps, batch, features), tf.float64), None, **more)


def total(outputs, targets):
    return tf.reduce_sum(outputs)


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"blocks": [block(4)]}, ValueError, r"1 to k1=3 steps and batch 2.*shape \(4, 2, 2\)"),
        ({"blocks": [block(3, 5)]}, ValueError, "state must be .* with batch 5"),
        ({"blocks": [block(2), block(3)]}, ValueError, "must be the last of its stream"),
        ({"blocks": [([0.0], None)]}, TypeError, "inputs must be a floating-point tensor"),
        ({"blocks": [tf.zeros((3, 2, 2))[0]]}, TypeError, "Each of blocks must be a Block"),
        ({"blocks": tf.zeros((3, 2, 2))}, TypeError, r"(?s)blocks must be an iterable.*tf\.split"),
        ({"blocks": [block(3, resets=tf.zeros((3, 2)))]}, TypeError, "resets must be a tensor of"),
        ({"blocks": [block(3, mask=tf.ones((2, 2), tf.bool))]}, ValueError, "mask must be"),
        ({"blocks": [block(3), block(3, features=4)]}, ValueError, "inputs must have 2 features"),
        ({"loss_fn": 3}, TypeError, "lambda outputs, targets: ..., say"),
        ({"loss_fn": lambda outputs, _: outputs}, ValueError, "loss_fn must return a scalar"),
        ({"loss_fn": lambda outputs: 0.0}, TypeError, r"loss_fn must take \(outputs, targets\)"),
        ({"truncation": 3}, TypeError, "must be a Truncation"),
        ({"variables": [None]}, TypeError, r"variables\[0\] must be a variable; got NoneType"),
        ({"variables": []}, ValueError, "variables is empty"),
        ({"state": tf.fill((BATCH, 3), tf.constant(np.nan, tf.float64))}, ValueError, "finite"),
    ],
)
def test_bad_input(changed, error, words):
    cell, *_ = problem("gru")
    given = {
        "loss_fn": total, "blocks": [block(3)], "state": tf.zeros((BATCH, 3), tf.float64),
        "truncation": Truncation(3, 5), "variables": cell.trainable_variables,
    } | changed  # fmt: skip
    with pytest.raises(error, match=words):
        list(online(cell, **given))


class Overflows(keras.layers.SimpleRNNCell):
    """A state that grows without end beside an output that does not show it."""

    def __init__(self):
        super().__init__(3, dtype="float64")
        self.state_size = [3, 1]

    def call(self, x, states, training=False):
        output, _ = super().call(x, states[:1], training)
        return output, [output, states[1] * 1e200 + 0 * output[:, :1]]


@pytest.mark.parametrize("how", ["loss", "not finite", "state"])
def test_a_block_that_fails_leaves_variables_as_the_block_before_left_them(how):
    cell = Overflows() if how == "state" else CELLS["rnn"](3, dtype="float64")
    cell.build((None, 2))
    moved = tf.Variable(1.0, dtype=tf.float64)

    def loss_fn(outputs, number):
        moved.assign_add(1.0)
        if number == 1 and how == "loss":
            raise RuntimeError("the loss failed")
        return moved * tf.reduce_sum(outputs) / (0.0 if number == 1 and how != "state" else 1.0)

    zero = tf.zeros((BATCH, 3), tf.float64)
    state = [zero, tf.ones((BATCH, 1), tf.float64)] if how == "state" else zero
    blocks = ((tf.ones((1, BATCH, 2), tf.float64), number) for number in range(4))
    variables = [*cell.trainable_variables, moved]
    passes = online(cell, loss_fn, blocks, state, Truncation(1, 3), variables)
    next(passes)
    assert float(moved) == 2.0
    words = {
        "loss": "the loss failed", "not finite": "loss_fn returned",
        "state": "made an output or a state with NaN",
    }[how]  # fmt: skip
    with pytest.raises((RuntimeError, ValueError), match=words):
        next(passes)
    assert float(moved) == 2.0


def test_steps_that_a_graph_does_not_know_are_refused():
    cell, *_ = problem("gru")

    @tf.function(input_signature=[tf.TensorSpec((None, BATCH, 2), tf.float64)])
    def train(x):
        zero = tf.zeros((BATCH, 3), tf.float64)
        return next(
            online(cell, total, [(x, None)], zero, Truncation(3, 5), cell.trainable_variables)
        ).loss

    with pytest.raises(ValueError, match=r"1 to k1=3 steps.*got shape \(None, 2, 2\)"):
        train(tf.zeros((3, BATCH, 2), tf.float64))
