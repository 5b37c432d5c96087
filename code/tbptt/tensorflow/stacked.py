"""A stack of cells by hand: the adjoints of its layers, tied together at every step.

Inside a step a layer's output is the input of the layer above it. So the error of an input of one
layer belongs to the state, after the same step, of the layer below::

    dh'[below] += da K^T         from the layer above, at the same step and lag

and then goes on from there as every other error of that state does. That is one more product a gate
and a lag for each layer but the lowest. The weights see sums over lags, as in a single cell: errors
go back through a step by a linear map, so that in `finish` the layers may be tied once, by the
summed errors of inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import tensorflow as tf

from tbptt.tensorflow.checks import Parts, Tensor
from tbptt.tensorflow.step_by_hand import Kind, StepByHand, with_output


class Stacked(StepByHand):
    """Of a ``keras.layers.StackedRNNCells``, whose state has the lowest layer first.

    Parameters
    ----------
    kinds : sequence of callable
        What goes through its cells by hand, the lowest first.
    cell : keras.layers.StackedRNNCells
        The stack.
    x, used
        Inputs and states of all steps, ``(rows, size)``.
    """

    def __init__(self, kinds: Sequence[Kind], cell: Any, x: Tensor, used: Parts) -> None:
        sizes = [len(tf.nest.flatten(own.state_size)) for own in cell.cells]
        ends = np.cumsum([0, *sizes])
        self._parts = [slice(*ends_of_one) for ends_of_one in pairwise(ends)]
        self._layers: list[StepByHand] = []
        for kind, own, parts in zip(kinds, cell.cells, self._parts, strict=True):
            layer = kind(own, x, used[parts])
            self._layers.append(layer)
            x = layer.after[layer.output]
        self.after = tuple(part for layer in self._layers for part in layer.after)
        self.output = int(ends[-2]) + self._layers[-1].output
        self.slopes = tuple(slope for layer in self._layers for slope in layer.slopes)

    def carry(self, errors: Parts, slopes: Parts) -> tuple[Parts, list[Tensor]]:
        """Take errors through all layers, the top one first."""
        before: Parts = ()
        of_gates: list[Tensor] = []
        above: StepByHand | None = None
        for layer, parts in zip(reversed(self._layers), reversed(self._parts), strict=True):
            own = errors[parts]
            if above is not None:
                own = with_output(own, layer.output, above.of_input(of_gates))
            theirs, slopes = slopes[-len(layer.slopes) :], slopes[: -len(layer.slopes)]
            own, of_gates = layer.carry(own, theirs)
            before, above = own + before, layer
        return before, of_gates

    def of_input(self, of_gates: Sequence[Tensor]) -> Tensor:
        """Return the error of the lowest layer's input."""
        return self._layers[0].of_input(of_gates)

    def finish(self, errors: Parts) -> tuple[list[tuple[Any, Tensor]], Tensor]:
        """Turn sums of errors into gradients of all layers' weights, and of the lowest input."""
        of_weights: list[tuple[Any, Tensor]] = []
        of_x: Tensor | None = None
        for layer, parts in zip(reversed(self._layers), reversed(self._parts), strict=True):
            own, of_x = layer.finish(with_output(errors[parts], layer.output, of_x))
            of_weights += own
        return of_weights, of_x
