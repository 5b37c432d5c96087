"""The oracle: truncated gradients straight from the definition, in float64 NumPy.

One loss at a time: its error walks back step by step, as far as `Truncation.reach` lets it, and
leaves its share of the gradient at every step on the way [1]_. Errors share no work, and nothing is
done for speed, so that every engine can be held against it.

References
----------
.. [1] R. J. Williams and J. Peng, "An efficient gradient-based algorithm for on-line training of
   recurrent network trajectories", Neural Computation 2(4), 1990.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tbptt import _states
from tbptt._checks import numeric_array
from tbptt.reference.cells import Array, Cell, Parts, State, Weights
from tbptt.schedule import Truncation

S = TypeVar("S", bound=Array | Sequence[Array])


class Gradients(NamedTuple):
    """Gradients of a loss that adds up over steps.

    Attributes
    ----------
    weights : dict of str to ndarray
        Shaped as the weights.
    inputs : ndarray, shape (steps, batch, features)
        Of the inputs.

    Examples
    --------
    >>> import numpy as np
    >>> from tbptt import Truncation
    >>> from tbptt.reference import RNN, gradients
    >>> weights = {"weight_ih": np.eye(1), "weight_hh": 0.5 * np.eye(1),
    ...            "bias_ih": np.zeros(1), "bias_hh": np.zeros(1)}
    >>> x, state, errors = np.zeros((4, 1, 1)), (np.zeros((1, 1)),), np.ones((4, 1, 1))
    >>> grads = gradients(RNN(), weights, x, state, errors, Truncation.true(2))
    >>> grads.inputs.shape
    (4, 1, 1)
    >>> grads.weights["bias_ih"]  # four errors, three of which travel on and halve
    array([5.5])
    """

    weights: dict[str, Array]
    inputs: Array


def run(
    cell: Cell,
    weights: Weights,
    inputs: ArrayLike,
    state: S,
    *,
    resets: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> list[S]:
    """Run a cell over a sequence.

    Parameters
    ----------
    cell : Cell
        ``RNN()``, ``GRU()``, ``LSTM()`` or one of your own.
    weights : mapping of str to ndarray
        See `tbptt.reference.cells`.
    inputs : array_like, shape (steps, batch, features)
        The inputs, time-major.
    state : ndarray (batch, hidden), or tuple or list of them
        The state before the first step; its first part is the output. The cell is handed states of
        the same kind, and a tuple of one in place of an array alone.
    resets : array_like of bool, shape (steps, batch), optional
        Where True, the row's state is zero before the step.
    mask : array_like of bool, shape (steps, batch), optional
        False where the row has no step: its state waits, whatever the inputs are. The cell is
        handed the rows that have one.

    Returns
    -------
    list of states
        ``steps + 1`` of them, of the kind of `state`: before each step, as the step uses it, and
        after the last.

    Raises
    ------
    TypeError, ValueError
        If an array does not hold numbers, shapes do not fit, or a value that is used is NaN or
        infinite.

    Examples
    --------
    >>> import numpy as np
    >>> from tbptt.reference import RNN, run
    >>> weights = {"weight_ih": np.eye(1), "weight_hh": 0.5 * np.eye(1),
    ...            "bias_ih": np.zeros(1), "bias_hh": np.zeros(1)}
    >>> states = run(RNN(), weights, np.zeros((3, 2, 1)), (np.ones((2, 1)),))
    >>> len(states), states[-1][0].shape  # one more than steps
    (4, (2, 1))
    """
    x, first, begins, has = _checked(inputs, state, resets, mask)
    now, states = first, []
    for t in range(len(x)):
        now = _where(begins[t], _zeros(now), now)
        states.append(now)
        rows = has[t]
        if rows.any():
            after = cell.step(weights, x[t, rows], handed(_take(rows, now), state))
            now = _put(rows, after, now)
    return [cast("S", _states.pack(parts, state)) for parts in (*states, now)]


def gradients(
    cell: Cell,
    weights: Weights,
    inputs: ArrayLike,
    state: Array | State,
    errors: ArrayLike,
    truncation: Truncation,
    *,
    resets: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> Gradients:
    """Sum, over all losses, each loss's gradient through the steps that it reaches.

    Parameters
    ----------
    cell, weights, inputs, state, resets, mask
        As for :func:`run`. No gradient crosses a reset; steps that a row does not have make no
        error, and errors pass them unchanged.
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
        If an array does not hold numbers, shapes do not fit, or a value that is used is NaN or
        infinite.

    Examples
    --------
    >>> import numpy as np
    >>> from tbptt import Truncation
    >>> from tbptt.reference import RNN, gradients
    >>> weights = {"weight_ih": np.eye(1), "weight_hh": 0.5 * np.eye(1),
    ...            "bias_ih": np.zeros(1), "bias_hh": np.zeros(1)}
    >>> x, state, errors = np.zeros((5, 1, 1)), (np.zeros((1, 1)),), np.zeros((5, 1, 1))
    >>> errors[-1] = 1  # one loss, at the last step: its error halves with each step back
    >>> gradients(RNN(), weights, x, state, errors, Truncation.true(3)).inputs.ravel()
    array([0.  , 0.  , 0.25, 0.5 , 1.  ])
    """
    x, first, begins, has = _checked(inputs, state, resets, mask)
    out = numeric_array("errors", errors, min_ndim=3).astype(np.float64)
    if out.shape != (*x.shape[:2], first[0].shape[1]):
        raise ValueError(
            f"errors must be (steps, batch, hidden) = {(*x.shape[:2], first[0].shape[1])}, got "
            f"{out.shape}: the derivative of the loss by each step's output."
        )
    check_finite("errors", out[has])
    states = run(cell, weights, x, state, resets=begins, mask=has)
    reach = truncation.reach(len(x))
    grads = {name: np.zeros_like(weight, dtype=np.float64) for name, weight in weights.items()}
    d_inputs = np.zeros_like(x)
    for t in range(len(x)):
        error = _where(has[t], (out[t], *_zeros(first[1:])), _zeros(first))
        for s in np.flatnonzero(reach[t])[::-1]:
            rows = has[s]  # the others have no step, whatever stands there: errors pass it
            if rows.any():
                used = handed(_take(rows, _states.flatten(states[s])), state)
                arriving = handed(_take(rows, error), state)
                shares, d_x, back = cell.adjoint(weights, x[s, rows], used, arriving)
                for name, share in shares.items():
                    grads[name] += share
                d_inputs[s, rows] += d_x
                error = _put(rows, back, error)
            error = _where(begins[s], _zeros(first), error)
    return Gradients(grads, d_inputs)


def handed(parts: Parts, like: Array | State) -> State:
    """Return parts as a cell is handed them: of the kind of `like`, or a tuple of one."""
    return cast("State", _states.pack(parts, like)) if isinstance(like, tuple | list) else parts


def _checked(
    inputs: ArrayLike, state: Any, resets: ArrayLike | None, mask: ArrayLike | None
) -> tuple[Array, Parts, NDArray[np.bool_], NDArray[np.bool_]]:
    x = numeric_array("inputs", inputs, min_ndim=3).astype(np.float64)
    parts = _states.flatten(state)
    if not parts or any(np.ndim(part) != 2 or len(part) != x.shape[1] for part in parts):
        raise ValueError(
            f"state must be one or several (batch, hidden) arrays with batch {x.shape[1]}, the "
            f"second axis of inputs (steps, batch, features); got {[np.shape(p) for p in parts]}."
        )
    flags = []
    for name, given, default in (("resets", resets, False), ("mask", mask, True)):
        flag = np.full(x.shape[:2], default) if given is None else np.asarray(given)
        if flag.shape != x.shape[:2] or flag.dtype != bool:
            raise ValueError(
                f"{name} must be bool (steps, batch) = {x.shape[:2]}, got {flag.dtype} "
                f"{flag.shape}."
            )
        flags.append(flag)
    begins, has = flags
    check_finite("inputs", x[has])
    first = tuple(numeric_array("state", part, min_ndim=2).astype(np.float64) for part in parts)
    for part in first:
        check_finite("state", part)
    return x, first, begins, has


def check_finite(name: str, values: Array) -> None:
    """Refuse NaN and infinity in the words of the engines."""
    if not np.isfinite(values).all():
        raise ValueError(f"{name} must be finite, but NaN or infinity is among the values.")


def _take(rows: NDArray[np.bool_], parts: State) -> Parts:
    return tuple(part[rows] for part in parts)


def _put(rows: NDArray[np.bool_], values: State, parts: State) -> Parts:
    changed = tuple(part.copy() for part in parts)
    for part, value in zip(changed, values, strict=True):
        part[rows] = value
    return changed


def _where(rows: NDArray[np.bool_], yes: State, no: State) -> Parts:
    return tuple(np.where(rows[:, None], a, b) for a, b in zip(yes, no, strict=True))


def _zeros(state: State) -> Parts:
    return tuple(np.zeros_like(part) for part in state)
