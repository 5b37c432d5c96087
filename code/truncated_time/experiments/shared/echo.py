"""The setting in which several experiments learn the echo language."""

from __future__ import annotations

PERIOD, WORDS, HIDDEN, BATCH, CHUNK = 6, 2, 32, 32, 24
LEARNING_RATE, CLIP = 0.01, 1.0


def intervals(k2: int) -> dict[str, int]:
    """Return the interval of each style, for one reach."""
    return {"true": 1, "semi-epochwise": (k2 + 1) // 2, "epochwise": k2}
