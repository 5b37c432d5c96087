"""A stack of cells by hand: the adjoints of its layers, tied together at every step.

Inside a step a layer's output is the input of the layer above it. So the error of an input of one
layer belongs to the state, after the same step, of the layer below::

    dh'[below] += da W_ih        from the layer above, at the same step and lag

and then goes on from there as every other error of that state does. All layers go back one lag
together, the top one first. That is one more product a gate and a lag for each layer but the
lowest. The weights see sums over lags, as in a single cell: errors go back through a step by a
linear map, so that in `finish` the layers may be tied once, by the summed errors of inputs.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from tbptt.pytorch.affine import HandDerived
from tbptt.pytorch.row_flags import RowFlags
from tbptt.pytorch.states import Parts, bare, by_layer


class StackedAdjoint:
    """A :class:`tbptt.pytorch.layers.StackedCell` of PyTorch's own cells.

    Parameters
    ----------
    cells : sequence of nn.RNNCell, nn.GRUCell or nn.LSTMCell
        From the lowest to the top one, all with as many parts of state.
    kinds : sequence of type
        Their adjoints.
    inputs, first, flags
        As for :func:`tbptt.pytorch.steps.run_cell`, the state from the top layer to the lowest.
    """

    divisible = True

    def __init__(
        self,
        cells: Sequence[nn.RNNCellBase],
        kinds: Sequence[type[HandDerived]],
        inputs: Tensor,
        first: Parts,
        flags: RowFlags,
    ) -> None:
        self._layers: list[HandDerived] = []  # from the top one to the lowest, as in the state
        x, lowest_first = inputs, reversed(by_layer(first, len(cells)))
        for cell, kind, state in zip(cells, kinds, lowest_first, strict=True):
            layer = kind(cell, x, state, flags, like=bare(state))
            self._layers.insert(0, layer)
            # A layer returns the error of its inputs where they require a gradient.
            x = layer.after[0].detach().requires_grad_()
        self.after = tuple(part for layer in self._layers for part in layer.after)

    def back(self, errors: Parts, at: slice) -> Parts:
        """Take errors back through steps: those of inputs are added to the errors of outputs."""
        layers = by_layer(errors, len(self._layers))
        below: list[Tensor | None] = [*(output for output, *_ in layers[1:]), None]
        return tuple(
            part
            for layer, own, output in zip(self._layers, layers, below, strict=True)
            for part in layer.back(own, at, output)
        )

    def sources(self) -> tuple[Tensor, ...]:
        """Return the inputs, and the weights from the lowest layer to the top one."""
        inputs, *weights = self._layers[-1].sources()
        for layer in reversed(self._layers[:-1]):
            weights += layer.sources()[1:]
        return inputs, *weights

    def leaves(self) -> tuple[Tensor, ...]:
        """Return none: every gradient is of a source."""
        return ()

    def finish(self, sums: Parts) -> tuple[Tensor | None, ...]:
        """Return the gradients of the sources."""
        of_weights: list[Tensor | None] = []
        of_inputs: Tensor | None = None
        sums_by_layer = by_layer(sums, len(self._layers))
        for layer, (output, *rest) in zip(self._layers, sums_by_layer, strict=True):
            whole = output if of_inputs is None else output + of_inputs
            of_inputs, *own = layer.finish((whole, *rest))
            of_weights = [*own, *of_weights]
        return of_inputs, *of_weights
