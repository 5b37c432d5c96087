"""Cut sequences into windows, and put the windows in the order that carried state needs."""

from tbptt.windows.borders import Continuity, continuity
from tbptt.windows.cutting import Cut, DroppedStepsWarning, cut, describe_dropped
from tbptt.windows.lanes import in_lanes, stateful_batches
from tbptt.windows.ragged import RaggedBatches, ragged_batches
from tbptt.windows.slicing import forecast_windows, prepare_sequences

__all__ = [
    "Continuity",
    "Cut",
    "DroppedStepsWarning",
    "RaggedBatches",
    "continuity",
    "cut",
    "describe_dropped",
    "forecast_windows",
    "in_lanes",
    "prepare_sequences",
    "ragged_batches",
    "stateful_batches",
]
