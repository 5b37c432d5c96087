"""Every engine behind one call, and a judge: for tests that ask the same of all.

The judge is autograd, one loss at a time: it knows the definition and none of the engines.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
import torch
from torch import Tensor, nn

from tbptt import Truncation
from tbptt import reference as oracle
from tbptt.pytorch import StackedCell, as_cell, backward, online
from tbptt.pytorch.bootstrap import bootstrapped
from tbptt.pytorch.chunkwise import chunkwise
from tbptt.pytorch.forward_mode import RTRL, accumulate
from tbptt.pytorch.random_lengths import reweighted
from tbptt.tensorflow import gradients
from tbptt.tensorflow import online as keras_online
from wrapped import Own


class Normed(nn.RNNCell):
    """Divides by the norm of its input, which zeros have none of."""

    def forward(self, x, state):
        return super().forward(x / x.norm(dim=1, keepdim=True), state)


class KerasNormed(keras.layers.SimpleRNNCell):
    """The same for Keras."""

    def call(self, x, states, training=False):
        return super().call(x / tf.norm(x, axis=1, keepdims=True), states, training)


FEATURES, HIDDEN, WIDE = 2, 3, 4


def one_cell_twice():
    """Make two layers of one cell, on another one."""
    top = nn.GRUCell(HIDDEN, HIDDEN)
    return StackedCell([nn.GRUCell(FEATURES, HIDDEN), top, top])


TORCH = {
    name: partial(kind, FEATURES, HIDDEN)
    for name, kind in {
        "rnn": nn.RNNCell, "gru": nn.GRUCell, "lstm": nn.LSTMCell, "normed": Normed
    }.items()
}  # fmt: skip
STACKS = {
    "layers of an RNN": lambda: as_cell(nn.RNN(FEATURES, HIDDEN, 3, nonlinearity="relu")),
    "layers of a GRU": lambda: as_cell(nn.GRU(FEATURES, HIDDEN, 2, bias=False)),
    "layers of an LSTM": lambda: as_cell(nn.LSTM(FEATURES, HIDDEN, 2)),
    "GRU on RNN": lambda: StackedCell([nn.RNNCell(FEATURES, WIDE), nn.GRUCell(WIDE, HIDDEN)]),
    "LSTMs": lambda: StackedCell([nn.LSTMCell(FEATURES, WIDE), nn.LSTMCell(WIDE, HIDDEN)]),
    "one cell twice": one_cell_twice,
}
TORCH |= STACKS
ORACLE = {"rnn": oracle.RNN(), "gru": oracle.GRU(), "lstm": oracle.LSTM()}
KERAS = {
    "rnn": keras.layers.SimpleRNNCell,
    "gru": keras.layers.GRUCell,
    "lstm": keras.layers.LSTMCell,
    "normed": KerasNormed,
}
GATES = {"rnn": [0], "gru": [1, 0, 2], "lstm": [0, 1, 2, 3], "normed": [0]}
NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


class Problem(NamedTuple):
    """A cell, a sequence, a loss of some of its steps, and a truncation."""

    cell: str
    truncation: Truncation
    weights: dict[str, np.ndarray]
    inputs: np.ndarray
    state: tuple[np.ndarray, ...]
    errors: np.ndarray  # the loss is the sum of errors * (outputs + outputs ** 2 / 2)
    resets: np.ndarray | None
    mask: np.ndarray | None
    frozen: frozenset[str] = frozenset()
    in_place: bool = False  # whether the loss writes over the outputs
    shares: bool = False  # whether the loss has half of a recurrent weight in it as well

    def flags(self, make: Callable[[np.ndarray], Any]) -> dict[str, Any]:
        given = {"resets": self.resets, "mask": self.mask}
        return {name: make(flag) for name, flag in given.items() if flag is not None}

    @property
    def shared(self) -> str:
        """Name the weight that the loss has in it, the lowest layer's."""
        return next(name for name in self.weights if name.endswith("weight_hh"))

    def loss_fn(self, cell: nn.Module) -> Callable[[Tensor, Tensor], Tensor]:
        """Return the loss of PyTorch's outputs, and of the errors as its targets."""
        weight = cell.get_parameter(self.shared)

        def loss(outputs: Tensor, errors: Tensor) -> Tensor:
            # A share of each step, so that it is the same in blocks.
            share = weight.sum() / 2 * (len(outputs) / len(self.inputs)) * self.shares
            if self.in_place:
                return outputs.mul_(outputs / 2 + 1).mul_(errors).sum() + share
            return (errors * (outputs + outputs**2 / 2)).sum() + share

        return loss


