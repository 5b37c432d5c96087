"""The one picture of the book: windows above, the reach of every error below."""

from __future__ import annotations

from tbptt._checks import positive_int
from tbptt.drawing import INK, LOSS, REACH, Drawing
from tbptt.schedule import BackwardPass, Truncation

# Whole numbers throughout: coordinates are most of a frame's bytes.
_WIDTH, _LEFT, _RIGHT = 360.0, 34.0, 54.0
_LANES_TOP, _LANES_HEIGHT, _ROW = 36.0, 44.0, 14.0
_SHADES = 5
MOST_STEPS = 1000


def one_picture(window: int, stride: int, *, steps: int = 16) -> str:
    """Draw windows of the data and the reach of the errors, which are the same thing.

    Parameters
    ----------
    window : int
        Length of a window, which is `k2`.
    stride : int
        Steps between windows, which is `k1`. More than `window` leaves losses that no pass
        owns; the picture shows them, where :class:`tbptt.Truncation` would refuse.
    steps : int
        Length of the sequence, at most 1000.

    Returns
    -------
    str
        An SVG, with its message as the title.

    Raises
    ------
    TypeError, ValueError
        If an argument is not an integer of at least 1, or there are too many steps to see.

    Examples
    --------
    >>> import re
    >>> from tbptt.picture import one_picture
    >>> print(re.search("<title>(.*)</title>", one_picture(window=6, stride=3))[1])
    Windows of 6, stride 3. 5 of 16 errors reach the full 6 steps. 6 backward
    passes, 33 backward steps (full backpropagation: 16)
    """
    window, stride = positive_int("window", window), positive_int("stride", stride)
    steps = positive_int("steps", steps)
    if steps > MOST_STEPS:
        raise ValueError(
            f"steps must be at most {MOST_STEPS}, got {steps}: the picture has a row for each, and "
            "nobody could see more."
        )
    passes = _passes_with_gaps(window, stride, steps)
    travelled = _travelled_with_gaps(window, stride, steps)
    headline, detail = _summary(window, stride, steps, travelled, passes)
    drawing = Drawing(
        _WIDTH,
        _LANES_TOP + _LANES_HEIGHT + 26 + steps * _ROW,
        f"Windows of {window}, stride {stride}. {headline}. {detail}",
    )
    drawing.heading(headline, detail)
    cell = (_WIDTH - _LEFT - _RIGHT) / steps
    _draw_windows(drawing, passes, cell)
    top = _LANES_TOP + _LANES_HEIGHT + 12
    drawing.row(
        top,
        [(_LEFT + (t + 0.5) * cell, str(t + 1)) for t in range(steps)],
        text_anchor="middle",
        font_size="10",
    )
    drawing.text(_LEFT - 6, top, "step", text_anchor="end", font_size="10", opacity=".7")
    drawing.text(_WIDTH, top, "reaches", text_anchor="end", font_size="10", opacity=".7")
    _draw_errors(drawing, travelled, steps, cell, top + 12, window)
    return str(drawing)


def _passes_with_gaps(window: int, stride: int, steps: int) -> list[BackwardPass]:
    """List the passes, also where the stride exceeds the window and some losses have none."""
    if stride <= window:
        return Truncation(stride, window).passes(steps)
    return [
        BackwardPass(start, start, min(start + window, steps)) for start in range(0, steps, stride)
    ]


def _travelled_with_gaps(window: int, stride: int, steps: int) -> dict[int, int]:
    """Return the steps that each error covers, without those that belong to no pass."""
    if stride <= window:
        return dict(enumerate(Truncation(stride, window).travelled(steps).tolist()))
    # Each window is an epochwise pass of its own.
    inside = Truncation.epochwise(window).travelled(window).tolist()
    return {
        start + place: length
        for start in range(0, steps, stride)
        for place, length in enumerate(inside[: steps - start])
    }


def _summary(
    window: int, stride: int, steps: int, travelled: dict[int, int], passes: list[BackwardPass]
) -> tuple[str, str]:
    """Say what a frame shows: a headline and a line of figures."""
    if stride > window and len(travelled) < steps:
        return (
            f"{steps - len(travelled)} of {steps} errors belong to no window",
            f"stride {stride} > window {window}: these steps teach nothing, so Truncation refuses",
        )
    full = sum(length == min(window, steps) for length in travelled.values())
    backward = sum(stop - start for start, _, stop in passes)
    plural = "pass" if len(passes) == 1 else "passes"
    return (
        f"{full} of {steps} errors reach{'es' if full == 1 else ''} the full {window} steps",
        f"{len(passes)} backward {plural}, {backward} backward steps "
        f"(full backpropagation: {steps})",
    )


def _draw_windows(drawing: Drawing, passes: list[BackwardPass], cell: float) -> None:
    """Draw each window in the first lane that is free: light where it only warms up."""
    free: list[int] = []  # step at which each lane is free again
    lanes = []
    for start, _, stop in passes:
        lane = next((i for i, until in enumerate(free) if until <= start), len(free))
        free[lane : lane + 1] = [stop]
        lanes.append(lane)
    pitch = min(9.0, _LANES_HEIGHT / len(free))
    # The lowest lane sits on the steps, whatever the number of lanes above it.
    lowest = _LANES_TOP + _LANES_HEIGHT - pitch / 2 - 2
    placed = [
        (_LEFT + first * cell + 1, lowest - (len(free) - 1 - lane) * pitch, last * cell - 2)
        for (start, _, stop), lane in zip(passes, lanes, strict=True)
        for first, last in ((start, stop - start),)
    ]
    owned = [
        (_LEFT + first * cell + 1, y, (stop - first) * cell - 2)
        for (_, first, stop), (_, y, _) in zip(passes, placed, strict=True)
    ]
    drawing.bars(placed, pitch * 0.7, REACH, opacity=".3")
    drawing.bars(owned, pitch * 0.7, REACH)


def _draw_errors(
    drawing: Drawing, travelled: dict[int, int], steps: int, cell: float, top: float, window: int
) -> None:
    size = min(cell, _ROW) - 3

    def square(t: int, s: int) -> tuple[float, float, float]:
        return _LEFT + s * cell + 3, top + t * _ROW + 4, size

    # Shades by lag: a few groups keep a frame small.
    for shade in range(_SHADES):
        cells = [
            square(t, t - lag)
            for t, length in travelled.items()
            for lag in range(1, length)
            if (lag - 1) * _SHADES // max(window - 1, 1) == shade
        ]
        opacity = f"{0.9 - 0.62 * shade / (_SHADES - 1):.2f}"
        drawing.bars(cells, size, REACH, round_caps=False, opacity=opacity)
    drawing.bars([square(t, t) for t in travelled], size, LOSS, round_caps=False)
    lost = [square(t, t) for t in range(steps) if t not in travelled]
    drawing.bars(lost, size, INK, round_caps=False, opacity=".2")
    rows = [(t, top + t * _ROW + 7) for t in range(steps)]
    drawing.column(
        _LEFT - 6,
        [(y, str(t + 1)) for t, y in rows],
        text_anchor="end",
        font_size="10",
        opacity=".7",
    )
    full = {t for t, length in travelled.items() if length == window}
    drawing.column(
        _WIDTH,
        [(y, str(window)) for t, y in rows if t in full],
        text_anchor="end",
        font_size="10",
        font_weight="700",
    )
    drawing.column(
        _WIDTH,
        [(y, str(travelled.get(t, "lost"))) for t, y in rows if t not in full],
        text_anchor="end",
        font_size="10",
        opacity=".7",
    )
