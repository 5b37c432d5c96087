"""Carried state in Keras 3: find it, reset it (by row, too), keep it, move it, and guard it."""

try:
    import keras as _keras  # noqa: F401
except ImportError as error:
    raise ImportError(
        "tbptt.keras needs Keras 3 and a backend: pip install 'tbptt[tensorflow]'"
    ) from error

from tbptt.keras.batches import check_batches
from tbptt.keras.callbacks import KeepState, ResetState
from tbptt.keras.resized import twin
from tbptt.keras.state import kept_state, reset_rows, restore, snapshot, stateful_layers

__all__ = [
    "KeepState",
    "ResetState",
    "check_batches",
    "kept_state",
    "reset_rows",
    "restore",
    "snapshot",
    "stateful_layers",
    "twin",
]
