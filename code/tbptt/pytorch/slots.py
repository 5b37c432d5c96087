"""A module called with other weights than its own, whatever is registered twice in it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.func import functional_call

from tbptt.pytorch.graphs import graph_of

# While a module is called its slots hold other weights: two threads must not do that at once.
_LOCK = threading.RLock()


class Slots:
    """Where the weights of a module lie: one weight may lie in several slots.

    PyTorch's own way to call a module with other weights restores a module that is registered twice
    by the second of its names, after the first has been replaced. Here each slot has one name.

    Parameters
    ----------
    module : nn.Module
        Its parameters that require a gradient now are those that calls replace.

    Attributes
    ----------
    weights : dict of str to Parameter
        Each weight once, under its first name.
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self.weights: dict[str, Tensor] = {}
        self._slots: dict[str, str] = {}
        names: dict[int, str] = {}
        with _LOCK:  # another thread may have put others there for the time of a call
            for prefix, part in module.named_modules():  # each module once
                own = part.named_parameters(prefix, recurse=False, remove_duplicate=False)
                for slot, weight in own:
                    if weight.requires_grad:
                        name = names.setdefault(id(weight), slot)
                        self.weights[name] = weight
                        self._slots[slot] = name

    def call(self, weights: Mapping[str, Tensor], *arguments: Any) -> Any:
        """Call the module with `weights`, by name, in the place of its own."""
        by_slot = {slot: weights[name] for slot, name in self._slots.items()}
        with _LOCK:
            return functional_call(self._module, by_slot, arguments, tie_weights=False)

    def strangers(self, value: Tensor, known: list[Tensor]) -> list[str]:
        """Name what a value goes back to apart from the tensors that are known.

        A weight that the module has, and did use in spite of :meth:`call`, has its name; anything
        else has its shape.
        """
        ours = {id(tensor) for tensor in known}
        names = {id(weight): name for name, weight in self.weights.items()}
        return [
            names.get(id(leaf), f"a tensor of shape {tuple(leaf.shape)}")
            for leaf in graph_of(value).leaves
            if id(leaf) not in ours
        ]
