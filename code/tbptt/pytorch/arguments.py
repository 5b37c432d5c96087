"""Tensors that small functions are handed: of the shape that they need, or an error in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from tbptt._checks import shown


def check_tensor(
    name: str,
    values: Any,
    axes: Sequence[int | str],
    *,
    like: Tensor | None = None,
    dtype: str = "floating-point",
) -> None:
    """Check a tensor by its axes.

    Parameters
    ----------
    axes : sequence of int or str
        For each axis its length, or a name where any will do.
    like : Tensor, optional
        Whose dtype and device it has to have.
    dtype : "floating-point", "complex" or "bool"
        What it holds; a complex one may be real.

    Raises
    ------
    TypeError
        If it is no dense Tensor of the dtype, or not on the device.
    ValueError
        If its shape is another.
    """
    words = f"({', '.join(map(str, axes))}{',' if len(axes) == 1 else ''})"
    if not isinstance(values, Tensor) or not _holds(values, dtype):
        seen = values.dtype if isinstance(values, Tensor) else shown(values)
        raise TypeError(f"{name} must be a {dtype} Tensor {words}, got {seen}.")
    if values.is_nested or values.layout != torch.strided:
        raise TypeError(f"{name} must be a dense Tensor {words}, got a sparse or nested one.")
    lengths = zip(values.shape, axes, strict=False)
    if values.ndim != len(axes) or any(
        length != axis for length, axis in lengths if isinstance(axis, int)
    ):
        raise ValueError(f"{name} must be {words}, got shape {tuple(values.shape)}.")
    if like is None:
        return
    # Under autocast dtypes may differ, which is what it is for.
    if values.device != like.device or (
        values.dtype != like.dtype and not torch.is_autocast_enabled(like.device.type)
    ):
        raise TypeError(
            f"{name} is {values.dtype} on {values.device}, where {like.dtype} on {like.device} is "
            "needed: bring all to one dtype and device."
        )


def check_tensors(
    name: str, values: Any, axes: Sequence[Sequence[int | str]], *, like: Tensor | None = None
) -> None:
    """Check a tuple of tensors, in which an axis of one name has one length.

    Raises
    ------
    TypeError, ValueError
        If it is no tuple of so many, or one of them does not fit.
    """
    if not isinstance(values, tuple) or len(values) != len(axes):
        size = f" of {len(values)}" if isinstance(values, tuple) else ""
        raise TypeError(
            f"{name} must be a tuple of {len(axes)} Tensors, got {type(values).__name__}{size}."
        )
    known: dict[int | str, int] = {}
    for place, (part, named) in enumerate(zip(values, axes, strict=True)):
        wanted = [known.get(axis, axis) for axis in named]
        check_tensor(f"{name}[{place}]", part, wanted, like=values[0] if place else like)
        known |= dict(zip(named, part.shape, strict=True))


def _holds(values: Tensor, dtype: str) -> bool:
    if dtype == "bool":
        return values.dtype == torch.bool
    return values.is_floating_point() or (dtype == "complex" and values.is_complex())
