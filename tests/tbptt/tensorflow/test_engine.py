"""The engine against the oracle, against tapes, and against recipes that are wrong."""

import gc
import weakref
from functools import cache

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tbptt import Truncation
from tbptt.pytorch import backward
from tbptt.reference import GRU, LSTM, RNN
from tbptt.reference import gradients as by_definition
from tbptt.tensorflow import gradients
from tbptt.tensorflow.compiled import _COMPILED, _KEPT

FEATURES, HIDDEN = 2, 3
KERAS = {
    "rnn": keras.layers.SimpleRNNCell,
    "gru": keras.layers.GRUCell,
    "lstm": keras.layers.LSTMCell,
}
ORACLES = {"rnn": RNN(), "gru": GRU(), "lstm": LSTM()}
CLOSE = {"rtol": 1e-10, "atol": 1e-12}


@cache
def kept(name):
    """One cell of each kind for all examples: graphs are compiled for a cell."""
    cell = KERAS[name](HIDDEN, dtype="float64")
    cell.build((None, FEATURES))
    return cell


def fresh(make, *, features=FEATURES, **options):
    cell = make(HIDDEN, dtype="float64", **options)
    cell.build((None, features))
    return cell


def scatter(variables, rng):
    """Give variables values that a bias of zeros, say, cannot hide behind."""
    for one in variables:
        one.assign(rng.normal(size=one.shape) / 2)


def problem(cell, parts, steps, batch, seed, features=FEATURES, hidden=HIDDEN):
    rng = np.random.default_rng(seed)
    scatter(cell.trainable_variables, rng)
    x = tf.constant(rng.normal(size=(steps, batch, features)))
    state = tuple(tf.constant(rng.normal(size=(batch, hidden))) for _ in range(parts))
    errors = tf.constant(rng.normal(size=(steps, batch, hidden)))
    resets, mask = (tf.constant(rng.random((steps, batch)) < rate) for rate in (0.2, 0.7))
    return x, state, errors, resets, mask


def weighted(errors):
    return lambda outputs: tf.reduce_sum(errors * outputs)


def parts_of(name):
    return 2 if name == "lstm" else 1


def bare(state):
    return state if len(state) > 1 else state[0]


