"""The most memory that a process has taken."""

from __future__ import annotations

import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def peak_kib(*, children: bool = False) -> int:
    """Ask for the peak resident size of this process, or of the largest of its ended children.

    Parameters
    ----------
    children : bool
        Ask for the children.

    Returns
    -------
    int
        In KiB.

    Raises
    ------
    RuntimeError
        On Windows, where Python has no such count.
    """
    if _STATUS.exists() and not children:
        # Linux's `getrusage` counts what the parent took when it started this process, too.
        (line,) = [row for row in _STATUS.read_text().splitlines() if row.startswith("VmHWM:")]
        return int(line.split()[1])
    try:
        import resource
    except ImportError as error:
        raise RuntimeError("Windows keeps no count of peak memory for this; use WSL.") from error
    who = resource.RUSAGE_CHILDREN if children else resource.RUSAGE_SELF
    peak = resource.getrusage(who).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak  # bytes there, KiB elsewhere