class Result(NamedTuple):
    """What every engine answers; None where it was not asked, or has no answer."""

    weights: dict[str, np.ndarray | None]
    inputs: np.ndarray | None
    outputs: np.ndarray | None
    state: tuple[np.ndarray, ...] | None


def judge(problem: Problem) -> Result:
    """Return what each loss has to say to the steps that it reaches, summed, in float64."""
    steps, batch, _ = problem.inputs.shape
    has = torch.tensor(np.ones((steps, batch), bool) if problem.mask is None else problem.mask)
    begins = np.zeros((steps, batch), bool) if problem.resets is None else problem.resets
    x = torch.tensor(problem.inputs).double().requires_grad_()
    errors = torch.tensor(problem.errors).double().masked_fill(~has[..., None], 0)
    cell = torch_cell(problem).double()
    sources = [x, *(weight for weight in cell.parameters() if weight.requires_grad)]

    def step(t, state):
        state = tuple(torch.where(torch.tensor(begins[t])[:, None], 0, part) for part in state)
        # Rows that have no step are not handed to the cell at all.
        rows = has[t].nonzero()[:, 0]
        after = parts_of(cell(x[t][rows], bare(tuple(part[rows] for part in state))))
        return tuple(old.index_copy(0, rows, new) for old, new in zip(state, after, strict=True))

    states = [tuple(torch.tensor(part).double() for part in problem.state)]
    for t in range(steps):
        states.append(tuple(part.detach() for part in step(t, states[-1])))
    outputs = [state[0] for state in states[1:]]
    sums = [torch.zeros_like(source) for source in sources]
    for t, reached in enumerate(problem.truncation.reach(steps)):
        first = int(reached.argmax())
        now = states[first]
        for s in range(first, t + 1):
            now = step(s, now)
        loss = (errors[t] * (now[0] + now[0] ** 2 / 2)).sum()
        shares = torch.autograd.grad(loss, sources, allow_unused=True)
        sums = [a if b is None else a + b for a, b in zip(sums, shares, strict=True)]
    of_inputs, *of_weights = (total.numpy() for total in sums)
    wanted = [name for name in problem.weights if name not in problem.frozen]
    weights = dict.fromkeys(problem.weights) | dict(zip(wanted, of_weights, strict=True))
    if problem.shares and weights[problem.shared] is not None:
        weights[problem.shared] += 0.5
    return Result(
        weights,
        of_inputs,
        torch.stack(outputs).numpy(),
        tuple(part.numpy() for part in states[-1]),
    )


def bare(state):
    return state if len(state) > 1 else state[0]


def parts_of(state):
    return tuple(state) if isinstance(state, tuple | list) else (state,)


def torch_cell(problem: Problem) -> nn.Module:
    cell = TORCH[problem.cell]()
    for name, weight in cell.named_parameters():
        weight.data = torch.tensor(problem.weights[name])
        weight.requires_grad_(name not in problem.frozen)
    return cell


def sizes_of(cell: nn.Module) -> list[int]:
    """Return the width of each part of a cell's state, the top layer's first."""
    layers = list(cell.cells)[::-1] if isinstance(cell, StackedCell) else [cell]
    return [
        layer.hidden_size
        for layer in layers
        for _ in range(2 if isinstance(layer, nn.LSTMCell) else 1)
    ]


