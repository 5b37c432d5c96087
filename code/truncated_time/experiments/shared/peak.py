"""The most memory that a process has taken."""

from __future__ import annotations

import sys


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
    try:
        import resource
    except ImportError as error:
        raise RuntimeError("Windows keeps no count of peak memory for this; use WSL.") from error
    who = resource.RUSAGE_CHILDREN if children else resource.RUSAGE_SELF
    peak = resource.getrusage(who).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak  # bytes there, KiB elsewhere
