"""The first frame of every explorer, in the page itself.

The widget script is large and arrives late. Until then, and without scripts or in print, the
page shows the frame at which the explorer starts, under a button that looks like its sliders. Ours:
no library shows widgets without a script.
"""

from __future__ import annotations

import json
from html import escape
from typing import Any, NamedTuple

from bs4 import BeautifulSoup
from docutils import nodes
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.environment import BuildEnvironment

_VIEW = "application/vnd.jupyter.widget-view+json"


class _Slider(NamedTuple):
    label: str
    value: str
    share: float  # of its way, from 0 to 1


def present(doctree: nodes.document) -> bool:
    """Tell whether a page has an explorer."""
    return bool(views(doctree))


def views(doctree: nodes.Element) -> list[nodes.raw]:
    """List the explorers of a page, before anything is put around them."""
    return [raw for raw in doctree.findall(nodes.raw) if _VIEW in raw.astext()]


def states(env: BuildEnvironment, docname: str) -> dict[str, dict[str, Any]]:
    """Return the widget state of a page: model id to model."""
    scripts = NbMetadataCollector.get_js_files(env, docname)
    _, attributes = scripts.get("ipywidgets_state", (None, {"body": "{}"}))
    state: dict[str, dict[str, Any]] = json.loads(attributes["body"]).get("state", {})
    return state


def add(doctree: nodes.document, states: dict[str, dict[str, Any]]) -> None:
    """Wrap every widget view of a page with the still of its first frame.

    The page's widget state maps the id of a model to the model. A view whose state is not there is
    a ValueError: its slider would never come alive.
    """
    for raw in views(doctree):
        model = _model(raw, states)
        sliders, frame = _first(states[model]["state"], states)
        rows = "".join(
            f"<span>{escape(slider.label)}</span>"
            f'<span class="explorer-rail" style="--at: {slider.share:.0%}"></span>'
            f"<span>{escape(slider.value)}</span>"
            for slider in sliders
        )
        view = json.dumps({"version_major": 2, "version_minor": 0, "model_id": model})
        raw[:] = [
            nodes.Text(
                '<div class="explorer">'
                '<div class="explorer-still"><button type="button">'
                f'<span class="explorer-spoken">Start the sliders:</span>{rows}</button>{frame}'
                f'</div><script type="{_VIEW}">{view}</script></div>'
            )
        ]


def on_paper(raw: nodes.raw, states: dict[str, dict[str, Any]], where: str) -> None:
    """Put an explorer's first frame in its place, with a line that says where it moves.

    Parameters
    ----------
    raw : nodes.raw
        The explorer's view, changed in place.
    states : dict
        The widget state of its page.
    where : str
        HTML that names the published page.
    """
    sliders, frame = _first(states[_model(raw, states)]["state"], states)
    stand = ", ".join(f"{escape(slider.label)} = {escape(slider.value)}" for slider in sliders)
    raw[:] = [
        nodes.Text(
            f'<figure class="explorer">{frame}'
            f"<figcaption>{stand}. The sliders move {where}.</figcaption></figure>"
        )
    ]


def _model(raw: nodes.raw, states: dict[str, dict[str, Any]]) -> str:
    view = BeautifulSoup(raw.astext(), "html.parser").select_one("script")
    model: str = json.loads(view.string or "")["model_id"] if view else ""
    if model not in states:
        raise ValueError(f"The widget {model} has no state in {raw.document['source']}.")
    return model


def _first(state: dict[str, Any], states: dict[str, dict[str, Any]]) -> tuple[list[_Slider], str]:
    """Return the sliders as they stand, and the frame that a box shows at first."""
    sliders: list[_Slider] = []
    frame = ""
    for child in state["children"]:
        inner = states[child.removeprefix("IPY_MODEL_")]["state"]
        if inner["_model_name"] == "SelectionSliderModel":
            options, index = inner["_options_labels"], inner["index"]
            share = index / max(len(options) - 1, 1)
            sliders.append(_Slider(inner["description"], options[index], share))
            continue
        while inner["_model_name"] == "StackModel":
            chosen = inner["children"][inner["selected_index"]]
            inner = states[chosen.removeprefix("IPY_MODEL_")]["state"]
        frame = inner["value"]
    return sliders, frame