def by_definition(problem: Problem) -> Result:
    """Ask the oracle, which takes errors where the others take a loss."""
    flags = problem.flags(np.asarray)
    given = ORACLE[problem.cell], problem.weights, problem.inputs, problem.state
    errors = problem.errors * (1 + judge(problem).outputs)
    found = oracle.gradients(*given, errors, problem.truncation, **flags)
    if problem.shares:
        found.weights["weight_hh"] += 0.5  # it knows nothing of losses
    weights = {name: None if name in problem.frozen else g for name, g in found.weights.items()}
    # Its other states are those that the steps use: a reset stands in them already.
    return Result(weights, found.inputs, None, oracle.run(*given, **flags)[-1])


def by_pytorch(problem: Problem, wrap=lambda cell: cell, derived: bool | None = None) -> Result:
    cell, x = torch_cell(problem), torch.tensor(problem.inputs, requires_grad=True)
    errors = torch.tensor(problem.errors)
    _, outputs, state = backward(
        wrap(cell), lambda out: problem.loss_fn(cell)(out, errors), x,
        bare(tuple(map(torch.tensor, problem.state))), problem.truncation, derived=derived,
        **problem.flags(torch.tensor),
    )  # fmt: skip
    return Result(of(cell), x.grad.numpy(), outputs.numpy(), arrays(state))


def by_hand(problem: Problem) -> Result:
    return by_pytorch(problem, derived=True)


def by_generic_route(problem: Problem) -> Result:
    return by_pytorch(problem, Own)


def by_stream(problem: Problem) -> Result:
    cell, k1, shape = torch_cell(problem), problem.truncation.k1, problem.inputs.shape[:2]
    resets = np.zeros(shape, bool) if problem.resets is None else problem.resets
    mask = np.ones(shape, bool) if problem.mask is None else problem.mask
    blocks = zip(
        *(torch.tensor(each).split(k1) for each in (problem.inputs, problem.errors, resets, mask)),
        strict=True,
    )
    state = bare(tuple(map(torch.tensor, problem.state)))
    passes = list(online(cell, problem.loss_fn(cell), blocks, state, problem.truncation))
    outputs = torch.cat([outputs for _, outputs, _ in passes]).numpy()
    return Result(of(cell), None, outputs, arrays(passes[-1].state))


def by_factors(problem: Problem) -> Result:
    """Cut by factors of 0 what passes end to end cut, too."""
    cell, x = torch_cell(problem), torch.tensor(problem.inputs, requires_grad=True)
    factors = np.arange(len(x)) % problem.truncation.k1 != 0
    errors = torch.tensor(problem.errors)
    _, outputs, state = reweighted(
        cell, lambda out: problem.loss_fn(cell)(out, errors), x,
        bare(tuple(map(torch.tensor, problem.state))), factors.astype(float),
        **problem.flags(torch.tensor),
    )  # fmt: skip
    return Result(of(cell), x.grad.numpy(), outputs.numpy(), arrays(state))


def ahead(problem: Problem) -> Result:
    """Carry the whole influence along, which is one pass over everything."""
    cell, errors = torch_cell(problem), torch.tensor(problem.errors)
    _, outputs, state, _ = accumulate(
        cell, lambda out: problem.loss_fn(cell)(out, errors),
        torch.tensor(problem.inputs), bare(tuple(map(torch.tensor, problem.state))), RTRL(),
        **problem.flags(torch.tensor),
    )  # fmt: skip
    return Result(of(cell), None, outputs.numpy(), arrays(state))


def by_chunks(problem: Problem) -> Result:
    """Hand errors across the borders of chunks of two steps: one pass over everything."""
    cell, x = torch_cell(problem), torch.tensor(problem.inputs, requires_grad=True)
    errors = torch.tensor(problem.errors)
    _, outputs, state = chunkwise(
        cell, lambda out: problem.loss_fn(cell)(out, errors), x,
        bare(tuple(map(torch.tensor, problem.state))), 2, **problem.flags(torch.tensor),
    )  # fmt: skip
    return Result(of(cell), x.grad.numpy(), outputs.numpy(), arrays(state))


