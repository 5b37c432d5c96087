"""A sensible call of every public function, by its full name: what odd arguments are put into."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

Draw = Callable[[Any], Any]
Recipe = Callable[[Draw], dict[str, Any]]
RECIPES: dict[str, Recipe] = {}


def recipe(name: str) -> Callable[[Recipe], Recipe]:
    """Keep a recipe under the full name of what it calls."""

    def keep(function: Recipe) -> Recipe:
        RECIPES[name] = function
        return function

    return keep


def size(draw: Draw, most: int = 6, least: int = 1) -> int:
    """Draw a small number."""
    return int(draw(st.integers(least, most)))


def numbers(*shape: int) -> np.ndarray:
    """Return numbers that differ, none of them large."""
    return np.sin(1 + np.arange(float(np.prod(shape)))).reshape(shape)
