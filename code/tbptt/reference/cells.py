"""Plain, gated and long short-term memory cells in NumPy: one step, and its adjoint.

The cells and the layout of their weights are PyTorch's: the rows of ``weight_ih``
``(gates * hidden, features)`` and ``weight_hh`` ``(gates * hidden, hidden)``, and the biases
``bias_ih`` and ``bias_hh``, hold the gates in the order reset, update, new (GRU) and input,
forget, cell, output (LSTM).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tbptt.reference.checks import check_adjoint, check_step

Array = NDArray[np.float64]
Parts = tuple[Array, ...]
State = Sequence[Array]
Weights = Mapping[str, Array]


class Cell(Protocol):
    """One step forward, and the adjoint of that step.

    A state is handed over as the tuple or list that the caller chose.

    Examples
    --------
    >>> import numpy as np
    >>> from tbptt.reference import run
    >>> class Leaky:
    ...     def step(self, w, x, state):
    ...         return (w["keep"] * state[0] + x,)
    ...     def adjoint(self, w, x, state, error):
    ...         share = {"keep": (error[0] * state[0]).sum()}
    ...         return share, error[0], (w["keep"] * error[0],)
    >>> states = run(Leaky(), {"keep": 0.5}, np.ones((3, 1, 1)), (np.zeros((1, 1)),))
    >>> np.ravel(states)
    array([0.  , 1.  , 1.5 , 1.75])
    """

    def step(self, w: Weights, x: Array, state: State) -> Parts:
        """Return the state after a step; its first part is the output."""

    def adjoint(
        self, w: Weights, x: Array, state: State, error: State
    ) -> tuple[dict[str, Array], Array, Parts]:
        """Turn the error of the state after a step into those of weights, input and state."""


class RNN:
    r"""Plain cell, ``h' = tanh(W_ih x + b_ih + W_hh h + b_hh)``.

    Raises
    ------
    TypeError, ValueError
        By both methods: if an array is not of real numbers, or its shape does not fit the others.

    Examples
    --------
    >>> import numpy as np
    >>> from tbptt.reference import RNN
    >>> weights = {"weight_ih": np.eye(1), "weight_hh": 0.5 * np.eye(1),
    ...            "bias_ih": np.zeros(1), "bias_hh": np.zeros(1)}
    >>> zero, full = np.zeros((1, 1)), np.ones((1, 1))
    >>> RNN().step(weights, zero, (zero,))
    (array([[0.]]),)
    >>> shares, of_x, (earlier,) = RNN().adjoint(weights, zero, (zero,), error=(full,))
    >>> earlier  # half of the error arrives
    array([[0.5]])
    """

    def step(self, w: Weights, x: Array, state: State) -> Parts:
        """Return the state after a step."""
        check_step("RNN", 1, 1, w, x, state)
        return (np.tanh(_affine(w, "ih", x) + _affine(w, "hh", state[0])),)

    def adjoint(
        self, w: Weights, x: Array, state: State, error: State
    ) -> tuple[dict[str, Array], Array, Parts]:
        """Turn the error after a step into those of weights, input and state."""
        check_adjoint("RNN", 1, 1, w, x, state, error)
        (after,) = self.step(w, x, state)
        before_tanh = error[0] * (1 - after**2)
        grads, d_x, d_h = _affine_adjoints(w, x, state[0], before_tanh, before_tanh)
        return grads, d_x, (d_h,)


class GRU:
    r"""Gated recurrent unit [1]_ as PyTorch has it, ``h' = (1 - z) n + z h``.

    Raises
    ------
    TypeError, ValueError
        By both methods: if an array is not of real numbers, or its shape does not fit the others.

    References
    ----------
    .. [1] K. Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical
       machine translation", EMNLP 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from tbptt.reference import GRU
    >>> weights = {"weight_ih": np.zeros((3, 1)), "weight_hh": np.zeros((3, 1)),
    ...            "bias_ih": np.zeros(3), "bias_hh": np.zeros(3)}
    >>> GRU().step(weights, np.ones((1, 1)), (np.ones((1, 1)),))  # gates half open
    (array([[0.5]]),)
    """

    def _gates(self, w: Weights, x: Array, h: Array) -> tuple[Array, Array, Array, Array]:
        x_r, x_z, x_n = np.split(_affine(w, "ih", x), 3, axis=1)
        h_r, h_z, h_n = np.split(_affine(w, "hh", h), 3, axis=1)
        r, z = _sigmoid(x_r + h_r), _sigmoid(x_z + h_z)
        return r, z, np.tanh(x_n + r * h_n), h_n

    def step(self, w: Weights, x: Array, state: State) -> Parts:
        """Return the state after a step."""
        check_step("GRU", 3, 1, w, x, state)
        _, z, n, _ = self._gates(w, x, state[0])
        return ((1 - z) * n + z * state[0],)

    def adjoint(
        self, w: Weights, x: Array, state: State, error: State
    ) -> tuple[dict[str, Array], Array, Parts]:
        """Turn the error after a step into those of weights, input and state."""
        check_adjoint("GRU", 3, 1, w, x, state, error)
        (h,), (d_after,) = state, error
        r, z, n, h_n = self._gates(w, x, h)
        d_n = d_after * (1 - z) * (1 - n**2)
        d_z = d_after * (h - n) * z * (1 - z)
        d_r = d_n * h_n * r * (1 - r)
        d_ih = np.concatenate([d_r, d_z, d_n], axis=1)
        d_hh = np.concatenate([d_r, d_z, d_n * r], axis=1)
        grads, d_x, d_h = _affine_adjoints(w, x, h, d_ih, d_hh)
        return grads, d_x, (d_h + d_after * z,)


class LSTM:
    r"""Long short-term memory [1]_ with a forget gate, ``c' = f c + i g``, ``h' = o tanh(c')``.

    Raises
    ------
    TypeError, ValueError
        By both methods: if an array is not of real numbers, or its shape does not fit the others.

    References
    ----------
    .. [1] S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9(8),
       1997.

    Examples
    --------
    >>> import numpy as np
    >>> from tbptt.reference import LSTM
    >>> weights = {"weight_ih": np.zeros((4, 1)), "weight_hh": np.zeros((4, 1)),
    ...            "bias_ih": np.array([-99, 99, 0, 0]), "bias_hh": np.zeros(4)}
    >>> state = np.zeros((1, 1)), np.ones((1, 1))
    >>> h, c = LSTM().step(weights, np.ones((1, 1)), state)
    >>> c.round(6)  # forget gate open, input gate shut: the cell keeps its 1
    array([[1.]])
    """

    def _gates(self, w: Weights, x: Array, h: Array) -> tuple[Array, Array, Array, Array]:
        i, f, g, o = np.split(_affine(w, "ih", x) + _affine(w, "hh", h), 4, axis=1)
        return _sigmoid(i), _sigmoid(f), np.tanh(g), _sigmoid(o)

    def step(self, w: Weights, x: Array, state: State) -> Parts:
        """Return the state after a step: output and cell."""
        check_step("LSTM", 4, 2, w, x, state)
        i, f, g, o = self._gates(w, x, state[0])
        c = f * state[1] + i * g
        return o * np.tanh(c), c

    def adjoint(
        self, w: Weights, x: Array, state: State, error: State
    ) -> tuple[dict[str, Array], Array, Parts]:
        """Turn the error after a step into those of weights, input and state."""
        check_adjoint("LSTM", 4, 2, w, x, state, error)
        (h, c), (d_h_after, d_c_after) = state, error
        i, f, g, o = self._gates(w, x, h)
        t = np.tanh(f * c + i * g)
        d_c = d_c_after + d_h_after * o * (1 - t**2)
        gates = [
            d_c * g * i * (1 - i),
            d_c * c * f * (1 - f),
            d_c * i * (1 - g**2),
            d_h_after * t * o * (1 - o),
        ]
        d_gates = np.concatenate(gates, axis=1)
        grads, d_x, d_h = _affine_adjoints(w, x, h, d_gates, d_gates)
        return grads, d_x, (d_h, d_c * f)


def _affine(w: Weights, which: str, x: Array) -> Array:
    return x @ w[f"weight_{which}"].T + w[f"bias_{which}"]


def _affine_adjoints(
    w: Weights, x: Array, h: Array, d_ih: Array, d_hh: Array
) -> tuple[dict[str, Array], Array, Array]:
    grads = {
        "weight_ih": d_ih.T @ x,
        "weight_hh": d_hh.T @ h,
        "bias_ih": d_ih.sum(axis=0),
        "bias_hh": d_hh.sum(axis=0),
    }
    return grads, d_ih @ w["weight_ih"], d_hh @ w["weight_hh"]


def _sigmoid(x: Array) -> Array:
    # tanh does not overflow for large negative x, as exp(-x) would.
    return 0.5 * (1 + np.tanh(0.5 * x))
