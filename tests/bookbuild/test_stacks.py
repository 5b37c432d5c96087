"""Explorers in ipywidgets 8, as pages show them: stacks, linked in the browser, small."""

import ipywidgets

from truncated_time.explorers import explore


def frame(**values):
    words = " ".join(f"{name}={value}" for name, value in values.items())
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1" width="100%">'
        f"<title>{words}</title></svg>"
    )


def test_sliders_are_linked_to_every_stack_of_their_depth():
    known = set(ipywidgets.Widget._instances if hasattr(ipywidgets.Widget, "_instances") else ())
    box = explore(frame, a=range(3), b=range(2), start={"a": 2, "b": 1})
    a, b, outer = box.children
    assert (a.value, b.value) == (2, 1)
    assert outer.selected_index == 2
    assert [inner.selected_index for inner in outer.children] == [1, 1, 1]
    instances = ipywidgets.widgets.widget._instances
    links = [
        (link.source, link.target)
        for key, link in instances.items()
        if isinstance(link, ipywidgets.widgets.widget_link.Link) and key not in known
    ]
    for source, stack in [(a, outer), *((b, inner) for inner in outer.children)]:
        assert ((source, "index"), (stack, "selected_index")) in links


def test_a_frame_that_recurs_is_stored_once():
    box = explore(lambda a, b: frame(a=a), a=range(2), b=range(3))
    frames = [inner for stack in box.children[-1].children for inner in stack.children]
    assert len(frames) == 6
    assert len({inner.model_id for inner in frames}) == 2
    assert len({inner.layout.model_id for inner in frames}) == 1
