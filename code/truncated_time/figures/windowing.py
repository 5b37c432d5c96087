"""Pictures of labelled sequences cut into windows, and of what a window can know."""

from __future__ import annotations

from fractions import Fraction

from tbptt._checks import positive_int
from tbptt.ceilings import informative_share, stateless_accuracy
from tbptt.drawing import INK, LOSS, REACH, Drawing, number
from tbptt.windows import cut

_WIDTH = 360.0


def percent(share: Fraction | float) -> str:
    """Write a share as a percentage with as few digits as it needs, at most one."""
    return f"{number(round(float(share) * 100, 1))}%"


def labelled_windows(window: int, increment: int, step: int, *, steps: int = 20) -> str:
    """Draw the windows of a positive sequence: those that show the 1, and those that do not.

    Parameters
    ----------
    window, increment : int
        Length of a window, and steps between windows.
    step : int
        Where the 1 stands, counted from 1 as on the page.
    steps : int
        Length of the sequence.

    Returns
    -------
    str
        An SVG, with its message as the title.

    Raises
    ------
    TypeError, ValueError
        As :func:`tbptt.windows.cut` does, and for a `step` outside the sequence.

    Examples
    --------
    >>> import re
    >>> from truncated_time.figures import labelled_windows
    >>> svg = labelled_windows(window=10, increment=10, step=1)
    >>> print(re.search("<title>(.*)</title>", svg)[1])
    Window 10, increment 10, the 1 at step 1. 1 of 2 windows shows the 1: ceiling
    75%; every step is in a window.
    """
    where = cut(steps, window, increment)
    share = informative_share(steps, window, increment, step - 1)
    ceiling = stateless_accuracy(steps, window, increment, step - 1)
    n_informative = int(share * where.n_windows)
    verb = "shows" if n_informative == 1 else "show"
    headline = (
        f"{n_informative} of {where.n_windows} windows {verb} the 1: ceiling {percent(ceiling)}"
    )
    gone = where.dropped.size
    detail = f"{gone} of {steps} steps are in no window" if gone else "every step is in a window"
    drawing = Drawing(
        _WIDTH,
        222,
        f"Window {window}, increment {increment}, the 1 at step {step}. {headline}; {detail}.",
    )
    cell = _WIDTH / steps
    drawing.text(0, 12, headline, font_weight="700")
    drawing.text(0, 26, f"{detail}; grey windows look like class 0", font_size="10", opacity=".8")
    for t in range(steps):
        informative = t == step - 1
        drawing.text(
            (t + 0.5) * cell,
            48,
            "1" if informative else "0",
            text_anchor="middle",
            opacity="1" if informative else (".55" if where.coverage[t] else ".2"),
            **({"fill": LOSS, "font_weight": "700"} if informative else {}),
        )
    pitch = min(14.0, 160 / where.n_windows)
    bars = [
        (int(start) * cell + 1, 60 + row * pitch, window * cell - 2)
        for row, start in enumerate(where.starts)
    ]
    holds = [start <= step - 1 < start + window for start in where.starts]
    thick = pitch * 0.65
    alike = [bar for bar, yes in zip(bars, holds, strict=True) if not yes]
    telling = [bar for bar, yes in zip(bars, holds, strict=True) if yes]
    drawing.bars(alike, thick, INK, opacity=".28")
    drawing.bars(telling, thick, REACH)
    drawing.bars(
        [((step - 1) * cell + cell / 2 - thick / 2, y, thick) for _, y, _ in telling], thick, LOSS
    )
    return str(drawing)


