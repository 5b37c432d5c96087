"""The gradient taken apart: the share of every pair of an error and a step that it may reach.

Full backpropagation adds all shares up, a truncation adds those of `Truncation.reach`, and random
lengths weigh them by chance [1]_. So one array answers what each of them does to the gradient.

References
----------
.. [1] C. Tallec and Y. Ollivier, "Unbiasing truncated backpropagation through time", 2017,
   arXiv:1705.08209.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tbptt import _states
from tbptt._checks import numeric_array
from tbptt.reference.cells import Array, Cell, Parts, State, Weights
from tbptt.reference.oracle import check_finite, handed, run


def pairs(
    cell: Cell, weights: Weights, inputs: ArrayLike, state: Array | State, errors: ArrayLike
) -> Array:
    """Return the gradient of each step's loss by the weights as each step used them.

    Parameters
    ----------
    cell, weights, inputs, state, errors
        As for :func:`tbptt.reference.gradients`.

    Returns
    -------
    ndarray, shape (steps, steps, weights)
        Entry ``[t, s]`` is the share of the error at `t` and the weights at `s`, zero for
        ``s > t``; the last axis holds the weights one after the other, flattened, in their order.
        With ``w = reach(steps)``, ``np.einsum("ts,tsn->n", w, pairs)`` is the truncated gradient.

    Raises
    ------
    TypeError, ValueError
        If an array does not hold numbers, shapes do not fit, or a value is NaN or infinite.

    Examples
    --------
    >>> import numpy as np
    >>> from tbptt.reference import RNN, pairs
    >>> weights = {"weight_ih": np.eye(1), "weight_hh": 0.5 * np.eye(1),
    ...            "bias_ih": np.zeros(1), "bias_hh": np.zeros(1)}
    >>> x, state, errors = np.zeros((4, 1, 1)), (np.zeros((1, 1)),), np.ones((4, 1, 1))
    >>> shares = pairs(RNN(), weights, x, state, errors)
    >>> shares[:, :, -1]  # by bias_hh: a row an error, halved with each step back
    array([[1.   , 0.   , 0.   , 0.   ],
           [0.5  , 1.   , 0.   , 0.   ],
           [0.25 , 0.5  , 1.   , 0.   ],
           [0.125, 0.25 , 0.5  , 1.   ]])
    """
    first = _states.flatten(state)
    states = run(cell, weights, inputs, state)
    x = np.asarray(inputs, dtype=np.float64)
    out = numeric_array("errors", errors, min_ndim=3).astype(np.float64)
    if out.shape != (*x.shape[:2], first[0].shape[1]):
        raise ValueError(
            f"errors must be (steps, batch, hidden) = {(*x.shape[:2], first[0].shape[1])}, got "
            f"{out.shape}: the derivative of the loss by each step's output."
        )
    check_finite("errors", out)
    steps, size = len(x), sum(np.size(weight) for weight in weights.values())
    gradient = np.zeros((steps, steps, size))
    for t in range(steps):
        error: Parts = (out[t], *(np.zeros_like(part) for part in first[1:]))
        for s in range(t, -1, -1):
            used = handed(_states.flatten(states[s]), state)
            shares, _, error = cell.adjoint(weights, x[s], used, handed(error, state))
            gradient[t, s] = np.concatenate([shares[name].ravel() for name in weights])
    return gradient
