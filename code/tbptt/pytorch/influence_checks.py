"""What the methods of forward mode ask of their arguments."""

from __future__ import annotations

from typing import Any

from tbptt._checks import instance
from tbptt.pytorch.arguments import check_tensor, check_tensors
from tbptt.pytorch.jacobians import StepJacobians


def check_state(jacobians: Any, state: Any) -> None:
    """Check a cell's derivatives and a flat state for them.

    Raises
    ------
    TypeError, ValueError
        If one of them is something else, or does not fit.
    """
    instance("jacobians", jacobians, StepJacobians, "StepJacobians(cell, features, state)")
    check_tensor("state", state, ("batch", jacobians.width), like=jacobians.like)


def check_rows(rows: Any, carried: Any, others: Any, axes: tuple[tuple[str, ...], ...]) -> None:
    """Check what is chosen from, and by what.

    Parameters
    ----------
    axes : tuple of tuples of str
        Those of each tensor that is carried.

    Raises
    ------
    TypeError, ValueError
        If one of them is something else, or does not fit.
    """
    check_tensors("carried", carried, axes)
    check_tensors("others", others, [tuple(part.shape) for part in carried], like=carried[0])
    check_tensor("rows", rows, (len(carried[0]),), dtype="bool")
    if rows.device != carried[0].device:
        raise TypeError(f"rows are on {rows.device}, but carried on {carried[0].device}.")
