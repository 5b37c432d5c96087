"""Whether two ways to work out a number agree, but for rounding."""

from __future__ import annotations

import torch
from torch import Tensor

from tbptt.pytorch.states import Parts


def are_alike(parts: Parts, others: Parts, *, places: float = 1000) -> bool:
    """Say whether tensors agree, as sums in another order do.

    Parameters
    ----------
    parts, others : tuple of Tensor
        What is compared, one by one.
    places : float
        By how many last places of a tensor's largest number they may differ.
    """
    return len(parts) == len(others) and all(
        part.shape == other.shape and _is_alike(part, other, places)
        for part, other in zip(parts, others, strict=True)
    )


def trial_errors(states: Parts) -> Parts:
    """Return errors to try a step with: of all sizes up to 1, and the same every time."""
    return tuple(
        torch.linspace(-1, 1, part.numel(), dtype=part.dtype, device=part.device).view_as(part)
        for part in states
    )


def _is_alike(part: Tensor, other: Tensor, places: float) -> bool:
    if not part.numel():
        return True
    largest = torch.maximum(part.abs().max(), other.abs().max())
    # A thousand last places of bfloat16 would be more than everything.
    tolerance = min(places * _last_place(part), 0.1)
    return bool((part - other).abs().max() <= tolerance * largest)


def _last_place(values: Tensor) -> float:
    device, dtype = values.device.type, values.dtype
    if torch.is_autocast_enabled(device):
        dtype = torch.get_autocast_dtype(device)
    elif dtype == torch.float32 and device != "cpu":
        return 1e-5  # a hundredth of TensorFloat-32's, with which other devices may multiply
    return torch.finfo(dtype).eps
