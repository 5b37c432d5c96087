"""A cell's compiled graphs, kept as long as the cell is, and is what it was."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tbptt.tensorflow.by_hand import DerivedSteps, kind_of
from tbptt.tensorflow.checks import Parts, State, Tensor, check_sizes_met
from tbptt.tensorflow.fingerprint import fingerprint
from tbptt.tensorflow.lags import sums_of_passes, sums_of_true
from tbptt.tensorflow.row_flags import RowFlags
from tbptt.tensorflow.step_by_hand import Kind
from tbptt.tensorflow.steps import Steps, TapedSteps, probe, run

_KEPT = 8  # ways back, for as many lists of variables


class Compiled:
    """The two graphs of a cell: forward over a sequence, and back.

    The loss stands between them and is in neither, so whatever it closes over, such as the targets
    of this batch, is what it is at the moment. A graph is traced again for another dtype or nesting
    of the state; once more when the length or the batch changes, and then for no further length or
    batch. `k1` and `k2` are tensors; only ``k1 = 1`` has a graph of its own.
    """

    def __init__(self, cell: Any, inputs: Tensor, state: State) -> None:
        # A weak reference: what is kept for a cell must not keep the cell.
        self._cell = weakref.ref(cell)
        self._output_size = probe(cell, inputs, state)
        self._by_hand = kind_of(cell, inputs, state)
        self.note(cell)
        self.forward = _compile(self._forward)
        self._backs: dict[tuple[int, ...], Callable[..., Any]] = {}

    def note(self, cell: Any) -> None:
        """Note what the cell is, once the graphs have been used.

        Tracing calls the cell, which may write down attributes of its own, such as a counter; that
        is no reason to trace it again.
        """
        self._fingerprint = fingerprint(cell)

    def fits(self, cell: Any) -> bool:
        """Say whether the cell still is what it was when the graphs were used last."""
        return self._fingerprint == fingerprint(cell)

    def backward(self, variables: list[Any], *, wants_inputs: bool) -> Callable[..., Any]:
        """Return the compiled way back to some variables and, last, the inputs.

        It maps ``inputs, state, resets, mask, outputs, after, errors, k1, k2, k1 == 1`` to the list
        of gradients, None where there is none, and to whether the cell repeats itself. The few
        lists of variables that came last have their graphs kept.
        """
        key = (wants_inputs, *(id(variable) for variable in variables))
        if key not in self._backs:
            if len(self._backs) == _KEPT:
                del self._backs[next(iter(self._backs))]  # the oldest
            self._backs[key] = _compile(
                _backward(self._cell, self._by_hand, variables, wants_inputs)
            )
        return self._backs[key]

    def _forward(
        self,
        inputs: Tensor,
        state: State,
        resets: Tensor | None,
        mask: Tensor | None,
        output: Tensor | None,
    ) -> tuple[Tensor, Parts, Parts, list[Tensor]]:
        """Return outputs, all states, the last ones, and what is finite.

        Of the inputs, the state, and all that the cell has made of them.
        """
        check_sizes_met(inputs, tuple(tf.nest.flatten(state)), resets, mask)
        flags = RowFlags(resets, mask)
        if output is None:
            output = tf.zeros((tf.shape(inputs)[1], self._output_size), inputs.dtype)
        # A batch size that is known stays known in the loop, which cells ask for.
        output = tf.ensure_shape(output, (inputs.shape[1], self._output_size))
        outputs, after = run(self._cell(), inputs, state, flags, output)
        last = tuple(part[-1] for part in after)
        values = [flags.own(inputs)], tf.nest.flatten(state), [outputs, *after]
        return outputs, after, last, [_finite(parts) for parts in values]


def _backward(
    whose: weakref.ref[Any],
    by_hand: Kind | None,
    variables: list[Any],
    wants_inputs: bool,
) -> Callable[..., Any]:
    # The function keeps the variables, so that their ids stay theirs.
    def back(
        inputs: Tensor,
        state: State,
        resets: Tensor | None,
        mask: Tensor | None,
        outputs: Tensor,
        after: Parts,
        errors: Tensor,
        k1: Tensor,
        k2: Tensor,
        single: bool,
    ) -> tuple[list[Tensor | None], Tensor]:
        flags = RowFlags(resets, mask)
        used = flags.used(tuple(tf.nest.flatten(state)), after)
        cell, given = whose(), (inputs, used, flags, variables, wants_inputs)
        steps: Steps = (
            TapedSteps(cell, *given, like=state)
            if by_hand is None
            else DerivedSteps(by_hand, cell, *given)
        )
        zeros = tuple(tf.zeros_like(part) for part in after)
        if single:
            sums = sums_of_true(steps, errors, zeros, k2)
        else:
            sums = sums_of_passes(steps, errors, zeros, k1, k2)
        return steps.finish(errors, sums), steps.repeats(outputs, after)

    return back


def _compile(function: Callable[..., Any]) -> Callable[..., Any]:
    compiled: Callable[..., Any] = tf.function(function, autograph=False, reduce_retracing=True)
    return compiled


def _finite(parts: list[Tensor]) -> Tensor:
    return tf.reduce_all([tf.reduce_all(tf.math.is_finite(part)) for part in parts])


_COMPILED: weakref.WeakKeyDictionary[Any, Compiled] = weakref.WeakKeyDictionary()


def compiled(cell: Any, inputs: Tensor, state: State) -> Compiled:
    """Return a cell's graphs; an unbuilt cell is built.

    They are made again when an attribute of the cell has changed, such as its activation.

    Raises
    ------
    TypeError, ValueError
        If the cell does not return an output and a state like the one it is given.
    """
    if cell not in _COMPILED or not _COMPILED[cell].fits(cell):
        _COMPILED[cell] = Compiled(cell, inputs, state)
    return _COMPILED[cell]
