"""Training loops in the structure of public programs, each sound, or with one fault planted.

Nothing is copied: models are tiny and data made up. What is kept is what a tool has to cope with:
which modules run in which order, where a state is kept, detached and begun, and what a loss is
made of. A loop is a generator: it yields what to hand to `watch`, and trains when it goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch

Running = Iterator[dict[str, Any]]
ROWS, UNITS = 4, 6


class Loop(NamedTuple):
    """A loop, and what is planted in it.

    Attributes
    ----------
    run : callable
        ``run(faulty)``.
    program : str
        The program whose structure it has.
    told : str
        A part of the finding that names its fault; empty where no fault is known.
    raises : bool
        Whether the fault makes PyTorch raise.
    """

    run: Callable[[bool], Running]
    program: str
    told: str = ""
    raises: bool = False


def cut(state):
    """Detach a state of one part or several."""
    return tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()


def learn(module, loss, rate=0.01):
    """Update once."""
    optimizer = torch.optim.SGD(module.parameters(), rate)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def walk(rows=ROWS, steps=60, features=2):
    """Make smooth rows, (steps, rows, features)."""
    return torch.randn(steps, rows, features).cumsum(0) / 5
