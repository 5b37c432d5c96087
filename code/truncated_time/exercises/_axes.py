"""Where time runs: shapes counted, windows followed from end to beginning."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from truncated_time.exercises._form import (
    array,
    function,
    integers,
    numbers,
    pair,
    require,
)


def _input_shape(answer: Any) -> None:
    """Cut 40 recordings of 30 s at 50 Hz, each by itself, and count."""
    samples, steps, features = numbers(answer, ("samples", "steps", "features"))
    recordings, rows, channels, length, stride = 40, 30 * 50, 6, 2 * 50, 50
    each = len(range(0, rows - length + 1, stride))
    joined = len(range(0, recordings * rows - length + 1, stride))
    require(steps != 2, "Two seconds are not two steps: how many rows does a second have?")
    require(
        (steps, features) != (channels, length),
        "Steps come before features: a step is a moment, and six numbers are measured at each.",
    )
    require(steps == length, "How many rows are two seconds, at 50 rows a second?")
    require(features == channels, "Features are the numbers that are measured at one moment.")
    require(
        samples != joined,
        "Laid in one row, some windows run from one recording into the next. Cut each by itself.",
    )
    require(
        samples != recordings * rows // length,
        "That is end to end. With half a window's overlap, windows begin every 50 rows.",
    )
    require(
        samples != recordings * rows // stride,
        "A window that begins at a recording's last 50 rows would be too short.",
    )
    require(samples == recordings * each, "Count one recording's windows: where do they begin?")


def _turn(answer: Any) -> None:
    """Compare each number with the one that was measured at that moment."""
    to_windows = function(answer, "to_windows(table, length)")
    for features, steps, length in ((3, 8, 4), (5, 6, 6), (2, 9, 1)):
        table = np.arange(features * steps, dtype=float).reshape(features, steps)
        windows = array(to_windows(table.copy(), length), "(n, steps, features)")
        wanted = (steps - length + 1, length, features)
        require(
            windows.ndim == 3,
            f"Return three axes, (n, steps, features), not the shape {windows.shape}.",
        )
        require(
            windows.shape != (wanted[0], features, length) or features == length,
            "Each window has its sensors before its steps: the table was not turned.",
        )
        require(
            windows.shape == wanted,
            f"With {features} sensors and {steps} moments, windows of {length} at stride 1 have "
            f"the shape {wanted}, not {windows.shape}.",
        )
        for sample, moment, sensor in np.ndindex(*wanted):
            require(
                windows[sample, moment, sensor] == table[sensor, sample + moment],
                "The shape is right, and the numbers are in the wrong places: sensor "
                f"{sensor} at moment {sample + moment} is not where it belongs. `reshape` deals "
                "numbers out in their order; it turns nothing.",
            )


def _two_lanes(answer: Any) -> None:
    """Follow each lane: every window has to begin where the one before it ended."""
    lanes = [integers(lane, "the windows of a lane") for lane in pair(answer, "a lane", "a lane")]
    require(
        sorted(lanes[0] + lanes[1]) == list(range(7)),
        "Each of the windows 0 to 6 in one of the two lanes, and in no other.",
    )
    for lane in lanes:
        for before, now in pairwise(lane):
            begins, ends = 5 * now, 5 * before + 10  # counted from 0; `ends` is the step after
            require(
                begins >= ends,
                f"Window {now} begins before window {before} ends: the network would read "
                f"{ends - begins} steps again.",
            )
            require(
                begins <= ends,
                f"Between windows {before} and {now} the lane leaves {begins - ends} steps out.",
            )


def _context(answer: Any) -> None:
    """Count what each answer has seen, its own step included."""
    few, least = numbers(answer, ("the share that has seen fewer than 20 steps", "steps at least"))
    seen = np.arange(1, 101)
    share = (seen < 20).mean()
    require(few <= 1, "Give a share between 0 and 1, not per cent.")
    require(abs(few - 0.2) > 1e-9, "The answer at step 20 has seen 20 steps, its own included.")
    require(
        abs(few - share) < 1e-6,
        "An answer has seen the steps of its window up to its own. At which steps is that too few?",
    )
    require(least != 50, "It has seen its own step, too.")
    require(least != 1, "The first half of a window is not asked, but for the very first window.")
    require(
        least == seen[50:].min(),
        "Which of the answers that count comes first in its window, and at which step?",
    )


CHECKS = {
    "input-shape": _input_shape,
    "turn": _turn,
    "two-lanes": _two_lanes,
    "context": _context,
}
