"""Small cells for the real ``tf.compat.v1.nn.dynamic_rnn``, on graph variables.

The classes of ``tf.compat.v1.nn.rnn_cell`` refuse to run with Keras 3. ``dynamic_rnn`` itself
asks only for what these have: ``state_size``, ``output_size``, ``zero_state`` and a call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from tbptt._checks import finite, lengths, row_count, shown

__all__ = ["GraphLSTM", "GraphStack", "LSTMState"]

v1 = tf.compat.v1
Tensor = Any  # tf.Tensor: TensorFlow comes without types.


class LSTMState(NamedTuple):
    """Cell state and output, each ``(batch, units)``; in TensorFlow 1's order.

    Examples
    --------
    >>> import tensorflow as tf
    >>> from tbptt.tensorflow.graph import LSTMState
    >>> state = LSTMState(c=tf.ones((4, 8)), h=tf.zeros((4, 8)))
    >>> state[0] is state.c  # the other way round in Keras and PyTorch
    True
    """

    c: Any
    h: Any


class GraphLSTM:
    """A long short-term memory cell by the equations of TensorFlow 1's ``LSTMCell``.

    Parameters
    ----------
    units : int
        Width of the state.
    forget_bias : float
        Added to the forget gate in every step.

    Raises
    ------
    TypeError, ValueError
        If `units` is not a positive integer.

    Notes
    -----
    Variables ``kernel`` ``(features + units, 4 * units)``, whose blocks are input, candidate,
    forget and output, and ``bias``. They are made in the variable scope of the first call; later
    calls in that scope share them.

    Examples
    --------
    >>> import tensorflow as tf
    >>> from tbptt.tensorflow.graph import GraphLSTM
    >>> cell = GraphLSTM(8)
    >>> cell.state_size, cell.output_size
    (LSTMState(c=8, h=8), 8)
    >>> with tf.Graph().as_default():
    ...     x, zero = tf.zeros((4, 10, 1)), cell.zero_state(4, tf.float32)
    ...     outputs, state = tf.compat.v1.nn.dynamic_rnn(cell, x, initial_state=zero)
    >>> outputs.shape, state.c.shape
    (TensorShape([4, 10, 8]), TensorShape([4, 8]))
    """

    def __init__(self, units: int, forget_bias: float = 1.0) -> None:
        (self.units,) = lengths(units=units)
        self.forget_bias = finite("forget_bias", forget_bias)

    @property
    def state_size(self) -> LSTMState:
        """Widths of the two parts."""
        return LSTMState(self.units, self.units)

    @property
    def output_size(self) -> int:
        """Width of the output."""
        return self.units

    def zero_state(self, batch_size: Any, dtype: Any) -> LSTMState:
        """Return zeros ``(batch_size, units)``; the size may be a tensor."""
        batch_size, dtype = _rows(batch_size, self.units), _floating(dtype)
        return LSTMState(*(tf.zeros([batch_size, self.units], dtype) for _ in range(2)))

    def get_initial_state(
        self, inputs: Tensor = None, batch_size: Any = None, dtype: Any = None
    ) -> LSTMState:
        """Return zeros for a batch of `inputs` ``(batch, ...)``, or of a size and dtype."""
        if inputs is not None:
            if not tf.is_tensor(inputs) or isinstance(inputs, tf.RaggedTensor | tf.SparseTensor):
                raise TypeError(f"inputs must be a tensor (batch, ...), got {shown(inputs)}.")
            if inputs.shape.rank == 0:
                raise ValueError("inputs must be a tensor (batch, ...), got a single number.")
            batch_size, dtype = tf.shape(inputs)[0], inputs.dtype
        return self.zero_state(batch_size, dtype)

    def __call__(
        self, inputs: Tensor, state: LSTMState, scope: Any = None
    ) -> tuple[Tensor, LSTMState]:
        """Step: ``(batch, features)`` and a state give the output and the next state."""
        c, h = state
        with v1.variable_scope(scope or "lstm", reuse=v1.AUTO_REUSE):
            rows = int(inputs.shape[-1]) + self.units
            kernel = v1.get_variable("kernel", [rows, 4 * self.units], inputs.dtype)
            bias = v1.get_variable(
                "bias", [4 * self.units], inputs.dtype, initializer=v1.zeros_initializer()
            )
        gates = tf.concat([inputs, h], axis=1) @ kernel + bias
        i, j, f, o = tf.split(gates, 4, axis=1)
        c = tf.sigmoid(f + self.forget_bias) * c + tf.sigmoid(i) * tf.tanh(j)
        h = tf.sigmoid(o) * tf.tanh(c)
        return h, LSTMState(c, h)


def _rows(batch_size: Any, units: int) -> Any:
    """Check a number of rows: over some others TensorFlow ends the process."""
    if not tf.is_tensor(batch_size):
        return row_count("batch_size", batch_size, units)
    if not batch_size.dtype.is_integer or batch_size.shape.rank not in (0, None):
        raise TypeError(f"batch_size must be a whole number, got {shown(batch_size)}.")
    return batch_size


def _floating(dtype: Any) -> Any:
    try:
        known = tf.as_dtype(dtype)
    except (TypeError, ValueError):
        known = None
    if known is None or not known.is_floating:
        raise TypeError(f"dtype must be a floating one, such as tf.float32, got {shown(dtype)}.")
    return known


class GraphStack:
    """Cells on top of one another; the state is a tuple with one entry for each.

    Parameters
    ----------
    cells : sequence of cells
        From the input up.

    Raises
    ------
    TypeError
        If they are no list of cells.
    ValueError
        If there are none.

    Examples
    --------
    >>> import tensorflow as tf
    >>> from tbptt.tensorflow.graph import GraphLSTM, GraphStack
    >>> stack = GraphStack([GraphLSTM(8), GraphLSTM(4)])
    >>> stack.state_size, stack.output_size
    ((LSTMState(c=8, h=8), LSTMState(c=4, h=4)), 4)
    >>> state = stack.get_initial_state(tf.zeros((3, 1)))
    >>> [part.shape for layer in state for part in layer]
    [TensorShape([3, 8]), TensorShape([3, 8]), TensorShape([3, 4]), TensorShape([3, 4])]
    """

    def __init__(self, cells: Sequence[Any]) -> None:
        if not isinstance(cells, list | tuple):
            raise TypeError(f"cells must be a list of cells, got {shown(cells)}.")
        if not cells:
            raise ValueError("cells is empty: pass at least one cell.")
        for place, cell in enumerate(cells):
            if not callable(cell) or isinstance(cell, type) or not hasattr(cell, "state_size"):
                raise TypeError(
                    f"cells[{place}] must be a cell such as GraphLSTM(8), got {shown(cell)}."
                )
        self.cells = tuple(cells)

    @property
    def state_size(self) -> tuple[Any, ...]:
        """Widths, cell by cell."""
        return tuple(cell.state_size for cell in self.cells)

    @property
    def output_size(self) -> int:
        """Width of the top cell's output."""
        size: int = self.cells[-1].output_size
        return size

    def zero_state(self, batch_size: Any, dtype: Any) -> tuple[Any, ...]:
        """Return zeros for every cell."""
        return tuple(cell.zero_state(batch_size, dtype) for cell in self.cells)

    def get_initial_state(
        self, inputs: Tensor = None, batch_size: Any = None, dtype: Any = None
    ) -> tuple[Any, ...]:
        """Return zeros for a batch of `inputs`, or of a size and dtype."""
        return tuple(cell.get_initial_state(inputs, batch_size, dtype) for cell in self.cells)

    def __call__(
        self, inputs: Tensor, state: tuple[Any, ...], scope: Any = None
    ) -> tuple[Tensor, tuple[Any, ...]]:
        """Step every cell, each on the output of the one below."""
        after = []
        with v1.variable_scope(scope or "stack", reuse=v1.AUTO_REUSE):
            for number, (cell, before) in enumerate(zip(self.cells, state, strict=True)):
                inputs, now = cell(inputs, before, scope=f"cell_{number}")
                after.append(now)
        return inputs, tuple(after)