def by_forecast(problem: Problem) -> Result:
    """Tell each chunk of two steps what the next one has sent: one pass over everything."""
    cell, x = torch_cell(problem), torch.tensor(problem.inputs, requires_grad=True)
    borders, errors = [bare(tuple(map(torch.tensor, problem.state)))], torch.tensor(problem.errors)
    flags = {name: flag.split(2) for name, flag in problem.flags(torch.tensor).items()}

    def of_chunk(number, forecast):
        asked = errors.split(2)[number]
        return bootstrapped(
            cell, lambda out: problem.loss_fn(cell)(out, asked), x.split(2)[number],
            borders[number], forecast, **{name: parts[number] for name, parts in flags.items()},
        )  # fmt: skip

    outputs, chunks, sent = [], range(len(errors.split(2))), None
    for number in chunks:
        passed = of_chunk(number, nothing_sent)
        borders.append(passed.state)
        outputs.append(passed.outputs)
    cell.zero_grad()
    x.grad = None
    for number in reversed(chunks):
        sent = of_chunk(number, nothing_sent if sent is None else partial(told, sent)).target
    return Result(of(cell), x.grad.numpy(), torch.cat(outputs).numpy(), arrays(borders[-1]))


def told(sent, state):
    return sent


def nothing_sent(state):
    return bare(tuple(map(torch.zeros_like, parts_of(state))))


def of(cell: nn.Module) -> dict[str, np.ndarray | None]:
    found: dict[str, Tensor | None] = {
        name: weight.grad for name, weight in cell.named_parameters()
    }
    return {name: None if grad is None else grad.numpy() for name, grad in found.items()}


def arrays(state) -> tuple[np.ndarray, ...]:
    return tuple(np.asarray(part) for part in parts_of(state))


@cache
def keras_cell(name: str, dtype: str) -> Any:
    """One cell for all examples: graphs are compiled for a cell."""
    cell = KERAS[name](HIDDEN, dtype=dtype)
    cell.build((None, FEATURES))
    return cell


class KerasProblem(NamedTuple):
    """A problem in TensorFlow's terms."""

    cell: Any
    asked: list[tuple[str, Any]]  # weights by our names, as far as gradients are wanted of them
    recurrent: Any

    def loss_of(self, problem: Problem, outputs: Any, errors: Any) -> Any:
        loss = tf.reduce_sum(errors * (outputs + outputs**2 / 2))
        # A share of each step, so that it is the same in blocks.
        share = errors.shape[0] / len(problem.inputs)
        return loss + tf.reduce_sum(self.recurrent) / 2 * share if problem.shares else loss

    def weights(self, problem: Problem, grads: list[Any]) -> dict[str, np.ndarray | None]:
        weights: dict[str, np.ndarray | None] = dict.fromkeys(NAMES)
        for (name, _), grad in zip(self.asked, map(np.asarray, grads), strict=True):
            if name == "bias":
                pair = grad if problem.cell == "gru" else (grad, None)
                weights |= {
                    key: None if one is None else from_keras(problem, one)
                    for key, one in zip(NAMES[2:], pair, strict=True)
                }
            else:
                weights[name] = from_keras(problem, grad)
        return weights


def in_keras(problem: Problem) -> KerasProblem:
    cell = keras_cell(problem.cell, problem.inputs.dtype.name)
    kernel, recurrent, bias = cell.trainable_variables
    kernel.assign(to_keras(problem, "weight_ih"))
    recurrent.assign(to_keras(problem, "weight_hh"))
    biases = [to_keras(problem, name) for name in ("bias_ih", "bias_hh")]
    bias.assign(np.stack(biases) if problem.cell == "gru" else biases[0])
    asked = [("weight_ih", kernel), ("weight_hh", recurrent), ("bias", bias)]
    asked = [(name, variable) for name, variable in asked if name not in problem.frozen]
    return KerasProblem(cell, asked, recurrent)


