"""Watch a training loop: ``with watch(model) as seen``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from tbptt._checks import positive_int
from tbptt.pytorch.watching import kinds
from tbptt.pytorch.watching.borders import Evidence
from tbptt.pytorch.watching.hooks import Hooks
from tbptt.pytorch.watching.ledger import Ledger
from tbptt.pytorch.watching.seen import Seen

# Where a compiled module has the one that was compiled.
_COMPILED = "_orig_mod"


@contextmanager
def watch(
    model: nn.Module, *, cell: nn.Module | None = None, last: int | None = None
) -> Iterator[Seen]:
    """Watch which error reaches which step and whose state crosses, in a loop as it stands.

    No number of the loop changes. What is not seen: errors that are passed on by hand.

    Nothing runs compiled while it is watched: in a compiled graph hooks may run, or not. What
    ``torch.compile`` made runs as it was written, so that its numbers differ by rounding.

    Parameters
    ----------
    model : nn.Module
        Holds recurrent cells (``nn.RNNCell``, ``nn.GRUCell``, ``nn.LSTMCell``) or layers
        (``nn.RNN``, ``nn.GRU``, ``nn.LSTM``), or is one.
    cell : nn.Module, optional
        A recurrent cell of your own in it, ``cell(x, state) -> state``, watched in place of these.
    last : int, optional
        Keep this many steps, so that an endless stream needs constant memory; all by default.

    Yields
    ------
    Seen
        What was seen so far.

    Raises
    ------
    TypeError
        If `model` or `cell` is no module.
    ValueError
        If there is nothing recurrent in the model, or a bidirectional layer; if `last` is below 1.

    Examples
    --------
    >>> import torch
    >>> from tbptt.pytorch import watch
    >>> lstm = torch.nn.LSTM(1, 4)
    >>> with watch(lstm) as seen:
    ...     for chunk in torch.ones(20, 2, 1).split(5):
    ...         outputs, state = lstm(chunk)  # and the last state?
    ...         outputs.sum().backward()
    >>> print(seen)
    LSTM: 20 steps in 4 calls, 4 backward passes.
    Errors reach 1 to 5 steps, 3.0 on average: epochwise truncation, Truncation(k1=5, k2=5).
    State: carried at 0 of 3 borders.
    ! Every chunk begins from zeros though its data go on where the last chunk ended (3 borders):
    what happened before a chunk is lost to it. Carry the state: keep what the last call returned,
    detached.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be an nn.Module, got {type(model).__name__}.")
    if cell is not None and not isinstance(cell, nn.Module):
        raise TypeError(
            f"cell must be an nn.Module, got {type(cell).__name__}: hooks hold on to a module."
        )
    if last is not None:
        last = positive_int("last", last)
    model = getattr(model, _COMPILED, model)  # the hooks of what was compiled run in both
    modules = {_plain(name): module for name, module in model.named_modules()}
    if cell is not None:
        cell = getattr(cell, _COMPILED, cell)
        watched = {next((name for name in modules if modules[name] is cell), "cell"): cell}
    else:
        watched = {name: each for name, each in modules.items() if kinds.is_recurrent(each)}
    if not watched:
        raise ValueError(
            f"There is no recurrent cell or layer in {type(model).__name__}. Name your own: "
            "watch(model, cell=model.my_cell), called as cell(x, state) -> state."
        )
    for name, module in watched.items():
        kinds.check(name or type(module).__name__, module)
    hooks = {n: Hooks(module, Ledger(last), Evidence()) for n, module in watched.items()}

    def around(_: nn.Module, args: tuple[Any, ...]) -> None:
        for each in hooks.values():
            if args and isinstance(args[0], Tensor):
                each.evidence.give(args[0])

    outer = [] if model in watched.values() else [model.register_forward_pre_hook(around)]
    seen = Seen(hooks)
    try:
        with torch.compiler.set_stance("force_eager"):
            yield seen
    except Exception as error:
        seen._failed = str(error)
        raise
    finally:
        for handle in outer:
            handle.remove()
        for each in hooks.values():
            each.remove()


def _plain(name: str) -> str:
    """Return the name that a module has where nothing is compiled."""
    return ".".join(part for part in name.split(".") if part != _COMPILED)