def continued_windows(window: int, increment: int, *, steps: int = 20) -> str:
    """Draw the windows of one sequence: which of them can go on from the state of the first.

    Parameters
    ----------
    window, increment : int
        Length of a window, and steps between windows.
    steps : int
        Length of the sequence.

    Returns
    -------
    str
        An SVG, with its message as the title. Orange: the first window, whose state is carried.
        Teal: windows that go on from there, each where the one before it ended. Grey: the others.

    Raises
    ------
    TypeError, ValueError
        As :func:`tbptt.windows.cut` does.

    Examples
    --------
    >>> import re
    >>> from truncated_time.figures import continued_windows
    >>> for increment in (1, 3):
    ...     svg = continued_windows(window=10, increment=increment)
    ...     print(re.search("<title>(.*)</title>", svg)[1])
    Window 10, increment 1. Window 11 goes on where window 1 ends; 1 of the 10 other
    windows follows on.
    Window 10, increment 3. No window goes on where window 1 ends; 0 of the 3 other
    windows follow on.
    """
    where = cut(steps, window, increment)
    others = where.n_windows - 1
    follows, end = [], window
    for start in where.starts:
        follows.append(bool(start == end))
        end += window * follows[-1]
    count = sum(follows)
    if not others:
        headline, detail = "one window: nothing to carry", "no other window"
    else:
        goes_on = f"window {follows.index(True) + 1}" if count else "no window"
        headline = f"{goes_on} goes on where window 1 ends"
        verb = "follows" if count == 1 else "follow"
        detail = f"{count} of the {others} other window{'s' * (others > 1)} {verb} on"
    title = f"Window {window}, increment {increment}. {headline.capitalize()}; {detail}."
    drawing = Drawing(_WIDTH, 240, title)
    drawing.heading(headline, detail)
    left, top = 22.0, 62.0
    cell = (_WIDTH - left) / steps
    drawing.row(
        48,
        [(left + (t + 0.5) * cell, str(t + 1)) for t in range(steps)],
        text_anchor="middle",
        font_size="9",
        opacity=".8",
    )
    pitch = min(14.0, 152 / where.n_windows)
    bars = [
        (left + int(start) * cell + 1, top + row * pitch, window * cell - 2)
        for row, start in enumerate(where.starts)
    ]
    thick = pitch * 0.65
    drawing.bars(
        [bar for bar, yes in zip(bars[1:], follows[1:], strict=True) if not yes],
        thick, INK, opacity=".28",
    )  # fmt: skip
    drawing.bars([bar for bar, yes in zip(bars, follows, strict=True) if yes], thick, REACH)
    drawing.bars(bars[:1], thick, LOSS)
    drawing.path(
        f"M{number(left + window * cell)} {number(top - 8)}V{number(top + 158)}",
        stroke=INK, stroke_dasharray="3 3", opacity=".6",
    )  # fmt: skip
    named = [0, *(row for row, yes in enumerate(follows) if yes)]
    drawing.column(
        left - 6,
        [(top + row * pitch + 3, str(row + 1)) for row in named],
        text_anchor="end",
        font_size="9",
    )
    for x, colour, words, opacity in (
        (0, LOSS, "window 1", "1"), (92, REACH, "goes on from it", "1"),
        (212, INK, "does not", ".28"),
    ):  # fmt: skip
        drawing.bars([(left + x, 230, 14)], 8, colour, opacity=opacity)
        drawing.text(left + x + 19, 234, words, font_size="10")
    return str(drawing)


def ceiling_curve(increment: int | str, step: int, *, steps: int = 20) -> str:
    """Draw the best stateless accuracy against the length of the window.

    Parameters
    ----------
    increment : int or "end to end"
        Steps between windows; ``"end to end"`` begins each where the one before ends.
    step : int
        Where the 1 stands, counted from 1.
    steps : int
        Length of the sequence.

    Returns
    -------
    str
        An SVG, with its message as the title.

    Raises
    ------
    TypeError, ValueError
        As :func:`tbptt.ceilings.stateless_accuracy` does.

    Examples
    --------
    >>> import re
    >>> from truncated_time.figures import ceiling_curve
    >>> print(re.search("<title>(.*)</title>", ceiling_curve("end to end", step=1))[1])
    Windows end to end, the 1 at step 1: windows of 10 reach 75% at best; 10 of 20
    lengths can reach 100%; pale: some steps are in no window.
    """
    end_to_end = increment == "end to end"
    cuts = [
        (length, length if end_to_end else positive_int("increment", increment))
        for length in range(1, steps + 1)
    ]
    ceilings = [stateless_accuracy(steps, *sizes, step - 1) for sizes in cuts]
    whole = [cut(steps, *sizes).dropped.size == 0 for sizes in cuts]
    layout = "windows end to end" if end_to_end else f"increment {increment}"
    half = ceilings[steps // 2 - 1]
    headline = f"windows of {steps // 2} reach {percent(half)} at best"
    full = sum(ceiling == 1 for ceiling in ceilings)
    detail = f"{full} of {steps} lengths can reach 100%; pale: some steps are in no window"
    title = f"{layout.capitalize()}, the 1 at step {step}: {headline}; {detail}."
    drawing = Drawing(_WIDTH, 222, title)
    left, top, height = 38.0, 44.0, 140.0
    pitch = (_WIDTH - left) / steps

    def at(share: Fraction | float) -> float:
        return top + height * 2 * (1 - float(share))

    drawing.heading(headline, detail)
    for share in (0.5, 0.75, 1.0):
        y = at(share)
        drawing.path(f"M{number(left)} {number(y)}H360", stroke=INK, opacity=".2")
        label = {"text_anchor": "end", "font_size": "10", "opacity": ".8"}
        drawing.text(left - 5, y + 3, percent(share), **label)
    for index, ceiling in enumerate(ceilings):
        x, y = left + (index + 0.5) * pitch, at(ceiling)
        colour = LOSS if index + 1 == steps // 2 else REACH
        drawing.path(
            f"M{number(x)} {number(top + height + 2)}V{number(y)}",
            stroke=colour,
            stroke_width="9",
            opacity="1" if whole[index] else ".4",
        )
    drawing.row(
        top + height + 16,
        [(left + (index + 0.5) * pitch, str(index + 1)) for index in range(steps)],
        text_anchor="middle",
        font_size="10",
    )
    drawing.text(
        _WIDTH, top + height + 30, "window length", text_anchor="end", font_size="10", opacity=".8"
    )
    return str(drawing)
