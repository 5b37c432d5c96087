"""A call that fails leaves everything as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


@contextmanager
def all_or_nothing(
    device: torch.device, module: Any = None, *, generator: torch.Generator | None = None
) -> Iterator[Callable[[Iterable[Tensor]], None]]:
    """Put back what was there if anything is raised: random states, buffers and gradients.

    Parameters
    ----------
    device : torch.device
        Whose random state counts, as well as the CPU's.
    module : Any
        Its buffers count where it is a module that has some.
    generator : torch.Generator, optional
        Whose state counts, too.

    Yields
    ------
    callable
        ``keep(tensors)``, to be called before anything is accumulated into their ``.grad``.
    """
    state = torch.get_rng_state()
    on_device = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    drawn = None if generator is None else generator.get_state()
    buffers = [
        (part, name, buffer, buffer.detach().clone())
        for part in (module.modules() if isinstance(module, nn.Module) else ())
        for name, buffer in part.named_buffers(recurse=False)
    ]
    grads: list[tuple[Tensor, Tensor | None, Tensor | None]] = []

    def keep(tensors: Iterable[Tensor]) -> None:
        for tensor in tensors:
            grad = tensor.grad
            # A copy, because gradients accumulate in place.
            grads.append((tensor, grad, None if grad is None else grad.detach().clone()))

    try:
        yield keep
    except BaseException:
        torch.set_rng_state(state)
        if on_device is not None:
            torch.cuda.set_rng_state(on_device, device)
        if generator is not None and drawn is not None:
            generator.set_state(drawn)
        with torch.no_grad():
            for part, name, buffer, values in buffers:
                buffer.copy_(values)
                setattr(part, name, buffer)
            for tensor, grad, before in grads:
                tensor.grad = grad
                if grad is not None and before is not None:
                    grad.copy_(before)
        raise
