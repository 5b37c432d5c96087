"""An unrolled network, the way that one error takes through it, and the products on that way."""

from __future__ import annotations

from collections.abc import Sequence

from tbptt._checks import positive_int
from tbptt.drawing import INK, LOSS, REACH, Drawing, number

_WIDTH, _EDGE, _BOX = 360.0, 26.0, 36.0
_STATE, _HALF = 82.0, 14.0  # middle and half height of a state's box
_ROWS, _ROW = 166.0, 17.0  # baseline of the first row of products, and their distance
_FACTORS, _FACTOR = 58.0, 25.0  # where the products begin, and the width of a factor
_SIZES, _LONGEST = 218.0, 104.0  # where the bars of the sizes begin, and the longest of them
_MOST = 6  # steps that fit
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def jacobian_chain(
    loss_at: int,
    detach_after: int | str = "none",
    *,
    steps: int = 5,
    sizes: Sequence[Sequence[float]] | None = None,
) -> str:
    """Draw how the error of one loss walks back through an unrolled network.

    Parameters
    ----------
    loss_at : int
        Step of the loss, counted from 1.
    detach_after : int or "none"
        Step, counted from 1, whose state is detached before the next step reads it.
    steps : int
        Length of the sequence, at most 6.
    sizes : sequence of sequence of float, optional
        ``sizes[t][s]`` is the size of the error of a loss at step ``t + 1`` as it arrives at
        step ``s + 1``, ``s <= t``, with nothing detached. Drawn as bars, on one scale for all
        losses.

    Returns
    -------
    str
        An SVG, with its message as the title.

    Raises
    ------
    TypeError, ValueError
        If a step is not an integer within the sequence, nothing comes after the step to detach,
        or the sequence has more than 6 steps.

    Examples
    --------
    >>> import re
    >>> from truncated_time.figures import jacobian_chain
    >>> svg = jacobian_chain(loss_at=4, detach_after=2)
    >>> print(re.search("<title>(.*)</title>", svg)[1])
    Loss at step 4, detach after step 2. The error reaches step 3 through J4; every
    product with J3 is gone; the numbers of h2 still arrive.
    """
    steps = _within("steps", steps, _MOST)
    loss_at = _within("loss_at", loss_at, steps)
    cut = 0 if detach_after == "none" else _within("detach_after", detach_after, steps - 1)
    # A cut at the loss or after it is not on the error's way.
    first = cut + 1 if cut < loss_at else 1
    headline, detail = _summary(loss_at, first, cut)
    setting = f"detach after step {cut}" if cut else "detach after: none"
    drawing = Drawing(
        _WIDTH,
        _ROWS + steps * _ROW - 6,
        f"Loss at step {loss_at}, {setting}. {headline}; {detail}.",
    )
    drawing.heading(headline, detail)
    middles = _draw_network(drawing, steps)
    _draw_error(drawing, middles, loss_at, first, cut)
    _draw_products(drawing, steps, loss_at, first, sizes)
    return str(drawing)


def _within(name: str, value: int | str, most: int) -> int:
    step = positive_int(name, value)
    if step > most:
        raise ValueError(f"{name} must be a step from 1 to {most}, got {step}.")
    return step


def _summary(loss_at: int, first: int, cut: int) -> tuple[str, str]:
    """Say what a frame shows: which steps the error reaches, and by which product."""
    chain = " ".join(f"J{step}" for step in range(loss_at, first, -1))
    if chain:
        headline = f"The error reaches step {first} through {chain}"
    else:
        headline = f"The error reaches step {loss_at} only, with no Jacobian"
    if not cut:
        detail = "nothing is detached: it reaches every step that the loss depends on"
    elif first == 1:
        detail = f"detaching after step {cut} changes nothing for this loss"
    else:
        detail = f"every product with J{first} is gone; the numbers of h{cut} still arrive"
    return headline, detail


def _draw_network(drawing: Drawing, steps: int) -> list[float]:
    """Draw states, inputs and the way of the numbers; return the middles of the states."""
    pitch = (_WIDTH - 2 * _EDGE) / max(steps - 1, 1)
    middles = [_EDGE + step * pitch for step in range(steps)]
    boxes = "".join(
        f"M{number(x - _BOX / 2)} {number(_STATE - _HALF)}h{number(_BOX)}v{number(2 * _HALF)}"
        f"h{number(-_BOX)}z"
        for x in middles
    )
    onwards = "".join(
        f"M{number(x + _BOX / 2 + 2)} {number(_STATE - 6)}h{number(pitch - _BOX - 5)}"
        "m-4 -3l4 3l-4 3"
        for x in middles[:-1]
    )
    foot = _STATE + _HALF
    inputs = "".join(f"M{number(x)} {number(foot + 13)}v-11m-3 4l3 -4l3 4" for x in middles)
    drawing.path(boxes + onwards + inputs, fill="none", stroke=INK, opacity=".6")
    for letter, y, style in (("h", _STATE + 4, {}), ("x", foot + 25, {"font_size": "10"})):
        names = [(x, _sub(letter, step)) for step, x in enumerate(middles, 1)]
        drawing.row(y, names, text_anchor="middle", **style)
    return middles