def in_pytorchs_layout(name, arrays):
    """Map kernel, recurrent kernel and bias, or their gradients, to the oracle's layout.

    Keras multiplies from the left and has its gates in the order update, reset, new (GRU) and
    input, forget, cell, output (LSTM). Its plain and LSTM cells have one bias, the other is zero.
    """
    kernel, recurrent, bias = (np.asarray(one) for one in arrays)
    biases = bias if bias.ndim == 2 else np.stack([bias, np.zeros_like(bias)])

    def gates(array):
        blocks = np.split(array.T, array.shape[1] // HIDDEN)
        return np.concatenate([blocks[i] for i in ([1, 0, 2] if name == "gru" else range(4))]
                              if len(blocks) > 1 else blocks)  # fmt: skip

    return {
        "weight_ih": gates(kernel),
        "weight_hh": gates(recurrent),
        **dict(zip(("bias_ih", "bias_hh"), gates(biases).T, strict=True)),
    }


def one_loss_at_a_time(cell, loss_at, x, state, truncation, variables):
    """Sum gradients from a tape for each loss, through the steps that it reaches."""

    def move(step, state):
        output, after = cell(step, state)
        return output, tf.nest.pack_sequence_as(state, tf.nest.flatten(after))

    states = [state]
    for step in tf.unstack(x):
        states.append(move(step, states[-1])[1])
    total = [tf.zeros(one.shape, x.dtype) for one in variables]
    for t, reached in enumerate(truncation.reach(len(x))):
        first = int(reached.argmax())
        with tf.GradientTape() as tape:
            now = states[first]
            for s in range(first, t + 1):
                output, now = move(x[s], now)
            loss = loss_at(t, output)
        shares = tape.gradient(loss, variables, unconnected_gradients="zero")
        total = [one + share for one, share in zip(total, shares, strict=True)]
    return total


def unrolled(cell, loss_fn, x, state, variables):
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = []
        for step in tf.unstack(x):
            output, state = cell(step, state)
            outputs.append(output)
        loss = loss_fn(tf.stack(outputs))
    return tape.gradient(loss, variables)


def assert_same(ours, wanted):
    for mine, theirs in zip(ours, wanted, strict=True):
        np.testing.assert_allclose(mine, theirs, **CLOSE)


@pytest.mark.slow
@pytest.mark.parametrize("name", KERAS)
@settings(max_examples=100)
@given(
    st.integers(1, 12), st.integers(1, 3), st.integers(1, 14), st.integers(1, 14),
    st.booleans(), st.booleans(), st.integers(0, 999),
)  # fmt: skip
def test_the_engine_is_the_oracle(name, steps, batch, a, b, begin, wait, seed):
    truncation = Truncation(min(a, b), max(a, b))
    cell = kept(name)
    x, state, errors, resets, mask = problem(cell, parts_of(name), steps, batch, seed)
    flags = ({"resets": resets} if begin else {}) | ({"mask": mask} if wait else {})
    variables = [*cell.trainable_variables, x]
    loss, grads, outputs, last = gradients(
        cell, weighted(errors), x, bare(state), truncation, variables, **flags
    )
    wanted = by_definition(
        ORACLES[name],
        in_pytorchs_layout(name, cell.trainable_variables),
        x.numpy(),
        tuple(part.numpy() for part in state),
        errors.numpy(),
        truncation,
        **{key: flag.numpy() for key, flag in flags.items()},
    )
    found = in_pytorchs_layout(name, grads[:-1])
    for key in wanted.weights if name == "gru" else wanted.weights.keys() - {"bias_hh"}:
        np.testing.assert_allclose(found[key], wanted.weights[key], **CLOSE)
    np.testing.assert_allclose(grads[-1], wanted.inputs, **CLOSE)
    assert float(loss) == pytest.approx(float(tf.reduce_sum(errors * outputs)))
    assert tf.nest.map_structure(lambda part: part.shape, last) == tf.nest.map_structure(
        lambda part: part.shape, bare(state)
    )


@pytest.mark.parametrize("name", KERAS)
def test_the_engine_agrees_with_the_one_for_pytorch(name):
    cell = kept(name)
    x, state, errors, resets, mask = problem(cell, parts_of(name), 11, 4, 5)
    mask = tf.concat([tf.ones((1, 4), bool), mask[1:]], 0)  # else outputs begin differently
    truncation = Truncation(2, 5)
    _, grads, outputs, last = gradients(
        cell, weighted(errors), x, bare(state), truncation, cell.trainable_variables,
        resets=resets, mask=mask,
    )  # fmt: skip

    kind = {"rnn": torch.nn.RNNCell, "gru": torch.nn.GRUCell, "lstm": torch.nn.LSTMCell}[name]
    other = kind(FEATURES, HIDDEN, dtype=torch.float64)
    layout = in_pytorchs_layout(name, cell.trainable_variables)
    other.load_state_dict({key: torch.from_numpy(value) for key, value in layout.items()})
    x, errors, resets, mask, *state = (
        torch.from_numpy(one.numpy()) for one in (x, errors, resets, mask, *state)
    )
    _, others, other_last = backward(
        other, lambda out: (errors * out).sum(), x, bare(tuple(state)), truncation,
        resets=resets, mask=mask,
    )  # fmt: skip
    found = in_pytorchs_layout(name, grads)
    for key, weight in other.named_parameters():
        if name == "gru" or key != "bias_hh":
            np.testing.assert_allclose(found[key], weight.grad.numpy(), **CLOSE)
    np.testing.assert_allclose(outputs, others.numpy(), **CLOSE)
    parts = zip(tf.nest.flatten(last), tf.nest.flatten(other_last), strict=True)
    for mine, theirs in parts:
        np.testing.assert_allclose(mine, theirs.numpy(), **CLOSE)


@pytest.mark.parametrize("truncation", [Truncation(9, 20), Truncation(1, 9), Truncation(4, 12)])
@pytest.mark.parametrize("name", KERAS)
def test_one_long_pass_is_full_backpropagation(name, truncation):
    cell = kept(name)
    x, state, errors, *_ = problem(cell, parts_of(name), 9, 3, 0)
    variables = [*cell.trainable_variables, x]
    ours = gradients(cell, weighted(errors), x, bare(state), truncation, variables)[1]
    assert_same(ours, unrolled(cell, weighted(errors), x, state, variables))


@pytest.mark.parametrize("name", KERAS)
def test_epochwise_is_the_chunked_loop(name):
    cell = kept(name)
    x, state, errors, *_ = problem(cell, parts_of(name), 12, 3, 0)
    variables = cell.trainable_variables
    ours = gradients(
        cell, weighted(errors), x, bare(state), Truncation.epochwise(4), variables
    )[1]  # fmt: skip
    total = [tf.zeros_like(one) for one in variables]
    for first in range(0, 12, 4):
        with tf.GradientTape() as tape:
            loss = tf.zeros((), tf.float64)
            for t in range(first, first + 4):
                output, state = cell(x[t], state)
                loss += tf.reduce_sum(errors[t] * output)
        shares = tape.gradient(loss, variables)
        total = [one + share for one, share in zip(total, shares, strict=True)]
    assert_same(ours, total)


def test_the_oracle_tells_a_wrong_truncation_apart():
    # The chunked loop is not true truncation, though both "backpropagate 4 steps".
    cell = kept("gru")
    x, state, errors, *_ = problem(cell, 1, 12, 2, 0)
    true, chunked = (
        gradients(cell, weighted(errors), x, state[0], truncation, cell.trainable_variables)[1][1]
        for truncation in (Truncation.true(4), Truncation.epochwise(4))
    )
    assert tf.norm(true - chunked) / tf.norm(true) > 1e-3


def test_gradients_reach_a_readout_and_an_embedding_below():
    rng = np.random.default_rng(0)
    embedding = keras.layers.Embedding(7, FEATURES, dtype="float64")
    cell, readout = fresh(keras.layers.GRUCell), keras.layers.Dense(7, dtype="float64")
    words, targets = tf.constant(rng.integers(7, size=(2, 8, 4)))
    zero = tf.zeros((4, HIDDEN), tf.float64)

    def loss_fn(outputs):
        each = keras.ops.sparse_categorical_crossentropy(targets, readout(outputs), True)
        return tf.reduce_mean(each)

    with tf.GradientTape() as below:
        x = embedding(words)
    readout.build((None, None, HIDDEN))
    above = [*cell.trainable_variables, *readout.trainable_variables]
    grads = gradients(cell, loss_fn, x, zero, Truncation(8, 8), [*above, x])[1]
    of_embedding = below.gradient(x, embedding.trainable_variables, output_gradients=grads.pop())

    with tf.GradientTape() as tape:
        now, outputs = [zero], []
        for step in tf.unstack(embedding(words)):
            output, now = cell(step, now)
            outputs.append(output)
        loss = loss_fn(tf.stack(outputs))
    wanted = tape.gradient(loss, [*above, *embedding.trainable_variables])
    assert_same([*grads, tf.convert_to_tensor(of_embedding[0])], [*wanted[:-1],
                tf.convert_to_tensor(wanted[-1])])  # fmt: skip


class Leaky(keras.Layer):
    """A reader's own cell: two states of different widths, and an output that is neither."""

    state_size = (4, HIDDEN)

    def build(self, shape):
        self.inner = self.add_weight(shape=(shape[-1] + 4, 4), name="inner")
        self.outer = self.add_weight(shape=(4 + HIDDEN, HIDDEN), name="outer")
        self.factor = self.add_weight(shape=(), name="factor", initializer="ones")

    def call(self, x, states):
        fast, slow = states
        fast = keras.ops.tanh(keras.ops.concatenate([x, fast], 1) @ self.inner)
        slow = 0.9 * slow + keras.ops.tanh(keras.ops.concatenate([fast, slow], 1) @ self.outer)
        return self.factor * slow * fast[:, :1], [fast, slow]


class Counting(keras.Layer):
    """A cell that also counts its steps, in a state that carries no error back."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], HIDDEN), name="kernel")

    def call(self, x, states):
        h, count = states
        h = keras.ops.tanh(x @ self.kernel + h / (1 + count))
        return 2 * h, (h, tf.stop_gradient(count) + 1.0)


class Delayed(keras.layers.Layer):
    """A cell that remembers one step: its output looks back, its state does not."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], HIDDEN), name="kernel")
        self.recurrent = self.add_weight(shape=(HIDDEN, HIDDEN), name="recurrent")

    def call(self, x, states):
        now = x @ self.kernel
        return keras.ops.tanh(now + states[0] @ self.recurrent), [now]


def stack():
    cells = [keras.layers.LSTMCell(4, dtype="float64"), keras.layers.GRUCell(3, dtype="float64")]
    return keras.layers.StackedRNNCells(cells, dtype="float64")


CELLS = {
    "stack": (stack, lambda p: [[p(4), p(4)], p(3)]),
    "stack of one": (
        lambda: keras.layers.StackedRNNCells(
            [keras.layers.LSTMCell(3, dtype="float64")], dtype="float64"
        ),
        lambda p: [[p(3), p(3)]],
    ),
    "reset before": (
        lambda: keras.layers.GRUCell(3, dtype="float64", reset_after=False),
        lambda p: [p(3)],
    ),
    "reset after, a gate at a time": (
        lambda: keras.layers.GRUCell(3, dtype="float64", implementation=1),
        lambda p: [p(3)],
    ),
    "no bias, another nonlinearity": (
        lambda: keras.layers.SimpleRNNCell(3, "softsign", use_bias=False, dtype="float64"),
        lambda p: (p(3),),
    ),
    "a reader's own": (lambda: Leaky(dtype="float64"), lambda p: (p(4), p(3))),
    "a memory of one step": (lambda: Delayed(dtype="float64"), lambda p: [p(3)]),
    "a state without errors": (lambda: Counting(dtype="float64"), lambda p: (p(3), p(1) ** 2)),
}


@pytest.mark.parametrize("truncation", [Truncation(1, 3), Truncation(2, 5), Truncation(3, 3)])
@pytest.mark.parametrize("kind", CELLS)
def test_other_cells_agree_with_a_tape_for_each_loss(kind, truncation):
    make, shape = CELLS[kind]
    rng = np.random.default_rng(0)
    cell, x = make(), tf.constant(rng.normal(size=(7, 2, FEATURES)))
    state = shape(lambda size: tf.constant(rng.normal(size=(2, size))))
    cell(x[0], state)  # builds it
    variables = cell.trainable_variables
    scatter(variables, rng)
    errors = tf.constant(rng.normal(size=(7, 2, 3)))
    _, grads, _, last = gradients(cell, weighted(errors), x, state, truncation, variables)
    tf.nest.assert_same_structure(last, state)
    wanted = one_loss_at_a_time(
        cell, lambda t, output: tf.reduce_sum(errors[t] * output), x, state, truncation, variables
    )
    assert_same(grads, wanted)


def test_a_cell_that_is_not_built_is_built():
    cell, readout = keras.layers.LSTMCell(HIDDEN), tf.Variable(1.0)
    zero = tf.zeros((2, HIDDEN))
    x = tf.ones((3, 2, FEATURES))
    grads = gradients(
        cell, lambda out: readout * tf.reduce_sum(out), x, [zero, zero], Truncation(1, 2), [readout]
    )[1]
    assert cell.built
    assert float(grads[0]) != 0


def test_what_has_no_part_gets_none():
    cell = fresh(keras.layers.GRUCell)
    x, state, errors, *_ = problem(cell, 1, 5, 2, 0)
    bias = cell.bias
    stranger, unwatched = tf.Variable(1.0), tf.Variable(1.0, dtype=tf.float64, trainable=False)
    grads = gradients(
        cell, lambda out: unwatched * tf.reduce_sum(errors * out), x, state[0], Truncation(1, 2),
        (bias, stranger, unwatched, cell.seed_generator.state, bias),
    )[1]  # fmt: skip
    assert [one is None for one in grads] == [False, True, True, True, False]
    assert_same(grads[:1], grads[-1:])
    assert np.abs(grads[0]).max() > 0


def test_a_loss_that_leaves_the_outputs_out_has_no_gradient_but_its_own():
    cell, scale = fresh(keras.layers.GRUCell), tf.Variable(3.0, dtype=tf.float64)
    x, state, *_ = problem(cell, 1, 5, 2, 0)
    grads = gradients(
        cell, lambda out: scale**2, x, state[0], Truncation(1, 2), [scale, *cell.weights]
    )[1]
    assert [None if one is None else float(one) for one in grads] == [6.0, None, None, None]


def test_a_loss_may_use_inputs_and_weights_of_the_cell_and_pick_some_outputs():
    cell = fresh(keras.layers.SimpleRNNCell, features=HIDDEN)
    x, state, *_ = problem(cell, 1, 6, 2, 0, features=HIDDEN)

    def loss_fn(outputs):
        apart = tf.gather(outputs, [2, 5]) - tf.gather(x, [1, 4])
        return tf.reduce_sum(tf.square(apart @ cell.kernel))

    variables = [*cell.trainable_variables, x]
    ours = gradients(cell, loss_fn, x, state[0], Truncation(6, 6), variables)[1]
    wanted = unrolled(cell, loss_fn, x, list(state), variables)
    assert_same([tf.convert_to_tensor(one) for one in ours],
                [tf.convert_to_tensor(one) for one in wanted])  # fmt: skip


class Traced(keras.Layer):
    """A plain cell that counts how often Python runs through it."""

    def __init__(self):
        super().__init__(dtype="float64")
        self.cell = keras.layers.SimpleRNNCell(HIDDEN, dtype="float64")
        self.calls = 0

    def call(self, x, states):
        self.calls += 1
        return self.cell(x, states)


def test_graphs_are_compiled_once_whatever_the_truncation_and_the_length():
    cell, traced = Traced(), []

    @tf.function
    def loss_fn(outputs):
        traced.append(1)
        return tf.reduce_sum(outputs)

    def train(steps, batch, k1, k2):
        x = tf.ones((steps, batch, FEATURES), tf.float64)
        zero = tf.zeros((batch, HIDDEN), tf.float64)
        before = cell.calls
        gradients(cell, loss_fn, x, zero, Truncation(k1, k2), cell.trainable_variables)
        return cell.calls - before

    cell(tf.zeros((1, FEATURES), tf.float64), [tf.zeros((1, HIDDEN), tf.float64)])
    assert train(50, 2, 2, 4) <= 6  # 50 steps and 3 lags are loops of the graph
    assert [train(50, 2, *k) for k in ((2, 4), (2, 4), (2, 40), (7, 9), (60, 60))] == [0] * 5
    assert len(traced) == 1
    assert 0 < train(50, 2, 1, 4) < 6  # a pass at every step has a graph of its own
    assert [train(50, 2, 1, k2) for k2 in (4, 1, 60)] == [0] * 3
    assert 0 < train(40, 3, 2, 4) < 6  # another length: once more, and then for all lengths
    assert [train(*size, 2, 4) for size in ((50, 2), (40, 3), (30, 1), (1, 5))] == [0] * 4


def test_the_loss_sees_the_targets_of_the_moment():
    # A graph that had compiled the loss would go on with the targets that it was compiled with.
    cell = fresh(keras.layers.SimpleRNNCell)
    x, state, errors, *_ = problem(cell, 1, 5, 2, 0)
    target = errors

    def loss_fn(outputs):
        return tf.reduce_sum(target * outputs)

    one = gradients(cell, loss_fn, x, state[0], Truncation(1, 2), [cell.kernel])[1][0]
    target = 2 * errors
    two = gradients(cell, loss_fn, x, state[0], Truncation(1, 2), [cell.kernel])[1][0]
    np.testing.assert_allclose(two, 2 * one, **CLOSE)


def test_new_weights_are_seen():
    cell = fresh(keras.layers.SimpleRNNCell)
    x, state, errors, *_ = problem(cell, 1, 5, 2, 0)
    truncation = Truncation(5, 5)
    for _ in range(2):
        scatter(cell.trainable_variables, np.random.default_rng(1))
        ours = gradients(cell, weighted(errors), x, state[0], truncation, [cell.kernel])[1]
        assert_same(ours, unrolled(cell, weighted(errors), x, list(state), [cell.kernel]))


@pytest.mark.parametrize("known", [True, False], ids=["sizes known", "sizes unknown"])
def test_inside_a_graph_of_ones_own(known):
    cell = fresh(keras.layers.LSTMCell)
    x, state, errors, resets, mask = problem(cell, 2, 6, 3, 0)
    truncation, variables = Truncation(2, 4), cell.trainable_variables
    size = [6, 3] if known else [None, None]

    def loss_fn(outputs):
        if tf.reduce_sum(outputs) > 1e9:  # AutoGraph's, as in any function of the caller's
            return tf.zeros((), tf.float64)
        return tf.reduce_sum(errors * outputs)

    @tf.function(
        input_signature=[
            tf.TensorSpec([*size, FEATURES], tf.float64),
            tf.TensorSpec(size, tf.bool),
            tf.TensorSpec(size, tf.bool),
        ]
    )
    def train(x, resets, mask):
        loss, grads, outputs, last = gradients(
            cell, loss_fn, x, state, truncation, [*variables, x], resets=resets, mask=mask
        )
        return loss, grads, outputs, last

    loss, grads, outputs, last = train(x, resets, mask)
    wanted = gradients(
        cell, weighted(errors), x, state, truncation, [*variables, x], resets=resets, mask=mask
    )
    assert_same([loss, *grads, outputs, *last], [wanted[0], *wanted[1], wanted[2], *wanted[3]])


def test_a_graph_of_ones_own_may_be_the_first_to_see_the_cell():
    cell, scale = keras.layers.GRUCell(HIDDEN), tf.Variable(1.0)
    zero = tf.zeros((2, HIDDEN))

    @tf.function
    def train(x):
        loss_fn = lambda outputs: scale * tf.reduce_sum(outputs)  # noqa: E731
        return gradients(cell, loss_fn, x, zero, Truncation(1, 2), [scale])[:2]

    loss, (grad,) = train(tf.ones((4, 2, FEATURES)))
    assert float(loss) == pytest.approx(float(grad))
    assert cell.built


def test_what_cannot_be_right_is_refused_while_a_graph_is_traced():
    cell = kept("gru")

    @tf.function
    def train(x):
        zero = tf.zeros((2, HIDDEN), tf.float64)
        return gradients(cell, tf.identity, x, zero, Truncation(1, 2), cell.weights)[0]

    with pytest.raises(ValueError, match="must return a scalar, got shape"):
        train(tf.ones((4, 2, FEATURES), tf.float64))


def test_a_tape_around_it_does_no_harm():
    cell = fresh(keras.layers.GRUCell)
    x, state, errors, *_ = problem(cell, 1, 5, 2, 0)
    arguments = (cell, weighted(errors), x, state[0], Truncation(2, 3), cell.trainable_variables)
    alone = gradients(*arguments)[1]
    with tf.GradientTape() as tape:
        loss, within, outputs, last = gradients(*arguments)
    assert_same(within, alone)
    assert tape.gradient([loss, outputs, last], cell.trainable_variables) == [None] * 3


def test_graphs_do_not_keep_a_cell_or_a_readout_alive():
    def use():
        cell, readout = Traced(), keras.layers.Dense(1, dtype="float64")
        x, zero = tf.ones((4, 2, FEATURES), tf.float64), tf.zeros((2, HIDDEN), tf.float64)
        readout.build((None, None, HIDDEN))
        for truncation in (Truncation(1, 2), Truncation(2, 3)):
            gradients(
                cell, lambda out: tf.reduce_sum(readout(out)), x, zero, truncation,
                [*cell.cell.trainable_variables, *readout.trainable_variables],
            )  # fmt: skip
        assert cell in _COMPILED
        variables = (cell.cell.kernel.value, readout.kernel.value)
        return [weakref.ref(one) for one in (cell, readout, *variables)]

    gc.collect()
    before, refs = len(_COMPILED), use()
    for _ in range(2):  # the cell first, and then what was kept for it
        gc.collect()
    assert [ref() is None for ref in refs] == [True] * 4
    assert len(_COMPILED) == before


def test_a_cell_keeps_the_graphs_of_a_few_lists_of_variables():
    cell = fresh(keras.layers.SimpleRNNCell)
    x, state, errors, *_ = problem(cell, 1, 3, 1, 0)
    found = []
    for _ in range(_KEPT + 2):
        others = [cell.kernel, tf.Variable(0.0)]
        grads = gradients(cell, weighted(errors), x, state[0], Truncation(1, 2), others)[1]
        found.append(grads[0])
    assert_same(found[1:], found[:-1])
    assert len(_COMPILED[cell]._backs) == _KEPT


class Noisy(keras.Layer):
    def __init__(self, where, **options):
        super().__init__(**options)
        self.where = where
        self.cell = keras.layers.SimpleRNNCell(HIDDEN, dtype=self.dtype)

    def call(self, x, states):
        output, states = self.cell(x, states)
        noise = tf.random.normal(tf.shape(output), dtype=output.dtype)
        if self.where == "output":
            return output + noise, states
        return output, [states[0] + noise]


class Returning(keras.Layer):
    """A cell that returns something else."""

    def __init__(self, made, **options):
        super().__init__(dtype="float64", **options)
        self.made = made

    def call(self, x, states):
        return self.made(x, states[0])


class Dropping(keras.Layer):
    def __init__(self):
        super().__init__(dtype="float64")
        self.drop = keras.layers.Dropout(0.5)


DOUBLE = {"dtype": "float64"}


def nested():
    """Return a list that holds itself."""
    inside = []
    inside.append(inside)
    return inside


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"cell": lambda x, h: (h, h)}, TypeError, "cell must be a keras.Layer .*got function"),
        ({"cell": keras.layers.GRU(3)}, TypeError, "whole layer GRU: pass layer.cell"),
        ({"cell": keras.layers.GRUCell(3, dropout=0.1)}, ValueError, "GRUCell has dropout=0.1"),
        (
            {"cell": keras.layers.StackedRNNCells([keras.layers.LSTMCell(3, recurrent_dropout=1)])},
            ValueError,
            "LSTMCell has recurrent_dropout=1",
        ),
        ({"cell": Dropping()}, ValueError, "Dropout has rate=0.5"),
        (
            {"cell": keras.Sequential([keras.layers.GaussianNoise(0.1)])},
            ValueError,
            "GaussianNoise has stddev=0.1",
        ),
        ({"cell": keras.layers.Dense(3)}, TypeError, r"must take \(x, states\), but Dense takes"),
        ({"cell": keras.layers.Attention()}, TypeError, r"must take \(x, states\), but Attent"),
        ({"cell": keras.layers.GRUCell(3)}, TypeError, "but the cell computes in float32"),
        ({"cell": kept("lstm")}, TypeError, r"LSTMCell must have 2 tensor\(s\), got 1"),
        ({"inputs": tf.zeros((3, 2, 5), tf.float64)}, ValueError, r"2 features, .*\(3, 2, 5\)"),
        ({"inputs": tf.zeros((3, 2))}, ValueError, r"inputs must be \(steps, batch, features\)"),
        ({"inputs": tf.zeros((0, 2, 2))}, ValueError, r"at least one step .*\(0, 2, 2\)"),
        ({"inputs": tf.zeros((3, 2, 2), tf.int32)}, TypeError, "floating-point .* got int32"),
        ({"inputs": np.zeros((3, 2, 2))}, TypeError, "floating-point tensor .* got ndarray"),
        (
            {"inputs": tf.fill((3, 2, 2), tf.constant(np.nan, tf.float64))},
            ValueError,
            "inputs must be finite",
        ),
        (
            {"state": tf.fill((2, 3), tf.constant(np.inf, tf.float64))},
            ValueError,
            "state must be finite",
        ),
        ({"state": tf.zeros((5, 3), tf.float64)}, ValueError, r"batch 2.*got shape \(5, 3\)"),
        ({"state": tf.zeros((2, 4), tf.float64)}, ValueError, r"hidden 3, got shape \(2, 4\)"),
        ({"state": tf.zeros((2,), tf.float64)}, ValueError, r"\(batch, hidden\), got shape \(2,\)"),
        ({"state": (tf.zeros((2, 3), tf.float64), None)}, TypeError, "got EagerTensor, NoneType"),
        ({"state": []}, TypeError, "got nothing"),
        ({"state": tf.zeros((2, 3))}, TypeError, "state is float32, but inputs are float64"),
        ({"truncation": 5}, TypeError, r"must be a Truncation, got 5; Truncation.true\(20\)"),
        (
            {"cell": keras.layers.Bidirectional(keras.layers.GRU(3))},
            TypeError,
            "Bidirectional holds the layer GRU, which runs over whole sequences",
        ),
        ({"loss_fn": lambda out: tf.reduce_sum(tf.stop_gradient(out))}, ValueError, "No gradient"),
        ({"variables": [tf.Variable(1.0, dtype=tf.float64)]}, ValueError, "list the variables"),
        ({"variables": tf.Variable(1.0)}, TypeError, "variables must be a list"),
        ({"variables": []}, ValueError, "cell has none before it is built"),
        ({"variables": [tf.zeros(3)]}, TypeError, r"variables\[0\] must be a variable"),
        ({"resets": tf.zeros((3, 2))}, TypeError, "resets must be a tensor of bool .*float32"),
        ({"resets": np.zeros((3, 2), bool)}, TypeError, "resets must be .* got ndarray"),
        ({"resets": tf.zeros((2, 2), tf.bool)}, ValueError, r"= \(3, 2\), got shape \(2, 2\)"),
        ({"mask": tf.zeros((3, 2), tf.int32)}, TypeError, "mask must be a tensor of bool"),
        ({"loss_fn": tf.constant(1.0)}, TypeError, "loss_fn must be a function .*EagerTensor"),
        (
            {"loss_fn": int},
            TypeError,
            "loss_fn must be .* of the outputs, got <class 'int'",
        ),
        (
            {"loss_fn": iter([1])},
            TypeError,
            "loss_fn must be a function .*, got <list_",
        ),
        (
            {"loss_fn": lambda a, b: a},
            TypeError,
            r"must take \(outputs\), but <lambda> takes",
        ),
        (
            {"loss_fn": keras.layers.GRUCell(2)},
            TypeError,
            r"must take \(outputs\), but GRUC",
        ),
        ({"state": tf.ragged.constant([[1.0], [2.0, 3.0]])}, TypeError, "state must be of dense"),
        ({"state": tf.sparse.from_dense(tf.eye(2))}, TypeError, "state must be of dense tensors"),
        ({"state": nested()}, ValueError, "state is nested too deeply, or holds itself"),
        (
            {"inputs": tf.RaggedTensor.from_tensor(tf.ones((3, 2, 2), tf.float64))},
            TypeError,
            "Ragged",
        ),
        (
            {"inputs": tf.sparse.from_dense(tf.ones((3, 2, 2)))},
            TypeError,
            "got a SparseTensor: pad",
        ),
        ({"loss_fn": lambda out: out}, ValueError, "must return a scalar, got shape"),
        ({"loss_fn": lambda out: 1.0}, TypeError, "scalar tensor of floating point, got float"),
        ({"loss_fn": lambda out: tf.constant(1)}, TypeError, "floating point, got int32"),
        (
            {"loss_fn": lambda out: tf.math.log(0 * tf.reduce_sum(out))},
            ValueError,
            "loss_fn returned -inf",
        ),
        ({"cell": Returning(lambda x, h: h)}, TypeError, r"must return \(output, states\)"),
        ({"cell": Returning(lambda x, h: (h, [h, h]))}, TypeError, r"1 tensor\(s\), .*returned 2"),
        ({"cell": Returning(lambda x, h: (h, [None]))}, TypeError, "returned 1: NoneType"),
        ({"cell": Returning(lambda x, h: (h, h[:, :2]))}, ValueError, r"\(1, 3\); .*\(1, 2\)"),
        (
            {"cell": Returning(lambda x, h: (h, tf.cast(h, "float32")))},
            TypeError,
            "of float64, and",
        ),
        ({"cell": Returning(lambda x, h: (h[0], h))}, TypeError, r"output must .* float64 \(3,\)"),
        ({"cell": Returning(lambda x, h: (None, h))}, TypeError, "output must be a tensor .* None"),
        (
            {"cell": Returning(lambda x, h: (tf.stop_gradient(h), tf.stop_gradient(h)))},
            ValueError,
            "as far as the tape can tell",
        ),
        ({"cell": Noisy("state", **DOUBLE)}, ValueError, "The cell gave another answer"),
        ({"cell": Noisy("output", **DOUBLE)}, ValueError, "The cell gave another answer"),
    ],
)
def test_bad_input(change, error, words):
    scale = tf.Variable(1.0, dtype=tf.float64)
    arguments = {
        "cell": kept("rnn"),
        "loss_fn": lambda out: tf.reduce_sum(out) * scale,
        "inputs": tf.ones((3, 2, 2), tf.float64),
        "state": tf.zeros((2, 3), tf.float64),
        "truncation": Truncation(1, 2),
        "variables": [scale],
    } | change
    with pytest.raises(error, match=words):
        gradients(**arguments)


def test_keras_must_run_on_tensorflow(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    x, zero = tf.ones((3, 2, 2), tf.float64), tf.zeros((2, 3), tf.float64)
    with pytest.raises(ValueError, match="Keras runs on jax: set KERAS_BACKEND=tensorflow"):
        gradients(kept("rnn"), tf.reduce_sum, x, zero, Truncation(1, 2), kept("rnn").weights)
