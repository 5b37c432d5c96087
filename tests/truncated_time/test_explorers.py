"""Explorers: which frame each position of the sliders selects."""

import itertools

import ipywidgets
import pytest

from truncated_time.explorers import explore


def frame(**values):
    words = " ".join(f"{name}={value}" for name, value in values.items())
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1" width="100%">'
        f"<title>{words}</title></svg>"
    )


def shown(box, chosen):
    """Move the handles; where there are stacks, follow them as the browser does."""
    *handles, inner = box.children
    for handle, index in zip(handles, chosen, strict=True):
        handle.index = index
    if not hasattr(ipywidgets, "Stack"):  # ipywidgets 7: the kernel has swapped the frame
        return inner.value
    for index in chosen:
        inner = inner.children[index]
    return inner.value


@pytest.mark.parametrize(
    "sliders",
    [
        {"a": range(3)},
        {"a": range(3), "b": ("x", "y")},
        {"a": (5, 1), "b": range(2), "c": (0.5, 1.5, 2.5)},
    ],
)
def test_every_position_selects_its_frame(sliders):
    box = explore(frame, **sliders)
    assert [handle.description for handle in box.children[:-1]] == list(sliders)
    for chosen in itertools.product(*(range(len(options)) for options in sliders.values())):
        values = {name: list(sliders[name])[i] for name, i in zip(sliders, chosen, strict=True)}
        assert shown(box, chosen) == frame(**values)


def test_a_frame_that_fails_raises_with_its_values():
    def broken(a):
        return frame(a=1 / (a - 2))

    with pytest.raises(ZeroDivisionError) as caught:
        explore(broken, a=range(4))
    assert caught.value.__notes__ == ["while drawing the frame at {'a': 2}"]


@pytest.mark.parametrize(
    ("svg", "words"),
    [
        ("<svg", "not well-formed"),
        ("<div/>", "must be an <svg>"),
        (frame(a=1).replace(' width="100%"', ""), "without width"),
        (frame(a=1).replace("<title>a=1</title>", ""), "without <title>"),
        (frame(a=1).replace("a=1", " "), "without <title>"),
    ],
)
def test_a_frame_must_be_an_svg_with_a_title(svg, words):
    with pytest.raises(ValueError, match=words):
        explore(lambda a: svg, a=[1])


def test_a_frame_must_be_a_string():
    with pytest.raises(TypeError, match="must return an SVG string, got int"):
        explore(lambda a: a, a=[1])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "at least one slider"),
        ({"a": []}, "'a' has no values"),
        ({"a": [1, 1]}, "repeats a value"),
        ({"a": [1], "labels": {"b": "B"}}, r"no slider 'b'; the sliders are \['a'\]"),
        ({"a": [1], "start": {"b": 1}}, "no slider 'b'"),
        ({"a": [1], "start": {"a": 2}}, r"start\['a'\] = 2 is not among \(1,\)"),
    ],
)
def test_bad_sliders(arguments, words):
    with pytest.raises(ValueError, match=words):
        explore(frame, **arguments)
