"""Recurrences of today, small and exact: for every PyTorch engine, and all steps at once.

Each is the core of its model alone: no projection before it, no normalisation and no gate after it,
which have no state and so do not matter here. What a model carries from chunk to chunk is in
`tbptt.carried`.
"""

from tbptt.pytorch.recurrences.attention import GatedLinearAttention
from tbptt.pytorch.recurrences.minimal import MinGRU, MinLSTM
from tbptt.pytorch.recurrences.selective import SelectiveCell

__all__ = ["GatedLinearAttention", "MinGRU", "MinLSTM", "SelectiveCell"]
