"""Windows, carried state and truncated backpropagation through time.

One object says how far errors travel back, ``Truncation(k1, k2)``; everything else in the
package runs it, draws it or measures it. Importing the package needs NumPy alone; the rooms
of the frameworks and of the pictures are imported by name (``tbptt.keras``,
``truncated_time.explorers``), each with the extra that it needs.
"""

from tbptt import schedule, windows
from tbptt.schedule import BackwardPass, Truncation

__all__ = ["BackwardPass", "Truncation", "schedule", "windows"]
__version__ = "0.2.0"
