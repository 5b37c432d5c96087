"""Each entry of the list of what engines offer is tried: a yes works, a no is refused in words."""

from __future__ import annotations

import gc
import inspect
import re
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from torch import nn

from engines import (
    Problem,
    ahead,
    by_chunks,
    by_definition,
    by_factors,
    by_forecast,
    by_pytorch,
    by_stream,
    by_tensorflow,
    by_tensorflow_stream,
    check,
)
from offers import ENGINES, OFFERS, PYTORCH_ALONE
from tbptt import Truncation, reference
from tbptt import tensorflow as of_tensorflow
from tbptt.pytorch import Block, backward, online
from tbptt.pytorch.bootstrap import bootstrapped
from tbptt.pytorch.chunkwise import chunkwise
from tbptt.pytorch.evolution import NRES, evolve
from tbptt.pytorch.forward_mode import RTRL, accumulate
from tbptt.pytorch.random_lengths import reweighted
from tbptt.tensorflow import gradients
from tbptt.tensorflow import online as keras_online
from wrapped import Own


def test_what_there_is_for_pytorch_alone():
    assert not {*PYTORCH_ALONE} & {*of_tensorflow.__all__}


X, H, PASSES = torch.ones(3, 2, 2), torch.zeros(2, 3), Truncation(1, 2)
WORDS = torch.zeros(3, 2, dtype=torch.int64)
MASK = np.array([[False, True], [True, True], [True, True]])


def keras_arguments(cell, x, h, variables, flags):
    """Return a built cell, tensors, and the variables of cell and caller."""
    cell = keras.layers.SimpleRNNCell(3) if cell is None else cell
    if isinstance(cell, keras.Layer):
        if not cell.built:
            cell.build((None, 2))
        variables = [*cell.trainable_variables, *variables]
    flags = {name: tf.constant(np.asarray(flag)) for name, flag in flags.items()}
    return cell, tf.convert_to_tensor(x), tf.constant(np.asarray(h)), variables, flags


def by_keras(cell=None, x=X, h=H, loss_fn=tf.reduce_sum, variables=(), **flags):
    cell, x, state, variables, flags = keras_arguments(cell, x, h, variables, flags)
    return gradients(cell, loss_fn, x, state, PASSES, variables, **flags)


def by_keras_blocks(cell=None, x=X, h=H, loss_fn=tf.reduce_sum, variables=(), **flags):
    cell, x, state, variables, flags = keras_arguments(cell, x, h, variables, flags)
    blocks = [of_tensorflow.Block(x, None, **flags)]
    passes = keras_online(
        cell, lambda out, _: loss_fn(out), blocks, state, Truncation(3, 3), variables
    )
    return next(passes)


def by_numpy(cell=None, x=X, h=H, **flags):
    weights = {name: np.asarray(w.detach()) for name, w in nn.RNNCell(2, 3).named_parameters()}
    cell = reference.RNN() if cell is None else cell
    errors = np.ones((3, 2, 3))
    flags = {name: np.asarray(flag) for name, flag in flags.items()}
    given = cell, weights, np.asarray(x), (np.asarray(h),), errors, PASSES
    return reference.gradients(*given, **flags)


def by_blocks(cell=None, x=X, h=H, loss_fn=torch.sum, **flags):
    passes = online(
        nn.RNNCell(2, 3) if cell is None else cell, lambda out, _: loss_fn(out),
        [Block(x, None, **flags)], h, Truncation(3, 3),
    )  # fmt: skip
    return next(passes)


def calls(engine, **given):
    def call(cell=None, x=X, h=H, loss_fn=torch.sum, **flags):
        cell = nn.RNNCell(2, 3) if cell is None else cell
        return engine(cell, loss_fn, x, h, **given, **flags)

    return call


def by_moves(cell=None, x=X, h=H, loss_fn=None, **flags):
    """Rows have losses of their own here: the sum over a row is what a scalar is elsewhere."""
    cell = nn.RNNCell(2, 3) if cell is None else cell
    loss_fn = (lambda out: out.sum(dim=(0, 2))) if loss_fn is None else loss_fn
    return evolve(cell, loss_fn, x, h, NRES(0.01, torch.Generator().manual_seed(0)), **flags)


