"""All steps of a cell: forward one after another, and back for many at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tbptt.tensorflow.answers import check_returned
from tbptt.tensorflow.checks import Parts, State, Tensor
from tbptt.tensorflow.row_flags import RowFlags


def step(cell: Any, x: Tensor, used: Parts, like: State) -> tuple[Tensor, Parts]:
    """Apply a cell in Keras's convention; `like` says how its states are nested.

    Raises
    ------
    TypeError, ValueError
        If the cell does not return an output and a state like the one it is given.
    """
    if x.shape[0] == 0:
        # Keras's LSTMCell cannot be called without rows: one that nobody sees stands in for them.
        # Of ones: its error is zero, and a cell that divides by a norm would make NaN of it.
        whole = (tf.concat([p, tf.ones((1, p.shape[1]), p.dtype)], 0) for p in (x, *used))
        output, after = step(cell, next(whole), tuple(whole), like)
        return output[:0], tuple(part[:0] for part in after)
    # Keras's convention: a state of one part is handed to the cell as a list of one.
    states = tf.nest.pack_sequence_as(like if tf.nest.is_nested(like) else [like], used)
    returned = cell(x, states)
    if not isinstance(returned, tuple | list) or len(returned) != 2:
        raise TypeError(f"cell(x, states) must return (output, states), got {returned!r}.")
    output, after = returned[0], tuple(tf.nest.flatten(returned[1]))
    check_returned(output, after, x, used)
    return output, after


def probe(cell: Any, inputs: Tensor, state: State) -> int:
    """Apply a cell to one row of zeros, and return how wide its output is.

    This builds what is not built yet, and shows outside of any graph what the cell does.

    Raises
    ------
    TypeError, ValueError
        As for :func:`step`.
    """
    # In an init_scope, so that a cell that is built here gets variables of its own, and not some
    # of the graph that the caller may be tracing.
    with tf.init_scope():
        x = tf.zeros((1, inputs.shape[2]), inputs.dtype)
        used = tuple(tf.zeros((1, part.shape[1]), part.dtype) for part in tf.nest.flatten(state))
        output, _ = step(cell, x, used, state)
    return int(output.shape[1])


def run(
    cell: Any, inputs: Tensor, state: State, flags: RowFlags, output: Tensor
) -> tuple[Tensor, Parts]:
    """Run a cell over a sequence; return outputs and states, each ``(steps, batch, hidden)``.

    The output of a step that a row does not have is the last one again, `output` before the first.
    """
    steps = tf.shape(inputs)[0]
    # The output waits and begins again as a part of the state does.
    moving = (output, *tf.nest.flatten(state))
    kept = tuple(tf.TensorArray(p.dtype, steps, element_shape=p.shape) for p in moving)

    def body(t: Tensor, moving: Parts, kept: Parts) -> tuple[Tensor, Parts, Parts]:
        here = flags.at(t)
        before = here.enter(moving)
        output, after = step(cell, inputs[t], before[1:], state)
        moving = here.leave(before, (output, *after))
        return t + 1, moving, tuple(k.write(t, p) for k, p in zip(kept, moving, strict=True))

    _, _, kept = tf.while_loop(lambda t, *_: t < steps, body, (0, moving, kept))
    outputs, *after = (
        tf.ensure_shape(k.stack(), (inputs.shape[0], *p.shape))
        for k, p in zip(kept, moving, strict=True)
    )
    return outputs, tuple(after)


class Steps(ABC):
    """All steps of a run as one batch, and the adjoint of each of them.

    With the states of the run at hand no step waits for another: steps are laid along the batch
    axis as rows, and go forward and back in one call.

    Parameters
    ----------
    inputs, used, flags
        The run's, with the states that its steps used, each ``(steps, batch, size)``.
    variables : sequence of tf.Variable
        What gradients are wanted of.
    wants_inputs : bool
        Whether they are wanted of the inputs as well.
    """

    # What the steps returned, laid along one axis.
    _output: Tensor
    _after: Parts

    def __init__(
        self,
        inputs: Tensor,
        used: Parts,
        flags: RowFlags,
        variables: Sequence[Any],
        wants_inputs: bool,
    ) -> None:
        self._flags, self._variables, self._wants_inputs = flags, variables, wants_inputs
        self._inputs, *states = flags.stand_in(inputs, *used)
        self._states = tuple(states)

    @abstractmethod
    def back(self, errors: Tensor | None, parts: Parts) -> Parts:
        """Take errors of every step's output and state to the state before it.

        `errors` may be None, for none; all parts are ``(steps, batch, hidden)``.
        """

    @abstractmethod
    def back_at(self, at: Tensor, errors: Tensor, parts: Parts) -> Parts:
        """Do the same for the steps `at` alone, ``(n,)``; all parts are ``(n, batch, hidden)``."""

    def finish(self, errors: Tensor, parts: Parts) -> list[Tensor | None]:
        """Turn sums of errors into gradients of the variables, then, if wanted, of the inputs.

        This is where errors of steps that a row does not have are left out; on the way back they
        do not get past such a step.
        """
        own = self._flags.own
        gradients = self._gradients(own(errors), tuple(own(part) for part in parts))
        if self._wants_inputs and gradients[-1] is not None:
            gradients[-1] = tf.reshape(gradients[-1], tf.shape(self._inputs))
        return gradients

    @abstractmethod
    def _gradients(self, errors: Tensor, parts: Parts) -> list[Tensor | None]:
        """Return them for errors of steps that are there, the inputs' with all rows in one axis."""

    def repeats(self, outputs: Tensor, after: Parts) -> Tensor:
        """Say whether the batch gave what the run gave: a scalar bool."""
        same = []
        for once, again in zip((outputs, *after), (self._output, *self._after), strict=True):
            difference = tf.abs(self._flags.own(tf.reshape(again, tf.shape(once)) - once))
            within = tf.cast(tolerance(once.dtype), once.dtype)
            same.append(tf.reduce_all(difference <= within * (1 + tf.abs(once))))
        return tf.reduce_all(same)

    def _past_flags(self, flags: RowFlags, shares: Sequence[Tensor | None], after: Parts) -> Parts:
        """Carry errors past the mask and the resets; `shares` have passed the cell.

        `after` are the errors as they were before the cell: rows without a step keep them.
        """
        before = tuple(
            tf.zeros_like(like) if part is None else tf.reshape(part, tf.shape(like))
            for part, like in zip(shares, after, strict=True)
        )
        return flags.enter(flags.leave(after, before))


