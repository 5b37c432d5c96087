"""How much models carry, compared with what attention keeps of all steps."""

from __future__ import annotations

from math import prod

from tbptt.carried import MODELS, carried, context_alike
from tbptt.drawing import INK, LOSS, REACH, Drawing, number
from truncated_time.figures._chart import Axis

_SHOWN = ("lstm", "mingru", "slstm", "s4", "mamba", "mamba2", "gla", "mlstm", "deltanet", "rwkv7")
_TITLES = {model.name: model.title.partition(" (")[0] for model in MODELS}


def state_sizes(model: str, width: int, context: int) -> str:
    """Draw how many numbers a model carries, compared with others and with attention.

    Parameters
    ----------
    model : str
        A name of ``tbptt.carried.MODELS``; its bar is full.
    width : int
        Of all models; a multiple of 128.
    context : int
        Steps whose keys and values attention keeps.

    Returns
    -------
    str
        An SVG, with its message as the title.

    Raises
    ------
    TypeError, ValueError
        As :func:`tbptt.carried.carried`.

    Examples
    --------
    >>> import re
    >>> from truncated_time.figures import state_sizes
    >>> svg = state_sizes("mamba", width=1024, context=8192)
    >>> print(re.search("<title>(.*)</title>", svg)[1])
    mamba, 1024, 8192. Mamba: 38,912 numbers; channels 32,768, tail 6,144. Attention
    keeps as many after 19 steps, and 16,777,216 after 8,192.
    """
    chosen = carried(model, width=width)
    alike = context_alike(model, width=width)
    kept = carried("attention", width=width, context=context).numbers
    parts = ", ".join(f"{name} {prod(shape):,}" for name, shape in chosen.parts.items())
    headline = f"{_TITLES[model]}: {chosen.numbers:,} numbers"
    told = f"Attention keeps as many after {alike:,} steps, and {kept:,} after {context:,}."
    drawing = Drawing(
        360, 250, f"{model}, {width}, {context}. {headline}; {parts}. {told}",
    )  # fmt: skip
    drawing.heading(headline, parts)
    axis = Axis(100, 1e9, 124, 352, log=True)
    names = [name for name in _SHOWN if name != model] + [model]
    rows = sorted((carried(name, width=width).numbers, name) for name in names)
    top, pitch = 48.0, 15.0
    places = {name: top + pitch * row for row, (_, name) in enumerate(rows)}
    last = top + pitch * len(rows)
    ends = {name: axis.at(count) - axis.begin for count, name in rows}
    faint = [(axis.begin, places[name], ends[name]) for name in names if name != model]
    drawing.bars(faint, 9, REACH, round_caps=False, opacity=".35")
    drawing.bars([(axis.begin, places[model], ends[model])], 9, REACH, round_caps=False)
    drawing.bars([(axis.begin, last, axis.at(kept) - axis.begin)], 9, LOSS, round_caps=False)
    words = [(places[name] + 4, _TITLES[name]) for name in names] + [(last + 4, "attention")]
    drawing.column(118, words, font_size="10", text_anchor="end")
    base = last + 14
    drawing.path(f"M124 {number(base)}H352", stroke=INK, opacity=".3")
    ticks = [(axis.at(10.0**power), f"10{sign}") for power, sign in _TICKS]
    drawing.row(base + 12, ticks, font_size="10", text_anchor="middle", opacity=".8")
    drawing.text(
        352, base + 25, "numbers, one row, one layer", font_size="10", text_anchor="end"
    )  # fmt: skip
    return str(drawing)


_TICKS = ((2, "²"), (4, "⁴"), (6, "⁶"), (8, "⁸"))