CALLS: dict[str, Any] = {
    "backward": calls(backward, truncation=PASSES),
    "online": by_blocks,
    "reweighted": calls(reweighted, factors=[0, 1, 1]),
    "accumulate": calls(accumulate, method=RTRL()),
    "chunkwise": calls(chunkwise, chunk=2),
    "bootstrapped": calls(bootstrapped, synthesiser=torch.zeros_like),
    "evolve": by_moves,
    "gradients": by_keras,
    "keras online": by_keras_blocks,
    "reference": by_numpy,
}
FUNCTIONS = (
    backward, online, reweighted, accumulate, chunkwise, bootstrapped, evolve, gradients,
    keras_online, reference.gradients,
)  # fmt: skip
JUDGED = dict(
    zip(
        ENGINES,
        (by_pytorch, by_stream, by_factors, ahead, by_chunks, by_forecast, None, by_tensorflow,
         by_tensorflow_stream, by_definition),
        strict=True,
    )
)  # fmt: skip
IN_TORCH, IN_KERAS = ENGINES[:7], ("gradients", "keras online")
WHOLE = Truncation(3, 3)
# The passes that an engine without a truncation makes of three steps.
FITTING = {
    "reweighted": Truncation(1, 1), "accumulate": WHOLE, "chunkwise": WHOLE, "bootstrapped": WHOLE,
}  # fmt: skip


def problem(passes=PASSES, **flags):
    """A problem in which the truncation matters, and the flags that are given."""
    rng = np.random.default_rng(0)
    shapes = {"weight_ih": (3, 2), "weight_hh": (3, 3), "bias_ih": (3,), "bias_hh": (3,)}
    weights = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    weights["bias_hh"][:] = 0
    x, h, errors = (rng.normal(size=shape) for shape in [(3, 2, 2), (2, 3), (3, 2, 3)])
    return Problem(
        "rnn", passes, weights, x, (h,), errors, **{"resets": None, "mask": None} | flags
    )


class Dropped(nn.RNNCell):
    def forward(self, x, h):
        return nn.functional.dropout(super().forward(x, h), 0.5)


class Mixed(nn.RNNCell):
    def forward(self, x, h):
        return super().forward(x, h - h.mean(0))


class KerasMixed(keras.layers.SimpleRNNCell):
    def call(self, x, states, training=False):
        return super().call(x, [states[0] - tf.reduce_mean(states[0], 0)], training)


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.cell = nn.Embedding(5, 2), nn.RNNCell(2, 3)

    def forward(self, words, h):
        return self.cell(self.embedding(words), h)


def passes_of(engine):
    """Its own way to say where errors end, of passes end to end where it has no truncation."""
    parameters = inspect.signature(FUNCTIONS[ENGINES.index(engine)]).parameters
    assert ("truncation" in parameters) == (engine not in (*FITTING, "evolve"))
    assert ("factors" in parameters) == (engine == "reweighted")
    assert ("synthesiser" in parameters) == (engine == "bootstrapped")
    if engine != "evolve":
        check(JUDGED[engine], problem(FITTING.get(engine, PASSES)))
        return
    # Many rows that read the same are many draws: unrolls of a step, and the mean is that of one
    # pass over all steps, not of passes of a step each.
    rows, cell = 20_000, nn.RNNCell(1, 1, bias=False)
    with torch.no_grad():
        cell.weight_ih.fill_(0.8), cell.weight_hh.fill_(0.6)
    x, zero, carried = torch.ones(3, rows, 1), torch.zeros(rows, 1), None
    strategy = NRES(0.01, torch.Generator().manual_seed(0))
    for step in x.split(1):
        _, carried = evolve(cell, lambda out: out.sum(dim=(0, 2)), step, zero, strategy, carried)
    drawn, found = torch.cat([weight.grad.flatten() for weight in cell.parameters()]), []
    for passes in (WHOLE, Truncation(1, 1)):
        cell.zero_grad()
        backward(cell, torch.sum, x, zero, passes)
        found.append(torch.cat([weight.grad.flatten() for weight in cell.parameters()]))
    full, cut = ((drawn - gradient).norm() / rows for gradient in found)
    assert 10 * full < cut


