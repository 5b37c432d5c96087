"""Keras's own cells by hand: adjoints that are a few products a lag.

What carries an error through a step depends on the step and not on the lag. So its coefficients are
worked out once for all steps; a lag is then a few elementwise products and a multiplication with
the recurrent kernel for each gate, and the weights see only the sum over lags, once, at the end.

Notation, for one step: `x` is its input, `h` (and `c`) the state that it uses, `h'` (and `c'`) the
state after it; `dv` is the derivative of the loss by `v`, its error. `K` is the kernel, `R` the
recurrent one, and a gate's index means its columns. Products of vectors are elementwise; `s` is the
logistic function. A gate's **slope** is the error inside its function for an error of 1 after the
step. All parts are ``(rows, size)``, where rows are those of all steps.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tbptt.tensorflow.checks import Parts, Tensor
from tbptt.tensorflow.step_by_hand import StepByHand


def _sigmoid_back(value: Tensor, error: Tensor) -> Tensor:
    """Return ``error s (1 - s)``, in one pass over memory."""
    return tf.raw_ops.SigmoidGrad(y=value, dy=error)


def _tanh_back(value: Tensor, error: Tensor) -> Tensor:
    """Return ``error (1 - t^2)``, in one pass over memory."""
    return tf.raw_ops.TanhGrad(y=value, dy=error)


class Derived(StepByHand):
    """Of one of Keras's own cells."""

    output = 0

    def __init__(self, cell: Any, x: Tensor, used: Parts) -> None:
        self._x, self._used = x, used
        self._kernel, self._recurrent = map(
            tf.convert_to_tensor, (cell.kernel, cell.recurrent_kernel)
        )
        self._bias = tf.convert_to_tensor(cell.bias) if cell.use_bias else None
        self._relu = cell.activation is keras.activations.relu
        self._weights = [cell.kernel, cell.recurrent_kernel, *([cell.bias] * cell.use_bias)]
        self._prepare()

    @abstractmethod
    def _prepare(self) -> None:
        """Work out the states after the step, and the slopes."""

    def of_input(self, of_gates: Sequence[Tensor]) -> Tensor:
        """Return the error of `x` from those of ``x K``."""
        return self._back(of_gates, self._kernel)

    def _of_maps(self, errors: Parts) -> tuple[Tensor, Tensor]:
        """Return the errors of ``x K`` and of ``h R``, the gates side by side."""
        of_maps = tf.concat(self.carry(errors, self.slopes)[1], 1)
        return of_maps, of_maps

    def finish(self, errors: Parts) -> tuple[list[tuple[Any, Tensor]], Tensor]:
        """Turn sums of errors into gradients of the weights, with their variables, and of `x`."""
        of_x, of_h = self._of_maps(errors)
        gradients = [tf.matmul(self._x, of_x, transpose_a=True), self._of_recurrent(of_h)]
        if self._bias is not None:
            gradients.append(self._of_bias(of_x, of_h))
        of_inputs = tf.matmul(of_x, self._kernel, transpose_b=True)
        return list(zip(self._weights, gradients, strict=True)), of_inputs

    def _of_recurrent(self, of_h: Tensor) -> Tensor:
        return tf.matmul(self._used[0], of_h, transpose_a=True)

    def _of_bias(self, of_x: Tensor, of_h: Tensor) -> Tensor:
        return tf.reduce_sum(of_x, 0)

    def _plus(self, mapped: Tensor, bias: Tensor | None) -> Tensor:
        return mapped if bias is None else mapped + bias

    def _back(
        self, errors: Sequence[Tensor], weights: Tensor, gates: slice = slice(None)
    ) -> Tensor:
        """Return the sum over gates of ``error W^T``, gate by gate: no gates are put together."""
        kernels = tf.split(tf.transpose(weights), self.gates, 0)[gates]
        total, *others = (e @ kernel for e, kernel in zip(errors, kernels, strict=True))
        for product in others:
            total += product
        return total

    gates = 1


class SimpleRNN(Derived):
    """``h' = f(x K + b + h R)``, where `f` is tanh or relu, whose slope is known from its value.

    So ``da = dh' f'(a)`` and ``dh = da R^T``.
    """

    def _prepare(self) -> None:
        inside = self._plus(self._x @ self._kernel, self._bias) + self._used[0] @ self._recurrent
        h = tf.nn.relu(inside) if self._relu else tf.tanh(inside)
        self.after = (h,)
        self.slopes = (tf.cast(h > 0, h.dtype) if self._relu else 1 - h * h,)

    def carry(self, errors: Parts, slopes: Parts) -> tuple[Parts, list[Tensor]]:
        """Return ``dh``."""
        of_gates = [errors[0] * slopes[0]]
        return (self._back(of_gates, self._recurrent),), of_gates


