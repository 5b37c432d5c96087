"""Do the inputs go on where a state is carried? What their values tell of it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch

from tbptt.pytorch.watching.passes import Call

# How much larger a jump of the inputs at borders is than inside windows, where rows do not go on.
_JUMP, _SAMPLES = 3.0, 16


def jump(carried: list[Call], moves: list[float]) -> float | None:
    """Return how much further inputs jump at borders than inside windows, if that is far."""
    pairs = [
        # Rows that begin again, as an episode does, may begin anywhere.
        (call.begins[call.row_flags()[0]], call.before[call.row_flags()[0]])
        for call in carried
        if call.begins is not None and call.before is not None
        and call.begins.is_floating_point() and call.begins.shape == call.before.shape
    ]  # fmt: skip
    if not moves or sum(len(begins) for begins, _ in pairs) < _SAMPLES:
        return None
    begins, before = (torch.cat(parts) for parts in zip(*pairs, strict=True))
    across, within = float((begins - before).abs().mean()), float(np.mean(moves))
    spread = float((begins - begins.roll(len(begins) // 2, 0)).abs().mean())
    far = 0 < _JUMP * within < across and across > 0.5 * spread
    return across / within if far else None


def other_successors(carried: list[Call]) -> str:
    """Say if the same past was followed by one window, and later by another.

    In a series of few words the same past has many successors anyway: then it has them inside
    windows too, and this says nothing.
    """
    known = [(call.past, call.begins) for call in carried if call.past is not None]
    within = _conflicts((past[:, :-1], past[:, -1]) for past, _ in known)
    across = _conflicts((past[:, 1:], begins) for past, begins in known if begins is not None)
    others, repeated = sum(across.values()), len(across)
    chance = sum(within.values()) / max(len(within), 1)
    if others >= _SAMPLES and others > 0.5 * repeated and chance < 0.5 * others / repeated:
        return f"{others} of {repeated} windows were followed by another one than before"
    return ""


def _conflicts(pairs: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> dict[str, bool]:
    """Tell of every past that came again whether something else followed it then."""
    after: dict[str, str] = {}
    changed: dict[str, bool] = {}
    for pasts, nexts in pairs:
        if not pasts.shape[1]:
            continue
        for past, following in zip(pasts.flatten(1).tolist(), nexts.tolist(), strict=True):
            key, value = repr(past), repr(following)
            if key in after and len(set(past)) > 1:  # padding says nothing
                changed[key] = changed.get(key, False) or after[key] != value
            after[key] = value
    return changed
