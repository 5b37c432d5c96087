"""Truncated gradients straight from the definition, in float64 NumPy: the oracle."""

from tbptt.reference.cells import GRU, LSTM, RNN, Cell
from tbptt.reference.oracle import Gradients, gradients, run
from tbptt.reference.shares import pairs

__all__ = ["GRU", "LSTM", "RNN", "Cell", "Gradients", "gradients", "pairs", "run"]
