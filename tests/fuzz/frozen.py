"""Values as something to compare, which a call must not change, and what numbers are in them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import polars as pl


class Same:
    """Compares frames as pandas does."""

    def __init__(self, frame: Any) -> None:
        self.frame = frame

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.frame.equals(other.frame)


def frozen(value: Any, depth: int = 0, *, grads: bool = True) -> tuple[Any, ...]:
    """Return a copy to compare with a later one: its kind first, then its values.

    Without `grads`, what a backward pass adds to tensors is no change.
    """
    if depth > 6:
        return ("deep",)
    if isinstance(value, np.ma.MaskedArray):
        return ("masked", frozen(np.asarray(value.data)), np.ma.getmaskarray(value).tobytes())
    if isinstance(value, np.ndarray):
        flags = value.flags.writeable
        if value.dtype == object:
            return ("objects", value.shape, flags, tuple(map(id, value.ravel())))
        return ("array", str(value.dtype), value.shape, value.strides, flags, value.tobytes())
    if isinstance(value, pd.DataFrame | pd.Series | pd.Index):
        return ("pandas", Same(value.copy()))
    if isinstance(value, pl.DataFrame | pl.Series):
        return ("polars", value.shape, repr(value))
    torch, keras = sys.modules.get("torch"), sys.modules.get("keras")
    if torch is not None and isinstance(value, torch.Tensor):
        return _tensor(value, grads)
    if torch is not None and isinstance(value, torch.nn.Module):
        named = [*value.named_parameters(), *value.named_buffers()]
        return (
            "module",
            value.training,
            tuple((name, _tensor(each, grads)) for name, each in named),
        )
    if keras is not None and isinstance(value, keras.layers.Layer):
        return ("module", tuple(np.asarray(w.value).tobytes() for w in value.variables))
    if isinstance(value, list | tuple):
        return (type(value).__name__, *(frozen(each, depth + 1, grads=grads) for each in value))
    if isinstance(value, Mapping):
        parts = ((key, frozen(each, depth + 1, grads=grads)) for key, each in value.items())
        return ("mapping", *parts)
    return ("other", id(value))


def _tensor(tensor: Any, grads: bool) -> tuple[Any, ...]:
    has_grad = grads and tensor.is_leaf and tensor.grad is not None
    grad = _tensor(tensor.grad, grads) if has_grad else None
    kind = ("tensor", str(tensor.dtype), tuple(tensor.shape), tensor.requires_grad, grad)
    if tensor.device.type == "meta" or str(tensor.layout) != "torch.strided" or tensor.is_nested:
        return kind
    return (*kind, bytes(tensor.detach().contiguous().reshape(-1).view(dtype=_bytes()).tolist()))


def _bytes() -> Any:
    return sys.modules["torch"].uint8


def is_extreme(number: Any) -> bool:
    """Say whether a number is not finite, or so large that what follows from it may not be."""
    return not abs(number) < 1e100


def is_nan(number: Any) -> bool:
    """Say whether a number is none."""
    return bool(number != number)


def holds(value: Any, asked: Callable[[Any], bool], depth: int = 0) -> bool:
    """Say whether `asked` holds for one of the numbers in a value."""
    if depth > 6:
        return True
    if isinstance(value, list | tuple | set | frozenset):
        return any(holds(each, asked, depth + 1) for each in value)
    if isinstance(value, Mapping):
        return any(holds(each, asked, depth + 1) for each in value.values())
    if isinstance(value, str | bytes | type(None)):
        return False
    if isinstance(value, int):
        return asked(value)
    try:
        array = np.asarray(value.detach() if hasattr(value, "detach") else value)
        array = array.astype(complex if array.dtype.kind == "c" else float)
    except Exception:
        return False
    return any(asked(number) for number in array.ravel().tolist())
