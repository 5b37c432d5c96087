"""Truncated backpropagation through time in PyTorch: any cell, any `Truncation`, exact."""

try:
    import torch as _  # noqa: F401
except ImportError as error:
    raise ImportError("tbptt.pytorch needs PyTorch: pip install 'tbptt[torch]'") from error

from tbptt._blocks import Block
from tbptt._diagnosis import Diagnosis
from tbptt.pytorch.diagnosis import diagnose
from tbptt.pytorch.engine import backward
from tbptt.pytorch.layers import StackedCell, as_cell, join_state, split_state
from tbptt.pytorch.readout import chunked_loss
from tbptt.pytorch.states import PassResult
from tbptt.pytorch.stream import online
from tbptt.pytorch.watching.seen import Border, Seen
from tbptt.pytorch.watching.watching import watch

__all__ = [
    "Block", "Border", "Diagnosis", "PassResult", "Seen", "StackedCell", "as_cell", "backward",
    "chunked_loss", "diagnose", "join_state", "online", "split_state", "watch",
]  # fmt: skip
