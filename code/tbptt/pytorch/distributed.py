"""Where DistributedDataParallel would leave a gradient as it is, without a word.

It averages gradients in the backward pass that follows a forward call of its own. An engine calls
the cell, goes back over trials of its own, and makes that backward pass itself: with the wrapped
module as its cell, all of it comes in this order. In two other ways it does not.
"""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn.parallel import DistributedDataParallel


def check_averaged(cell: Any) -> None:
    """Refuse a call whose gradients DistributedDataParallel would not average.

    Raises
    ------
    RuntimeError
        If its forward is running: it averages from the end of the first one on.
    ValueError
        If it takes the graph of its first backward pass, here a trial, for that of all.
    """
    # Private, and there is no public way to ask; tests/tbptt/test_canaries.py looks at it.
    if getattr(DistributedDataParallel, "_active_ddp_module", None) is not None:
        raise RuntimeError(
            "An engine was called inside the forward of a DistributedDataParallel, which does not "
            "average what is sent back there, and replicas would go apart. Wrap the cell, or a "
            "module whose forward is one step of it, and pass that as the cell, outside: "
            "backward(ddp, loss_fn, ...)."
        )
    modules = cell.modules() if isinstance(cell, nn.Module) else ()
    if any(isinstance(part, DistributedDataParallel) and part.static_graph for part in modules):
        raise ValueError(
            "cell is a DistributedDataParallel with static_graph=True, which takes a trial of the "
            "engine for the backward pass and averages nothing. Leave static_graph out."
        )
