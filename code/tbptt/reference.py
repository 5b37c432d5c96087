r"""The oracle: truncated gradients straight from the definition, in float64 NumPy.

One loss at a time: its error walks back step by step, as far as `Truncation.reach` lets it, and
leaves its share of the gradient at every step on the way. Nothing is shared between errors and
nothing is clever, so that every engine can be held against it.

The cells and the layout of their weights are PyTorch's: the rows of ``weight_ih``
``(gates * hidden, features)`` and ``weight_hh`` ``(gates * hidden, hidden)``, and the biases
``bias_ih`` and ``bias_hh``, hold the gates in the order reset, update, new (GRU) and input,
forget, cell, output (LSTM).

References
----------
.. [1] R. J. Williams and J. Peng, "An efficient gradient-based algorithm for on-line training of
   recurrent network trajectories", Neural Computation 2(4), 1990.
.. [2] S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997.
.. [3] K. Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical
   machine translation", EMNLP 2014.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tbptt._checks import numeric_array
from tbptt.schedule import Truncation

Array = NDArray[np.float64]
State = tuple[Array, ...]
Weights = Mapping[str, Array]


class Cell(Protocol):
    """One step forward, and the adjoint of that step."""

    def step(self, w: Weights, x: Array, state: State) -> State:
        """Return the state after a step; its first part is the output."""

    def adjoint(
        self, w: Weights, x: Array, state: State, error: State
    ) -> tuple[dict[str, Array], Array, State]:
        """Turn the error of the state after a step into those of weights, input and state."""


class Gradients(NamedTuple):
    """Gradients of a loss that adds up over steps.

    Attributes
    ----------
    weights : dict of str to ndarray
        Shaped as the weights.
    inputs : ndarray, shape (steps, batch, features)
        Of the inputs.
    """

    weights: dict[str, Array]
    inputs: Array


class RNN:
    r"""Plain cell, ``h' = tanh(W_ih x + b_ih + W_hh h + b_hh)``."""

    def step(self, w: Weights, x: Array, state: State) -> State:
        """Return the state after a step."""
        return (np.tanh(_affine(w, "ih", x) + _affine(w, "hh", state[0])),)

    def adjoint(
        self, w: Weights, x: Array, state: State, error: State
    ) -> tuple[dict[str, Array], Array, State]:
        """Turn the error after a step into those of weights, input and state."""
        (after,) = self.step(w, x, state)
        before_tanh = error[0] * (1 - after**2)
        grads, d_x, d_h = _affine_adjoints(w, x, state[0], before_tanh, before_tanh)
        return grads, d_x, (d_h,)


class GRU:
    r"""Gated recurrent unit [3]_ as PyTorch has it, ``h' = (1 - z) n + z h``."""

    def _gates(self, w: Weights, x: Array, h: Array) -> tuple[Array, Array, Array, Array]:
        x_r, x_z, x_n = np.split(_affine(w, "ih", x), 3, axis=1)
        h_r, h_z, h_n = np.split(_affine(w, "hh", h), 3, axis=1)
        r, z = _sigmoid(x_r + h_r), _sigmoid(x_z + h_z)
        return r, z, np.tanh(x_n + r * h_n), h_n

    def step(self, w: Weights, x: Array, state: State) -> State:
        """Return the state after a step."""
        _, z, n, _ = self._gates(w, x, state[0])
        return ((1 - z) * n + z * state[0],)

    def adjoint(
        self, w: Weights, x: Array, state: State, error: State
    ) -> tuple[dict[str, Array], Array, State]:
        """Turn the error after a step into those of weights, input and state."""
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
    r"""Long short-term memory [2]_ with a forget gate, ``c' = f c + i g``, ``h' = o tanh(c')``."""

    def _gates(self, w: Weights, x: Array, h: Array) -> tuple[Array, Array, Array, Array]:
        i, f, g, o = np.split(_affine(w, "ih", x) + _affine(w, "hh", h), 4, axis=1)
        return _sigmoid(i), _sigmoid(f), np.tanh(g), _sigmoid(o)

    def step(self, w: Weights, x: Array, state: State) -> State:
        """Return the state after a step: output and cell."""
        i, f, g, o = self._gates(w, x, state[0])
        c = f * state[1] + i * g
        return o * np.tanh(c), c

    def adjoint(
        self, w: Weights, x: Array, state: State, error: State
    ) -> tuple[dict[str, Array], Array, State]:
        """Turn the error after a step into those of weights, input and state."""
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


