"""All steps of a cell: forward one after another, and back for many at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tbptt.tensorflow.checks import Parts, State, Tensor, check_made
from tbptt.tensorflow.rows import Rows


def step(cell: Any, x: Tensor, used: Parts, like: State) -> tuple[Tensor, Parts]:
    """Apply a cell in Keras's convention; `like` says how its states are nested.

    Raises
    ------
    TypeError, ValueError
        If the cell does not return an output and a state like the one it is given.
    """
    made = cell(x, tf.nest.pack_sequence_as(like if tf.nest.is_nested(like) else [like], used))
    if not isinstance(made, tuple | list) or len(made) != 2:
        raise TypeError(f"cell(x, states) must return (output, states), got {made!r}.")
    output, after = made[0], tuple(tf.nest.flatten(made[1]))
    check_made(output, after, x, used)
    return output, after


def probe(cell: Any, inputs: Tensor, state: State) -> int:
    """Apply a cell to one row of zeros, and return how wide its output is.

    This builds what is not built yet, and shows outside of any graph what the cell does.

    Raises
    ------
    TypeError, ValueError
        As for :func:`step`.
    """
    with tf.init_scope():
        x = tf.zeros((1, inputs.shape[2]), inputs.dtype)
        used = tuple(tf.zeros((1, part.shape[1]), part.dtype) for part in tf.nest.flatten(state))
        output, _ = step(cell, x, used, state)
    return int(output.shape[1])


def run(
    cell: Any, inputs: Tensor, state: State, rows: Rows, output_size: int
) -> tuple[Tensor, Parts]:
    """Run a cell over a sequence; return outputs and states, each ``(steps, batch, hidden)``.

    The output of a step that a row does not have is the last one again, zero before the first.
    """
    first = tuple(tf.nest.flatten(state))
    steps = tf.shape(inputs)[0]
    # The output waits and begins anew as a part of the state does.
    output = tf.zeros((tf.shape(inputs)[1], output_size), inputs.dtype)
    output = tf.ensure_shape(output, (inputs.shape[1], output_size))
    moving = (output, *first)
    kept = tuple(tf.TensorArray(p.dtype, steps, element_shape=p.shape) for p in moving)

    def body(t: Tensor, moving: Parts, kept: Parts) -> tuple[Tensor, Parts, Parts]:
        here = rows.at(t)
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


class Steps:
    """All steps of a run as one batch, and the adjoint of each of them.

    Raises
    ------
    ValueError
        If no gradient goes through the cell, from one state to the next.
    """

    def __init__(
        self,
        cell: Any,
        inputs: Tensor,
        used: Parts,
        rows: Rows,
        *,
        like: State,
        variables: Sequence[Any],
        wants_inputs: bool,
    ) -> None:
        self._rows = rows
        self._cell, self._inputs, self._states, self._like = cell, inputs, used, like
        x, self._used = _flat(inputs), tuple(_flat(part) for part in used)
        self._wants_inputs = wants_inputs
        self._sources = [*variables, x] if wants_inputs else [*variables]
        # Two tapes, so that no lag works out gradients of weights.
        self._tape = tf.GradientTape(persistent=True, watch_accessed_variables=False)
        self._last = tf.GradientTape(watch_accessed_variables=False)
        with self._tape, self._last:
            self._tape.watch(self._used)
            self._last.watch(self._sources)
            self._output, self._made = step(cell, x, self._used, like)
        shares = self._tape.gradient((self._output, *self._made), self._used)
        if all(share is None for share in shares):
            raise ValueError(
                "The cell's output and state do not depend on the state before, as far as the "
                "tape can tell: take tf.stop_gradient and tape.stop_recording() out of the cell."
            )

    def back(self, errors: Tensor | None, parts: Parts) -> Parts:
        """Take errors of every step's output and state to the state before it.

        `errors` may be None, for none; all parts are ``(steps, batch, hidden)``.
        """
        after = self._made if errors is None else (self._output, *self._made)
        given = parts if errors is None else (errors, *parts)
        found = self._tape.gradient(after, self._used, [_flat(part) for part in given])
        return self._past(self._rows, found, parts)

    def back_at(self, at: Tensor, errors: Tensor, parts: Parts) -> Parts:
        """Do the same for the steps `at` alone, ``(n,)``; all parts are ``(n, batch, hidden)``.

        The rows are run again: what a tape has kept cannot be picked from.
        """
        rows = self._rows.at(at)
        x, *used = (_flat(tf.gather(part, at)) for part in (self._inputs, *self._states))
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(used)
            output, made = step(self._cell, x, tuple(used), self._like)
        given = [_flat(part) for part in (errors, *parts)]
        return self._past(rows, tape.gradient((output, *made), used, given), parts)

    def finish(self, errors: Tensor, parts: Parts) -> list[Tensor | None]:
        """Turn sums of errors into gradients of the variables, then, if wanted, of the inputs.

        This is where errors of steps that a row does not have are left out; on the way back they
        do not get past such a step.
        """
        given = [_flat(self._rows.own(part)) for part in (errors, *parts)]
        found = list(self._last.gradient((self._output, *self._made), self._sources, given))
        if self._wants_inputs and found[-1] is not None:
            found[-1] = tf.reshape(found[-1], tf.shape(self._inputs))
        return found

    def repeats(self, outputs: Tensor, after: Parts) -> Tensor:
        """Say whether the batch gave what the run gave: a scalar bool."""
        same = []
        for once, again in zip((outputs, *after), (self._output, *self._made), strict=True):
            apart = tf.abs(self._rows.own(tf.reshape(again, tf.shape(once)) - once))
            tolerance = tf.cast(_tolerance(once.dtype), once.dtype)
            same.append(tf.reduce_all(apart <= tolerance * (1 + tf.abs(once))))
        return tf.reduce_all(same)

    def _past(self, rows: Rows, found: Sequence[Tensor | None], after: Parts) -> Parts:
        """Carry errors past the mask and the resets; `found` have passed the cell."""
        before = tuple(
            tf.zeros_like(like) if part is None else tf.reshape(part, tf.shape(like))
            for part, like in zip(found, after, strict=True)
        )
        return rows.enter(rows.leave(after, before))


def _flat(part: Tensor) -> Tensor:
    """Lay steps and rows along one axis."""
    return tf.reshape(part, (-1, part.shape[-1]))


def _tolerance(dtype: Any) -> float:
    """Return how far rounding may take two runs of one step apart."""
    places = {tf.float64: 52, tf.float32: 23}.get(dtype, 14)
    if (
        dtype == tf.float32
        and tf.config.list_physical_devices("GPU")
        and tf.config.experimental.tensor_float_32_execution_enabled()
    ):
        places = 17  # such a device rounds the factors of a product to ten places
    return float(1e3 * 2.0**-places)