def flags_of(engine):
    parameters = inspect.signature(FUNCTIONS[ENGINES.index(engine)]).parameters
    assert ("mask" in parameters) == (engine not in ("online", "keras online", "evolve"))
    assert ("begins" in parameters) == (engine == "evolve")
    assert {"resets", "mask"} <= {*Block._fields}
    if engine != "evolve":
        resets = np.array([[False, False], [True, False], [False, True]])
        given = problem(FITTING.get(engine, PASSES), resets=resets, mask=MASK)
        check(JUDGED[engine], given)
        return
    # A row whose sequence begins starts from the state, and its moves are new ones.
    cell, begins = nn.RNNCell(2, 3), torch.tensor([True, False])
    carried = by_moves(cell).carried
    after = by_moves(cell, carried=tuple(part + 1 for part in carried), begins=begins).carried
    assert all(torch.equal(part[0], again[0]) for part, again in zip(carried, after, strict=True))
    assert (after[2][1] == carried[2][1] + 1).all()


def inputs_of(engine):
    if engine in IN_KERAS:
        x = tf.constant(np.asarray(X))
        assert CALLS[engine](x=x, variables=[x]).gradients[-1].shape == x.shape
    elif engine == "reference":
        assert CALLS[engine]().inputs.shape == X.shape
    else:
        x = X.clone().requires_grad_()
        CALLS[engine](x=x)
        assert x.grad.any()


def loss_of(engine):
    parameters = inspect.signature(FUNCTIONS[ENGINES.index(engine)]).parameters
    assert ("loss_fn" in parameters) == ("errors" not in parameters) == (engine != "reference")
    if engine == "evolve":
        CALLS[engine](loss_fn=lambda out: torch.exp(torch.tanh(out[0, :, 0])))
    elif engine != "reference":
        kind = tf if engine in IN_KERAS else torch
        CALLS[engine](loss_fn=lambda out: kind.exp(kind.tanh(out[0, 0, 0])))


def function_of(engine):
    weight = torch.ones(3, requires_grad=True)
    CALLS[engine](lambda x, h: torch.tanh(weight * h + x.sum(1, keepdim=True)))
    assert weight.grad is not None


def built(engine):
    """Return a call that makes no variables, as a graph must not."""
    cell = keras.layers.SimpleRNNCell(3)
    cell.build((None, 2))
    return lambda x: CALLS[engine](cell, x)


def compiled_of(engine):
    if engine in IN_TORCH:
        cell = Own(nn.GRUCell(2, 3))
        result = CALLS[engine](torch.compile(cell, backend="aot_eager"))
        assert cell.cell.weight_hh.grad is not None
        if engine == "evolve":
            return
    elif engine in IN_KERAS:
        result = tf.function(built(engine), jit_compile=True)(tf.constant(np.asarray(X)))
    else:
        assert isinstance(CALLS[engine]().inputs, np.ndarray)
        return
    assert result.outputs.shape == (3, 2, 3)


def autocast_of(engine):
    if engine in IN_KERAS:
        cell = keras.layers.SimpleRNNCell(3, dtype="mixed_bfloat16")
        result = CALLS[engine](cell, *(tf.cast(np.asarray(part), tf.bfloat16) for part in (X, H)))
        assert result.gradients[0].dtype == tf.float32
    elif engine == "reference":
        assert CALLS[engine](x=X.numpy()).inputs.dtype == np.float64
    else:
        cell = nn.GRUCell(2, 3)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            CALLS[engine](cell)
        assert cell.weight_hh.grad.dtype == torch.float32