def _draw_error(
    drawing: Drawing, middles: Sequence[float], loss_at: int, first: int, cut: int
) -> None:
    """Draw the loss, the way of its error, and the place where that way is cut."""
    middle = {"text_anchor": "middle"}
    x = middles[loss_at - 1]
    arrow = f"M{number(x)} {number(_STATE - _HALF - 12)}v10m-4 -5l4 5l4 -5"
    drawing.path(arrow, fill="none", stroke=LOSS, stroke_width="2.5")
    drawing.text(x, _STATE - _HALF - 17, "loss", fill=LOSS, font_weight="700", **middle)
    lefts = [x - _BOX / 2 for x in middles]
    reached = [(lefts[step - 1], _STATE, _BOX) for step in range(first, loss_at + 1)]
    drawing.bars(reached, 2 * _HALF, REACH, round_caps=False, opacity=".25")
    back, gap = _STATE + 7, middles[1] - middles[0] - _BOX if len(middles) > 1 else 0.0
    used = range(first + 1, loss_at + 1)
    drawing.path(
        "".join(
            f"M{number(lefts[step - 1] - 3)} {number(back)}h{number(5 - gap)}m5 -4l-5 4l5 4"
            for step in used
        ),
        fill="none",
        stroke=REACH,
        stroke_width="2.5",
    )
    names = {
        step: (lefts[step - 1] - gap / 2, _sub("J", step)) for step in range(2, len(middles) + 1)
    }
    on_the_way = [name for step, name in names.items() if step in used]
    beside = [name for step, name in names.items() if step not in used]
    drawing.row(_STATE - 12, on_the_way, font_weight="700", fill=REACH, **middle)
    drawing.row(_STATE - 12, beside, opacity=".6", **middle)
    if cut:
        x = lefts[cut] - gap / 2
        drawing.path(
            f"M{number(x - 2)} {number(back - 7)}v14m4 0v-14", stroke=INK, stroke_width="2"
        )
        drawing.text(x, back + 18, "detach", font_size="9", font_weight="700", **middle)


def _draw_products(
    drawing: Drawing,
    steps: int,
    loss_at: int,
    first: int,
    sizes: Sequence[Sequence[float]] | None,
) -> None:
    """Write what arrives at each step, from the loss's own back to the first."""
    heads = [(0.0, "at step"), (_FACTORS, "arrives")]
    if sizes is not None:
        heads.append((_SIZES, "its size"))
    drawing.row(_ROWS - _ROW - 2, heads, font_size="10", opacity=".7")
    order = list(range(steps, 0, -1))
    lines = {step: _ROWS + row * _ROW for row, step in enumerate(order)}
    reached = [step for step in order if first <= step <= loss_at]
    drawing.column(0, [(lines[step], str(step)) for step in reached])
    lost = [step for step in order if step not in reached]
    drawing.column(0, [(lines[step], str(step)) for step in lost], opacity=".6")
    words = {step: "later than the loss" if step > loss_at else "nothing" for step in lost}
    drawing.column(_FACTORS, [(lines[step], words[step]) for step in lost], opacity=".6")
    # One column a factor: each row is the row above it, and one Jacobian more.
    own = [(lines[step], _sub("e", loss_at)) for step in reached]
    drawing.column(_FACTORS, own, fill=LOSS, font_weight="700")
    for place, factor in enumerate(range(loss_at, first, -1), 1):
        drawing.column(
            _FACTORS + place * _FACTOR,
            [(lines[step], _sub("J", factor)) for step in reached if step < factor],
            fill=REACH,
            font_weight="700",
        )
    if sizes is None:
        return
    largest = max(max(row) for row in sizes)
    arrived = {step: float(sizes[loss_at - 1][step - 1]) for step in reached}
    drawing.bars(
        [(_SIZES, lines[s] - 4, max(size / largest * _LONGEST, 1)) for s, size in arrived.items()],
        9,
        REACH,
        round_caps=False,
        opacity=".6",
    )
    values = [(lines[step], f"{size:.3f}") for step, size in arrived.items()]
    drawing.column(_WIDTH, values, text_anchor="end", font_size="10")


def _sub(letter: str, step: int) -> str:
    return letter + str(step).translate(_SUBSCRIPTS)
