"""The last steps of a stream, kept so that a window can be run again."""

from __future__ import annotations

import torch
from torch import Tensor

from tbptt._blocks import check_follows
from tbptt.pytorch.row_flags import RowFlags
from tbptt.pytorch.states import Parts


class Past:
    """The last steps of a stream: inputs, flags and the states before them."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._inputs: Tensor | None = None
        self._flags = RowFlags()
        self._states: list[Parts] = []

    def window(self, inputs: Tensor, flags: RowFlags, now: Parts) -> tuple[Tensor, RowFlags, Parts]:
        """Return inputs, flags and first state of the window that ends with a block.

        Parameters
        ----------
        inputs, flags
            The block's.
        now : tuple of Tensor, each (batch, hidden)
            The state before it.
        """
        old = min(len(self._states), self._steps + 1 - len(inputs))
        if not old or self._inputs is None:
            return inputs, flags, now
        earlier = self._inputs[-old:]
        check_follows(*((part.dtype, tuple(part.shape[1:])) for part in (inputs, earlier)))
        x, before = torch.cat([earlier, inputs]), self._flags.at(slice(-old, None))
        resets = _joined(before.resets, flags.resets, x, old, default=False)
        return (
            x,
            RowFlags(resets, _joined(before.mask, flags.mask, x, old, default=True)),
            (self._states[-old]),
        )

    def keep(self, x: Tensor, flags: RowFlags, states: list[Parts]) -> None:
        """Remember what the next window may need, and let go of the rest."""
        if self._steps:
            last = slice(-self._steps, None)
            self._inputs = x[last].clone()
            kept = flags.at(last)
            self._flags = RowFlags(
                *(None if part is None else part.clone() for part in (kept.resets, kept.mask))
            )
            self._states = states[last]


def _joined(
    before: Tensor | None, now: Tensor | None, x: Tensor, old: int, *, default: bool
) -> Tensor | None:
    """Return the flags of a window, where the first `old` steps and the others may have none."""
    if before is None and now is None:
        return None
    whole = torch.full(x.shape[:2], default, dtype=torch.bool, device=x.device)
    if before is not None:
        whole[:old] = before
    if now is not None:
        whole[old:] = now
    return whole