def run(
    cell: Cell,
    weights: Weights,
    inputs: ArrayLike,
    state: State,
    *,
    resets: ArrayLike | None = None,
) -> list[State]:
    """Run a cell over a sequence.

    Parameters
    ----------
    cell : Cell
        ``RNN()``, ``GRU()``, ``LSTM()`` or one of your own.
    weights : mapping of str to ndarray
        See the module.
    inputs : array_like, shape (steps, batch, features)
        The inputs, time-major.
    state : tuple of ndarray, each (batch, hidden)
        The state before the first step.
    resets : array_like of bool, shape (steps, batch), optional
        Where True, the row's state is zero before the step.

    Returns
    -------
    list of tuple of ndarray
        ``steps + 1`` states: before each step, as the step uses it, and after the last.

    Raises
    ------
    TypeError, ValueError
        If an array does not hold numbers, or shapes do not fit.
    """
    x, begins = _checked(inputs, state, resets)
    before: list[State] = []
    for t in range(len(x)):
        state = tuple(np.where(begins[t][:, None], 0.0, part) for part in state)
        before.append(state)
        state = cell.step(weights, x[t], state)
    return [*before, state]


def gradients(
    cell: Cell,
    weights: Weights,
    inputs: ArrayLike,
    state: State,
    errors: ArrayLike,
    truncation: Truncation,
    *,
    resets: ArrayLike | None = None,
) -> Gradients:
    """Sum, over all losses, each loss's gradient through the steps that it reaches.

    Parameters
    ----------
    cell, weights, inputs, state, resets
        As for :func:`run`. No gradient crosses a reset.
    errors : array_like, shape (steps, batch, hidden)
        Derivative of the loss by each step's output.
    truncation : Truncation
        Which error reaches which step.

    Returns
    -------
    Gradients
        Of weights and inputs.

    Raises
    ------
    TypeError, ValueError
        If an array does not hold numbers, or shapes do not fit.
    """
    x, begins = _checked(inputs, state, resets)
    out = numeric_array("errors", errors, min_ndim=3).astype(np.float64)
    if out.shape != (*x.shape[:2], state[0].shape[1]):
        raise ValueError(
            f"errors must be (steps, batch, hidden) = {(*x.shape[:2], state[0].shape[1])}, got "
            f"{out.shape}: the derivative of the loss by each step's output."
        )
    states = run(cell, weights, x, state, resets=begins)
    reach = truncation.reach(len(x))
    grads = {name: np.zeros_like(weight, dtype=np.float64) for name, weight in weights.items()}
    d_inputs = np.zeros_like(x)
    for t in range(len(x)):
        error: State = (out[t], *(np.zeros_like(part) for part in state[1:]))
        for s in np.flatnonzero(reach[t])[::-1]:
            shares, d_x, error = cell.adjoint(weights, x[s], states[s], error)
            for name, share in shares.items():
                grads[name] += share
            d_inputs[s] += d_x
            error = tuple(np.where(begins[s][:, None], 0.0, part) for part in error)
    return Gradients(grads, d_inputs)


def _checked(
    inputs: ArrayLike, state: State, resets: ArrayLike | None
) -> tuple[Array, NDArray[np.bool_]]:
    x = numeric_array("inputs", inputs, min_ndim=3).astype(np.float64)
    if not isinstance(state, tuple) or any(len(part) != x.shape[1] for part in state):
        raise ValueError(
            f"state must be a tuple of (batch, hidden) arrays with batch {x.shape[1]}, the second "
            "axis of inputs (steps, batch, features)."
        )
    if resets is None:
        return x, np.zeros(x.shape[:2], dtype=bool)
    begins = np.asarray(resets)
    if begins.shape != x.shape[:2] or begins.dtype != bool:
        raise ValueError(
            f"resets must be bool (steps, batch) = {x.shape[:2]}, got {begins.dtype} "
            f"{begins.shape}."
        )
    return x, begins


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
