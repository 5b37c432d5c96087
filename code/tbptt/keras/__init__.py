"""Carried state in Keras 3: find, reset (by row, too), keep, move, guard, watch and diagnose it."""

try:
    import keras as _keras  # noqa: F401
except ImportError as error:
    raise ImportError(
        "tbptt.keras needs Keras 3 and a backend: pip install 'tbptt[tensorflow]'"
    ) from error

from tbptt._diagnosis import Diagnosis
from tbptt.keras.batches import check_batches
from tbptt.keras.callbacks import KeepState, ResetState
from tbptt.keras.diagnosis import diagnose
from tbptt.keras.resized import twin
from tbptt.keras.state import kept_state, reset_rows, restore, snapshot, stateful_layers
from tbptt.keras.watching.borders import Border
from tbptt.keras.watching.watch import Watch

__all__ = [
    "Border",
    "Diagnosis",
    "KeepState",
    "ResetState",
    "Watch",
    "check_batches",
    "diagnose",
    "kept_state",
    "reset_rows",
    "restore",
    "snapshot",
    "stateful_layers",
    "twin",
]