class GRU(Derived):
    """Update gate `z`, reset gate `r` and candidate `n`, reset after the product with `R`.

    Forward::

        z = s(x K_z + b_z + h R_z + e_z)
        r = s(x K_r + b_r + h R_r + e_r)
        m = h R_n + e_n
        n = tanh(x K_n + b_n + r m)
        h' = z h + (1 - z) n

    Back, where `da_z`, `da_r` and `da_n` are the errors inside the three functions::

        da_n = dh' (1 - z) (1 - n^2)
        da_z = dh' (h - n) z (1 - z)
        da_r = da_n m r (1 - r)
        dh   = da_z R_z^T + da_r R_r^T + (da_n r) R_n^T + dh' z
    """

    gates = 3

    def _prepare(self) -> None:
        (h,) = self._used
        own, other = (None, None) if self._bias is None else tf.unstack(self._bias)
        x_z, x_r, x_n = tf.split(self._plus(self._x @ self._kernel, own), 3, 1)
        h_z, h_r, m = tf.split(self._plus(h @ self._recurrent, other), 3, 1)
        z, r = tf.sigmoid(x_z + h_z), tf.sigmoid(x_r + h_r)
        n = tf.tanh(x_n + r * m)
        self.after = (z * h + (1 - z) * n,)
        new = _tanh_back(n, 1 - z)
        self.slopes = (
            z, _sigmoid_back(z, h - n), _sigmoid_back(r, new * m), new, new * r
        )  # fmt: skip

    def carry(self, errors: Parts, slopes: Parts) -> tuple[Parts, list[Tensor]]:
        """Return ``dh``: through the gates, and past them by what is kept."""
        (error,), (keep, update, reset, new, new_of_h) = errors, slopes
        of_gates = [error * update, error * reset]
        before = self._back([*of_gates, error * new_of_h], self._recurrent) + error * keep
        return (before,), [*of_gates, error * new]

    def _of_maps(self, errors: Parts) -> tuple[Tensor, Tensor]:
        *of_gates, of_new = self.carry(errors, self.slopes)[1]
        of_m = errors[0] * self.slopes[-1]
        return tf.concat([*of_gates, of_new], 1), tf.concat([*of_gates, of_m], 1)

    def _of_bias(self, of_x: Tensor, of_h: Tensor) -> Tensor:
        return tf.stack([tf.reduce_sum(of_x, 0), tf.reduce_sum(of_h, 0)])


class OldGRU(Derived):
    """The same with the reset before the product, as first published.

    Forward, where `q` takes the place of `m`::

        q = r h
        n = tanh(x K_n + b_n + q R_n)

    Back::

        dq   = da_n R_n^T
        da_r = dq h r (1 - r)
        dh   = da_z R_z^T + da_r R_r^T + dq r + dh' z
    """

    gates = 3

    def _prepare(self) -> None:
        (h,), size = self._used, self._used[0].shape[1]
        x_z, x_r, x_n = tf.split(self._plus(self._x @ self._kernel, self._bias), 3, 1)
        h_z, h_r = tf.split(h @ self._recurrent[:, : 2 * size], 2, 1)
        z, r = tf.sigmoid(x_z + h_z), tf.sigmoid(x_r + h_r)
        self._reset = r * h
        n = tf.tanh(x_n + self._reset @ self._recurrent[:, 2 * size :])
        self.after = (z * h + (1 - z) * n,)
        self.slopes = (
            z, _sigmoid_back(z, h - n), _sigmoid_back(r, h), _tanh_back(n, 1 - z), r
        )  # fmt: skip

    def carry(self, errors: Parts, slopes: Parts) -> tuple[Parts, list[Tensor]]:
        """Return ``dh``: the reset gate's error is known once the candidate's has come back."""
        (error,), (keep, update, reset, new, r) = errors, slopes
        of_n = error * new
        of_q = self._back([of_n], self._recurrent, slice(2, None))
        of_gates = [error * update, of_q * reset]
        before = self._back(of_gates, self._recurrent, slice(2))
        return (before + of_q * r + error * keep,), [*of_gates, of_n]

    def _of_recurrent(self, of_h: Tensor) -> Tensor:
        of_z, of_r, of_n = tf.split(of_h, 3, 1)
        of_gates = tf.matmul(self._used[0], tf.concat([of_z, of_r], 1), transpose_a=True)
        return tf.concat([of_gates, tf.matmul(self._reset, of_n, transpose_a=True)], 1)


class LSTM(Derived):
    """Input gate `i`, forget gate `f`, candidate `g` and output gate `o`.

    Forward, where each gate's `a` is ``x K + b + h R`` in its columns::

        i, f, o = s(a_i), s(a_f), s(a_o)
        g  = tanh(a_g)
        c' = f c + i g
        t  = tanh(c')
        h' = o t

    Back, where ``dc`` after the first line is the whole error of `c'`::

        dc   = dc' + dh' o (1 - t^2)
        da_i = dc g i (1 - i)
        da_f = dc c f (1 - f)
        da_g = dc i (1 - g^2)
        da_o = dh' t o (1 - o)
        dh   = da_i R_i^T + da_f R_f^T + da_g R_g^T + da_o R_o^T
        dc   = dc f
    """

    gates = 4

    def _prepare(self) -> None:
        h, c = self._used
        inside = self._plus(self._x @ self._kernel + h @ self._recurrent, self._bias)
        a_i, a_f, a_g, a_o = tf.split(inside, 4, 1)
        i, f, g, o = tf.sigmoid(a_i), tf.sigmoid(a_f), tf.tanh(a_g), tf.sigmoid(a_o)
        after = f * c + i * g
        t = tf.tanh(after)
        self.after = o * t, after
        self.slopes = (
            f, _tanh_back(t, o), _sigmoid_back(i, g), _sigmoid_back(f, c), _tanh_back(g, i),
            _sigmoid_back(o, t),
        )  # fmt: skip

    def carry(self, errors: Parts, slopes: Parts) -> tuple[Parts, list[Tensor]]:
        """Return ``dh, dc``: through the four gates, and past them by the forget gate."""
        (output, cell), (keep, into_cell, *gates, last) = errors, slopes
        cell += output * into_cell  # the whole error of c'
        of_gates = [*(cell * slope for slope in gates), output * last]
        return (self._back(of_gates, self._recurrent), cell * keep), of_gates
