"""Cells that take many steps at once, because no gate of theirs looks at the state.

Step by step such a cell is one like any other, ``cell(x, state) -> state``, which every PyTorch
engine takes. All gates of a sequence can be worked out before its first state is known, so that the
states follow from a scan or from products of matrices, in rounds that do not wait for each step.
"""

from __future__ import annotations

from typing import Generic, NamedTuple, cast

from torch import Tensor, nn

from tbptt._checks import length, lengths, row_count, shown
from tbptt.pytorch.arguments import check_tensor
from tbptt.pytorch.checks import check_flags, check_shapes
from tbptt.pytorch.row_flags import RowFlags
from tbptt.pytorch.sequences import filled
from tbptt.pytorch.states import Parts, S, pack, parts_of

__all__ = ["AtOnce", "ParallelCell"]


class AtOnce(NamedTuple, Generic[S]):
    """What many steps at once give.

    Attributes
    ----------
    outputs : Tensor, shape (steps, batch, hidden)
        The state's first part after every step.
    state : Tensor, or tuple or list of Tensor
        After the last step, of the kind that was handed in: what the next chunk begins with. It
        may be a view, which keeps all outputs in memory: a copy of it does not.

    Examples
    --------
    >>> import torch
    >>> from tbptt.pytorch.recurrences import MinGRU
    >>> cell = MinGRU(features=2, hidden=3)
    >>> outputs, state = cell.at_once(torch.zeros(9, 4, 2), cell.begin(batch=4))
    >>> outputs.shape, torch.equal(outputs[-1], state)
    (torch.Size([9, 4, 3]), True)
    """

    outputs: Tensor
    state: S


class ParallelCell(nn.Module, Generic[S]):
    """A cell with a form for whole sequences; one of your own needs ``forward`` and ``_states``.

    Parameters
    ----------
    features : int
        Width of the inputs.
    widths : tuple of int
        Width of each part of the state; the first one is the output.

    Raises
    ------
    TypeError, ValueError
        If a width is no integer of at least 1; by `begin`, if `batch` is no integer of at least 0.

    Examples
    --------
    >>> import torch
    >>> from tbptt.pytorch.diagonal import scan
    >>> from tbptt.pytorch.parallel import ParallelCell
    >>> class Leaky(ParallelCell[torch.Tensor]):
    ...     def __init__(self):
    ...         super().__init__(features=1, widths=(1,))
    ...         self.rate = torch.nn.Parameter(torch.tensor(0.5))
    ...     def forward(self, x, state):
    ...         return self.rate * state + x
    ...     def _states(self, inputs, first, flags):
    ...         rates, driven = flags.pass_by(self.rate.expand_as(inputs), inputs)
    ...         return scan(rates, driven, first[0]), ()
    >>> cell = Leaky()
    >>> cell.at_once(torch.ones(4, 1, 1), cell.begin(1)).outputs.ravel().tolist()
    [1.0, 1.5, 1.75, 1.875]
    """

    def __init__(self, features: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        (self.features,) = lengths(features=features)
        if not isinstance(widths, tuple) or not widths:
            raise TypeError(f"widths must be a tuple, one for each part, got {shown(widths)}.")
        self.widths = tuple(length(f"widths[{n}]", width) for n, width in enumerate(widths))

    def begin(self, batch: int) -> S:
        """Return a state of zeros, as at the beginning of a sequence and after a reset."""
        batch, like = row_count("batch", batch, sum(self.widths)), next(self.parameters())
        parts = tuple(like.new_zeros(batch, width) for width in self.widths)
        return cast("S", parts if len(parts) > 1 else parts[0])

    def forward(self, x: Tensor, state: S) -> S:
        """Return the state after one step."""
        raise NotImplementedError

    def _states(self, inputs: Tensor, first: Parts, flags: RowFlags) -> tuple[Tensor, Parts]:
        """Return the outputs of all steps, and the state's other parts after the last.

        Where a row has no step, its state has to wait; its output is put right by the caller.
        """
        raise NotImplementedError

    def at_once(
        self,
        inputs: Tensor,
        state: S,
        *,
        resets: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> AtOnce[S]:
        """Take all steps of a sequence, or of a chunk of one, in one go.

        Chunks one after the other, each from the state that the one before left, give what one
        call gives.

        Parameters
        ----------
        inputs : Tensor, shape (steps, batch, features)
            Time-major.
        state : Tensor (batch, width), or a tuple of them
            Before the first step; from :meth:`begin`, or from the chunk before.
        resets, mask : Tensor of bool, shape (steps, batch), optional
            As for :func:`tbptt.pytorch.backward`: where a row begins at zero, and False where it
            waits.

        Returns
        -------
        AtOnce
            ``outputs, state``, with their graph.

        Raises
        ------
        TypeError, ValueError
            If one of them is of another kind, dtype, device or shape.
        """
        first = parts_of(state)
        check_shapes(inputs, first)
        like = next(self.parameters())
        check_tensor("inputs", inputs, ("steps", "batch", self.features), like=like)
        if len(first) != len(self.widths):
            raise ValueError(
                f"state must have {len(self.widths)} parts, got {len(first)}; begin(batch) makes "
                "the first."
            )
        for place, (part, width) in enumerate(zip(first, self.widths, strict=True)):
            name = "state" if len(first) == 1 else f"state[{place}]"
            check_tensor(name, part, (inputs.shape[1], width), like=like)
        check_flags("resets", resets, inputs)
        check_flags("mask", mask, inputs)
        flags = RowFlags(resets, mask)
        outputs, others = self._states(filled(inputs, mask), first, flags)
        outputs = flags.hold(first[0], outputs)
        return AtOnce(outputs, pack((outputs[-1], *others), state))
