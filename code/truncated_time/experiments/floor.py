"""How near exact truncation is to what it cannot do without: processor time on one thread.

A row is the engine's time on one workload, its baseline's, and the median of the paired ratios.
`baseline` says compared with what:

* ``floor``: PyTorch's fused forward pass and the loss, then nothing but products: the recurrent
  weights `k2` - 1 times, one product for each gate, and those that gradients of weights and inputs
  take. No function of a gate, no step of the way back that is not a product;
* ``fused``: full backpropagation through the framework's own layer, Keras's in a ``tf.function``;
* ``layers``: the same engine on each layer of the stack by itself.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from tbptt.pytorch import as_cell, backward, split_state
from tbptt.schedule import Truncation

# Timed one after the other, alone on the machine, and never taken from an earlier run.
TIMED = True
PACKAGES = ("torch", "tensorflow-cpu", "keras", "numpy")
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


class Workload(NamedTuple):
    """Sizes of a network and of its sequences, and how many layers it has."""

    cell: str
    batch: int
    steps: int
    k2: int
    hidden: int
    layers: int = 1


USUAL = tuple(Workload(cell, 32, 200, 20, 100) for cell in GATES)
LONG = Workload("LSTM", 8, 1000, 50, 64)
STACKS = tuple(Workload(cell, 32, 200, 20, 100, layers=2) for cell in GATES)


def add_arguments(parser: argparse._ArgumentGroup) -> None:
    """Add what only this experiment asks."""
    parser.add_argument("--repeats", type=int, default=9, help="paired calls for each row")


def grid(seeds: int, repeats: int = 9) -> list[dict[str, Any]]:
    """List the rows: framework, workload, interval `k1` and baseline."""
    rows: list[tuple[str, Workload, int, str]] = [
        *(("PyTorch", work, 1, "floor") for work in (*USUAL, LONG)),
        *(("PyTorch", work, 1, "fused") for work in (*USUAL, LONG)),
        *(("TensorFlow", work, k1, "fused") for work in USUAL for k1 in (1, 10)),
        *(
            (framework, work, k1, "layers")
            for framework in ("PyTorch", "TensorFlow")
            for work in STACKS
            for k1 in (1, 10)
        ),
    ]
    return [
        {"framework": framework, **work._asdict(), "k1": k1, "baseline": baseline,
         "repeats": repeats, "seed": seed}
        for framework, work, k1, baseline in rows for seed in range(seeds)
    ]  # fmt: skip


def run(
    framework: str, k1: int, baseline: str, repeats: int, seed: int, **sizes: Any
) -> dict[str, Any]:
    """Time the engine and its baseline, in turn.

    Returns
    -------
    dict
        The setting; ``milliseconds`` and ``baseline_milliseconds`` of processor time, medians; and
        ``ratio``, the median over pairs of calls.
    """
    kinds: dict[str, type[_Torch] | type[_Keras]] = {"PyTorch": _Torch, "TensorFlow": _Keras}
    task = kinds[framework](Workload(**sizes), k1, seed)
    ours, theirs = task.engine, getattr(task, baseline)
    for warm in (theirs, ours, theirs, ours):
        warm()
    pairs = [(_seconds(theirs), _seconds(ours)) for _ in range(repeats)]
    return {
        "framework": framework, **sizes, "k1": k1, "baseline": baseline, "seed": seed,
        "milliseconds": round(1e3 * median(own for _, own in pairs), 1),
        "baseline_milliseconds": round(1e3 * median(other for other, _ in pairs), 1),
        "ratio": round(median(own / other for other, own in pairs), 3),
    }  # fmt: skip


def _seconds(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


class _Torch:
    """One gradient of one workload in PyTorch."""

    def __init__(self, work: Workload, k1: int, seed: int) -> None:
        torch.set_num_threads(1)
        torch.manual_seed(seed)
        self._work, self._truncation = work, Truncation(k1, work.k2)
        kind: Any = getattr(nn, work.cell)
        self._layer: nn.RNNBase = kind(work.hidden, work.hidden, work.layers)
        self._alone = [kind(work.hidden, work.hidden) for _ in range(work.layers)]
        shape = work.steps, work.batch, work.hidden
        self._x, self._scale = torch.randn(shape, requires_grad=True), torch.randn(shape)

    def _loss(self, outputs: Tensor) -> Tensor:
        return (outputs * self._scale).sum()

    def _through(self, layer: nn.RNNBase) -> None:
        zeros = torch.zeros(layer.num_layers, self._work.batch, self._work.hidden)
        parts = split_state((zeros, zeros) if self._work.cell == "LSTM" else zeros)
        state = parts if len(parts) > 1 else parts[0]
        backward(as_cell(layer), self._loss, self._x, state, self._truncation)

    def engine(self) -> None:
        """Send errors back through the stack."""
        self._through(self._layer)

    def layers(self) -> None:
        """Send them back through each layer by itself."""
        for layer in self._alone:
            self._through(layer)

    def fused(self) -> None:
        """Send them back through all steps."""
        self._loss(self._layer(self._x)[0]).backward()

    def floor(self) -> None:
        """Do the products alone."""
        with torch.no_grad():
            outputs = self._layer(self._x)[0].requires_grad_()
        (of_outputs,) = torch.autograd.grad(self._loss(outputs), outputs)
        with torch.no_grad():
            errors = of_outputs.flatten(0, 1)
            inputs, recurrent, *_ = self._layer.parameters()
            gates = recurrent.split(self._work.hidden)
            # A tensor for each gate, as there is an error for each.
            wide = errors.repeat(1, len(gates))
            of_gates = [part.contiguous() for part in wide.split(self._work.hidden, 1)]
            into = torch.empty_like(errors)
            for _ in range(self._work.k2 - 1):
                for own, gate in zip(of_gates, gates, strict=True):
                    torch.mm(own, gate, out=into)
            for used in (outputs, self._x):
                torch.mm(wide.T, used.flatten(0, 1))
            torch.mm(wide, inputs)


class _Keras:
    """One gradient of one workload in TensorFlow."""

    def __init__(self, work: Workload, k1: int, seed: int) -> None:
        import keras
        import tensorflow as tf

        from tbptt.tensorflow import as_cell, gradients

        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        keras.utils.set_random_seed(seed)
        kind = getattr(keras.layers, {"RNN": "SimpleRNN"}.get(work.cell, work.cell))
        stack = [kind(work.hidden, return_sequences=True) for _ in range(work.layers)]
        drawn = np.random.default_rng(seed).normal(size=(2, work.steps, work.batch, work.hidden))
        x, scale = tf.constant(drawn, tf.float32)
        rows_first = tf.transpose(x, [1, 0, 2])
        model = keras.Sequential(stack)
        model(rows_first)
        truncation = Truncation(k1, work.k2)
        variables = [variable.value for variable in model.trainable_variables]

        loss = tf.function(lambda outputs: tf.reduce_sum(outputs * scale))

        def full() -> Any:
            with tf.GradientTape() as tape:
                tape.watch(rows_first)
                total = tf.reduce_sum(model(rows_first) * tf.transpose(scale, [1, 0, 2]))
            return tape.gradient(total, [*variables, rows_first])

        def through(cell: Any) -> Any:
            state = cell.get_initial_state(batch_size=work.batch)
            return gradients(cell, loss, x, state, truncation, [*cell.trainable_variables, x])

        whole, alone = as_cell(stack), [as_cell(layer) for layer in stack]
        self.fused = tf.function(full)
        self.engine = lambda: through(whole)
        self.layers = lambda: [through(cell) for cell in alone]
