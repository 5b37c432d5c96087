"""Which process reads which windows, and whether its rows go on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tbptt.drawing import Drawing
from tbptt.windows import stateful_batches
from truncated_time.figures.lanes import continued, draw_batches

LANES, WINDOWS = 6, 6
DEALINGS = ("lanes for each process", "every so-many-th window", "every so-many-th batch")


def batches_of_processes(dealing: str, processes: int) -> NDArray[np.int64]:
    """Return which window each row of each process holds, batch by batch.

    Six sequences have six windows each, numbered one sequence after the other, and one process
    reads them in lanes: six rows. Rows of the processes lie next to one another.

    Parameters
    ----------
    dealing : str
        One of `DEALINGS`. By windows each process keeps six rows, as a sampler does under a
        loader whose batch size was left as it was; so it does by batches.
    processes : int
        How many there are: 1, 2 or 3.

    Returns
    -------
    ndarray of int, shape (n_batches, rows of all processes)
    """
    laid, _ = stateful_batches(LANES, WINDOWS, LANES)  # (n_batches, rows), for one process
    if dealing == DEALINGS[0]:
        return laid
    if dealing == DEALINGS[1]:
        shares = [laid.ravel()[rank::processes] for rank in range(processes)]
    elif dealing == DEALINGS[2]:
        shares = [laid[rank::processes].ravel() for rank in range(processes)]
    else:
        raise ValueError(f"dealing must be one of {', '.join(DEALINGS)}, got {dealing!r}.")
    return np.concatenate([share.reshape(-1, LANES) for share in shares], axis=1)


def rows_of_processes(dealing: str, processes: int) -> str:
    """Draw the rows of all processes: what each holds, and whether it continues the row before.

    Parameters
    ----------
    dealing : str
        How windows reach the processes: one of three.
    processes : int
        How many there are: 1, 2 or 3.

    Returns
    -------
    str
        An SVG, with its message as the title. The colours are those of `batch_lanes`.

    Raises
    ------
    ValueError
        If there is no such dealing.

    Examples
    --------
    >>> import re
    >>> from truncated_time.figures import rows_of_processes
    >>> for dealing in ("lanes for each process", "every so-many-th batch"):
    ...     print(re.search("<title>(.*)</title>", rows_of_processes(dealing, 2))[1])
    lanes for each process, 2. 30 of 30 later windows get their own state; 2 processes,
    3 rows each; six windows of six sequences, A to F.
    every so-many-th batch, 2. 0 of 30 later windows get their own state; 2 processes,
    6 rows each; six windows of six sequences, A to F.
    """
    dealt = batches_of_processes(dealing, processes)
    wanted = int((dealt % WINDOWS > 0).sum())
    right = int(continued(dealt, WINDOWS).sum())
    each = dealt.shape[1] // processes
    headline = f"{right} of {wanted} later windows get their own state"
    plural = "es" if processes > 1 else ""
    detail = f"{processes} process{plural}, {each} rows each; six windows of six sequences, A to F"
    drawing = Drawing(
        360, 86 + 20 * dealt.shape[1], f"{dealing}, {processes}. {headline}; {detail}."
    )
    drawing.heading(headline, detail)
    names = [f"{rank}: {row}" for rank in range(processes) for row in range(each)]
    draw_batches(drawing, dealt, WINDOWS, names)
    return str(drawing)
