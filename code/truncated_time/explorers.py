"""Sliders over precomputed frames: alive in a published page, and in every kernel.

A published page has no kernel, so every frame is drawn when the chapter is executed, and the
slider picks one of them in the browser. ipywidgets 8 does that with nested ``Stack`` widgets and
``jslink``; ipywidgets 7 (Colab's) has no ``Stack``, and swaps the same frames from the kernel.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

try:
    import ipywidgets as widgets
except ImportError as error:
    raise ImportError(
        "truncated_time.explorers needs ipywidgets: pip install 'tbptt[pictures]'"
    ) from error

_SVG = "{http://www.w3.org/2000/svg}"


def explore(
    render: Callable[..., str],
    /,
    *,
    labels: Mapping[str, str] | None = None,
    start: Mapping[str, Any] | None = None,
    **sliders: Iterable[Any],
) -> widgets.VBox:
    """Show one slider for each keyword above the frame that they select.

    Parameters
    ----------
    render : callable
        ``render(**values)`` returns one frame: an SVG string that fills its column (``width``
        and ``viewBox``) and has a ``<title>``, so that a screen reader can say what it shows.
        Called once for every combination of values, now.
    labels : mapping of str to str, optional
        Words to show for a slider, instead of its name.
    start : mapping of str to value, optional
        Where each slider begins, instead of at its first value.
    **sliders : iterable
        The values of each slider, in order.

    Returns
    -------
    ipywidgets.VBox
        The sliders and the frames. Display it as the last expression of a cell.

    Raises
    ------
    TypeError
        If `render` returns something other than a string.
    ValueError
        If there is no slider, a slider has no values or repeats one, `labels` or `start` name
        something that is not there, or a frame is no SVG with ``width``, ``viewBox`` and
        ``<title>``. What `render` itself raises is passed on, with the values noted.

    Examples
    --------
    >>> from tbptt.picture import one_picture
    >>> from truncated_time.explorers import explore
    >>> explorer = explore(one_picture, window=(2, 4), stride=(1, 2), start={"window": 4})
    >>> *sliders, frames = explorer.children
    >>> [(slider.description, slider.value) for slider in sliders]
    [('window', 4), ('stride', 1)]
    """
    values = {name: tuple(options) for name, options in sliders.items()}
    labels, start = dict(labels or {}), dict(start or {})
    _check_sliders(values, labels, start)
    frames = {
        chosen: _frame(render, dict(zip(values, chosen, strict=True)))
        for chosen in itertools.product(*values.values())
    }
    # Shared by all: models of their own would be two more for every frame.
    wide = widgets.Layout(width="100%", max_width="40rem")
    full = widgets.Layout(width="100%")
    handles = [
        widgets.SelectionSlider(
            options=[(str(option), option) for option in options],
            value=start.get(name, options[0]),
            description=labels.get(name, name),
            style={"description_width": "9em"},
            layout=wide,
        )
        for name, options in values.items()
    ]
    if hasattr(widgets, "Stack"):
        picture = _stack(handles, frames, list(values.values()), full)
    else:
        picture = _swapped(handles, frames, full)
    return widgets.VBox([*handles, picture], layout=widgets.Layout(overflow="hidden"))


def _check_sliders(
    values: dict[str, tuple[Any, ...]], labels: dict[str, str], start: dict[str, Any]
) -> None:
    if not values:
        raise ValueError("explore needs at least one slider: explore(render, window=range(1, 9)).")
    for name, options in values.items():
        if not options:
            raise ValueError(f"The slider {name!r} has no values; give it at least one.")
        if len(set(options)) < len(options):
            raise ValueError(f"The slider {name!r} repeats a value: {options}.")
    for name in [*labels, *start]:
        if name not in values:
            raise ValueError(f"There is no slider {name!r}; the sliders are {list(values)}.")
    for name, value in start.items():
        if value not in values[name]:
            raise ValueError(f"start[{name!r}] = {value!r} is not among {values[name]}.")


def _frame(render: Callable[..., str], chosen: dict[str, Any]) -> str:
    try:
        svg = render(**chosen)
    except Exception as error:
        error.add_note(f"while drawing the frame at {chosen}")
        raise
    if not isinstance(svg, str):
        raise TypeError(f"render must return an SVG string, got {type(svg).__name__} at {chosen}.")
    try:
        root = ElementTree.fromstring(svg)  # noqa: S314 (frames are made by the caller)
    except ElementTree.ParseError as error:
        raise ValueError(f"The frame at {chosen} is not well-formed SVG: {error}.") from error
    missing = [name for name in ("width", "viewBox") if name not in root.attrib]
    if not (root.findtext(f"{_SVG}title") or "").strip():
        missing.append("<title>")
    if root.tag != f"{_SVG}svg" or missing:
        raise ValueError(
            f"The frame at {chosen} must be an <svg> in the SVG namespace with width, viewBox and "
            f"<title>; got <{root.tag.removeprefix(_SVG)}> without {', '.join(missing) or 'it'}."
        )
    return svg


def _stack(
    handles: Sequence[widgets.SelectionSlider],
    frames: dict[tuple[Any, ...], str],
    options: Sequence[tuple[Any, ...]],
    layout: widgets.Layout,
) -> widgets.Widget:
    """Nest a stack in a stack for each slider, and link the sliders to them in the browser."""
    style = widgets.HTML().style
    shown: dict[str, widgets.HTML] = {}  # a frame that recurs is stored once

    def build(depth: int, chosen: tuple[Any, ...]) -> widgets.Widget:
        if depth == len(options):
            svg = frames[chosen]
            if svg not in shown:
                shown[svg] = widgets.HTML(svg, layout=layout, style=style)
            return shown[svg]
        stack = widgets.Stack(
            [build(depth + 1, (*chosen, option)) for option in options[depth]],
            selected_index=handles[depth].index,
            layout=layout,
        )
        widgets.jslink((handles[depth], "index"), (stack, "selected_index"))
        return stack

    return build(0, ())


def _swapped(
    handles: Sequence[widgets.SelectionSlider],
    frames: dict[tuple[Any, ...], str],
    layout: widgets.Layout,
) -> widgets.HTML:
    """Swap the frame from the kernel, for ipywidgets 7."""

    def current() -> str:
        return frames[tuple(handle.value for handle in handles)]

    picture = widgets.HTML(current(), layout=layout)
    for handle in handles:
        handle.observe(lambda _: setattr(picture, "value", current()), names="value")
    return picture