def dropout_of(engine):
    keras_cell = keras.layers.SimpleRNNCell(3, dropout=0.5)
    CALLS[engine](keras_cell if engine in IN_KERAS else Dropped(2, 3))


def mixed_of(engine):
    cell = KerasMixed(3) if engine in IN_KERAS else Mixed(2, 3)
    CALLS[engine](cell, h=torch.arange(6.0).view(2, 3))


def tokens_of(engine):
    if engine in IN_TORCH:
        CALLS[engine](Words(), x=WORDS)
    else:
        CALLS[engine](x=WORDS)


def updates_of(engine):
    if engine == "online":
        cell, blocks = nn.RNNCell(2, 3), [Block(X, None)] * 3
        for _ in online(cell, lambda out, _: out.sum(), blocks, H, Truncation(3, 9)):
            with torch.no_grad():
                cell.weight_hh.sub_(0.1 * cell.weight_hh.grad)
        return
    if engine == "keras online":
        cell, x = keras.layers.SimpleRNNCell(3), tf.constant(np.asarray(X))
        cell.build((None, 2))
        weights, sgd = cell.trainable_variables, keras.optimizers.SGD(0.1)
        blocks = [of_tensorflow.Block(x, None)] * 3
        loss_fn = lambda out, _: tf.reduce_sum(out)  # noqa: E731
        zero = tf.constant(np.asarray(H))
        for done in keras_online(cell, loss_fn, blocks, zero, Truncation(3, 9), weights):
            sgd.apply(done.gradients, weights)
        return
    cell = None if engine in IN_KERAS or engine == "reference" else nn.RNNCell(2, 3)
    first = CALLS[engine](cell)
    assert not hasattr(first, "__next__")
    if engine in ("bootstrapped", "evolve"):  # what it returns begins the next call
        with torch.no_grad():
            cell.weight_hh.sub_(0.1 * cell.weight_hh.grad)
        if engine == "evolve":
            CALLS[engine](cell, carried=first.carried)
        else:
            CALLS[engine](cell, h=first.state)


def finite_of(engine):
    """Take NaN, as the caller hopes; ``"yes"`` means that it must not."""
    with pytest.raises(ValueError, match="must be finite, but NaN or infinity"):
        CALLS[engine](x=X * np.nan)
    if engine in IN_KERAS:
        result = tf.function(built(engine))(tf.constant(np.asarray(X * np.nan)))
        assert not np.isfinite(result.loss)


def first_of(engine):
    if engine in ("reference", "evolve"):
        flags = {} if engine == "evolve" else {"mask": MASK}
        assert not hasattr(CALLS[engine](**flags), "outputs")
        return
    output = CALLS[engine](h=H + 7, mask=torch.tensor(MASK)).outputs[0, 0]
    assert np.asarray(output).tolist() == [0.0 if engine in IN_KERAS else 7.0] * 3


TRIALS = dict(
    zip(
        OFFERS,
        (passes_of, flags_of, inputs_of, loss_of, function_of, compiled_of, autocast_of,
         dropout_of, mixed_of, tokens_of, updates_of, finite_of, first_of),
        strict=True,
    )
)  # fmt: skip


def with_gradients():
    """All weights there are that have a gradient."""
    return [it for it in gc.get_objects() if type(it) is nn.Parameter and it.grad is not None]


# PyTorch's own compiler asks for it.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("offer", OFFERS)
def test_what_it_says_is_what_it_does(offer, engine):
    torch.manual_seed(0)
    entry = OFFERS[offer][ENGINES.index(engine)]
    if entry != "no":
        TRIALS[offer](engine)
        return
    before = {id(weight) for weight in with_gradients()}
    with pytest.raises((TypeError, ValueError)) as refused:
        TRIALS[offer](engine)
    # The cells of the trial live on in the frames of what was raised.
    assert {id(weight) for weight in with_gradients()} <= before
    # A sentence of ours, and no message from inside a framework.
    assert "tbptt" in str(refused.traceback[-1].path)
    assert len(re.findall(r"\w+", str(refused.value))) > 6
