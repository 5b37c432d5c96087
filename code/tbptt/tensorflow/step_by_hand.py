"""What going through a cell by hand has to offer, whether it is one cell or a stack of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from tbptt.tensorflow.checks import Parts, Tensor


class StepByHand(ABC):
    """One step of many rows, and its adjoint.

    Attributes
    ----------
    after : tuple of Tensor
        The states after the step.
    output : int
        Which of them the output is.
    slopes : tuple of Tensor
        What `carry` has to know of each row.
    """

    after: Parts
    output: int
    slopes: Parts

    @abstractmethod
    def carry(self, errors: Parts, slopes: Parts) -> tuple[Parts, list[Tensor]]:
        """Take errors of the states after the step to those before it.

        Also returns the errors of ``x K``, gate by gate, for `of_input`. A graph leaves out what
        nobody uses.
        """

    @abstractmethod
    def of_input(self, of_gates: Sequence[Tensor]) -> Tensor:
        """Return the error of `x` from those of ``x K``."""

    @abstractmethod
    def finish(self, errors: Parts) -> tuple[list[tuple[Any, Tensor]], Tensor]:
        """Turn sums of errors into gradients of the weights, with their variables, and of `x`."""


# Makes it of a cell: ``kind(cell, x, states)``, with all steps as rows.
Kind: TypeAlias = Callable[[Any, Tensor, Parts], StepByHand]


def with_output(parts: Parts, output: int, error: Tensor | None) -> Parts:
    """Add an error of the output, if there is one, to that of the part of the state that it is."""
    if error is None:
        return parts
    return (*parts[:output], parts[output] + error, *parts[output + 1 :])