class TapedSteps(Steps):
    """Of any cell: a vector-Jacobian product of one call goes back through every step at once.

    Raises
    ------
    ValueError
        If no gradient goes through the cell, from one state to the next.
    """

    def __init__(self, cell: Any, *given: Any, like: State) -> None:
        super().__init__(*given)
        self._cell, self._like = cell, like
        x, self._used = flat(self._inputs), tuple(flat(part) for part in self._states)
        self._sources = [*self._variables, x] if self._wants_inputs else [*self._variables]
        # Two tapes over the same call: the first goes back to the states, once for every lag, the
        # second to the weights, once in all. One tape for both would work out gradients of the
        # weights at every lag. Neither watches what it is not asked for.
        self._tape = tf.GradientTape(persistent=True, watch_accessed_variables=False)
        self._last = tf.GradientTape(watch_accessed_variables=False)
        with self._tape, self._last:
            self._tape.watch(self._used)
            self._last.watch(self._sources)
            self._output, self._after = step(cell, x, self._used, like)
        # Of a tape that finds no way there is None; asked once, while the graph is traced.
        shares = self._tape.gradient((self._output, *self._after), self._used)
        if all(share is None for share in shares):
            raise ValueError(
                "The cell's output and state do not depend on the state before, as far as the "
                "tape can tell: take tf.stop_gradient and tape.stop_recording() out of the cell."
            )

    def back(self, errors: Tensor | None, parts: Parts) -> Parts:
        """Take errors of every step's output and state to the state before it."""
        after = self._after if errors is None else (self._output, *self._after)
        given = parts if errors is None else (errors, *parts)
        shares = self._tape.gradient(after, self._used, [flat(part) for part in given])
        return self._past_flags(self._flags, shares, parts)

    def back_at(self, at: Tensor, errors: Tensor, parts: Parts) -> Parts:
        """Do the same for the steps `at` alone, run again: nothing can be picked from a tape."""
        flags = self._flags.at(at)
        x, *used = (flat(tf.gather(part, at)) for part in (self._inputs, *self._states))
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(used)
            output, after = step(self._cell, x, tuple(used), self._like)
        given = [flat(part) for part in (errors, *parts)]
        return self._past_flags(flags, tape.gradient((output, *after), used, given), parts)

    def _gradients(self, errors: Tensor, parts: Parts) -> list[Tensor | None]:
        given = [flat(part) for part in (errors, *parts)]
        return list(self._last.gradient((self._output, *self._after), self._sources, given))


def flat(part: Tensor) -> Tensor:
    """Lay steps and rows along one axis."""
    return tf.reshape(part, (-1, part.shape[-1]))


def tolerance(dtype: Any) -> float:
    """Return how far rounding may take two runs of one step apart."""
    places = {tf.float64: 52, tf.float32: 23}.get(dtype, 14)
    if (
        dtype == tf.float32
        and tf.config.list_physical_devices("GPU")
        and tf.config.experimental.tensor_float_32_execution_enabled()
    ):
        places = 17  # such a device rounds the factors of a product to ten places
    return float(1e3 * 2.0**-places)