def by_tensorflow(problem: Problem, decorate=lambda call: call) -> Result:
    ours, errors = in_keras(problem), tf.constant(problem.errors)

    def call(x, state, flags):
        variables = [*(variable for _, variable in ours.asked), x]
        loss_fn = lambda outputs: ours.loss_of(problem, outputs, errors)  # noqa: E731
        return gradients(ours.cell, loss_fn, x, state, problem.truncation, variables, **flags)

    x, state = tf.constant(problem.inputs), bare(tuple(map(tf.constant, problem.state)))
    _, grads, outputs, last = decorate(call)(x, state, problem.flags(tf.constant))
    *of_weights, of_inputs = grads
    weights = ours.weights(problem, of_weights)
    return Result(weights, np.asarray(of_inputs), np.asarray(outputs), arrays(last))


def by_tensorflow_stream(problem: Problem, decorate=lambda call: call) -> Result:
    ours, k1 = in_keras(problem), problem.truncation.k1
    arrays_of = problem.inputs, problem.errors, problem.resets, problem.mask

    def call(state, *parts):
        cut = ([None if part is None else part[i : i + k1] for part in parts]
               for i in range(0, len(problem.inputs), k1))  # fmt: skip
        passes = keras_online(
            ours.cell, lambda outputs, errors: ours.loss_of(problem, outputs, errors), cut, state,
            problem.truncation, [variable for _, variable in ours.asked],
        )  # fmt: skip
        _, grads, outputs, states = zip(*passes, strict=True)
        sums = [tf.add_n(list(of_one)) for of_one in zip(*grads, strict=True)]
        return sums, tf.concat(outputs, 0), states[-1]

    parts = (None if part is None else tf.constant(part) for part in arrays_of)
    sums, outputs, last = decorate(call)(bare(tuple(map(tf.constant, problem.state))), *parts)
    return Result(ours.weights(problem, sums), None, np.asarray(outputs), arrays(last))


def to_keras(problem: Problem, name: str) -> np.ndarray:
    blocks = np.split(problem.weights[name], len(GATES[problem.cell]))
    return np.concatenate([blocks[gate] for gate in GATES[problem.cell]]).T


def from_keras(problem: Problem, grad: np.ndarray) -> np.ndarray:
    blocks = np.split(grad.T, len(GATES[problem.cell]))
    return np.concatenate([blocks[gate] for gate in GATES[problem.cell]])


def by_graph(problem: Problem) -> Result:
    return by_tensorflow(problem, tf.function)


def by_stream_in_a_graph(problem: Problem) -> Result:
    return by_tensorflow_stream(problem, tf.function)


def by_xla(problem: Problem) -> Result:
    return by_tensorflow(problem, lambda call: tf.function(call, jit_compile=True))


def check(engine: Callable[[Problem], Result], problem: Problem) -> None:
    found, wanted = engine(problem), judge(problem)
    close = partial(_close, 1e-10 if problem.inputs.dtype == "float64" else 1e-4)
    for name, grad in found.weights.items():
        if problem.cell != "gru" and name == "bias_hh" and grad is None:
            continue  # Keras has one bias here
        assert (grad is None) == (name in problem.frozen), name
        if grad is not None:
            close(grad, wanted.weights[name], name)
    if found.inputs is not None:
        close(found.inputs, wanted.inputs, "inputs")
    if found.outputs is not None:
        real = slice(None) if problem.mask is None else problem.mask
        close(found.outputs[real], wanted.outputs[real], "outputs")
    for part, other in zip(found.state, wanted.state, strict=True):
        close(part, other, "state")


def _close(relative: float, found: np.ndarray, wanted: np.ndarray, what: str) -> None:
    assert found.shape == wanted.shape, what
    scale = max(np.abs(wanted).max(initial=0), 1)
    assert np.isfinite(found).all(), what
    assert np.abs(found - wanted).max(initial=0) <= relative * scale, what
