"""Cut sequences into windows, and put the windows in the order that carried state needs."""

from tbptt.windows.borders import Continuity, continuity
from tbptt.windows.cutting import Cut, DroppedStepsWarning, cut, describe_dropped
from tbptt.windows.datasets import WindowBatch, WindowDataset
from tbptt.windows.gaps import Segments, segments
from tbptt.windows.lanes import in_lanes, stateful_batches
from tbptt.windows.placing import PlacedWindows, place_windows
from tbptt.windows.ragged import RaggedBatches, ragged_batches
from tbptt.windows.slicing import forecast_windows, prepare_sequences

__all__ = [
    "Continuity",
    "Cut",
    "DroppedStepsWarning",
    "PlacedWindows",
    "RaggedBatches",
    "Segments",
    "WindowBatch",
    "WindowDataset",
    "continuity",
    "cut",
    "describe_dropped",
    "forecast_windows",
    "in_lanes",
    "place_windows",
    "prepare_sequences",
    "ragged_batches",
    "segments",
    "stateful_batches",
]
