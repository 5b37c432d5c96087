"""One meaning a word: what the glossary calls a thing, parameters call it too, and nothing else."""

import inspect
import re
from pathlib import Path

import pytest
from numpydoc.docscrape import FunctionDoc

from public_names import public, rooms

ROOT = Path(__file__).parents[1]
# How a parameter of that name is described wherever there is one.
MEANINGS = {
    "k1": r"^Interval between backward passes|truncation",
    "k2": r"counting the step it arises at|truncation|^The reach",
    "lag": r"^Distance in steps",
    "steps": r"^(Length|Its length|Steps|The cut)|^As for",
    "increment": r"start to the next one's|^Steps between windows|^Length of a window, and|"
    r"^The cut|^As for",
    "window_length": r"^Steps in (a|the past) window|^Length of a window|^The cut|^As for",
    "resets": r"state is zero before the step|row begins at zero|As for|reset",
    "mask": r"no step|False where it waits|As for|a row does not have",
    "period": r"further on a word is echoed",
}
# What other programs call these, one word for several things or several words for one.
OTHERS = {
    "bptt", "delay", "hop", "look_back", "lookback", "seq_len", "sequence_length",
    "sequence_stride", "shift", "step_size", "time_steps", "timesteps", "tbptt_steps",
    "truncated_bptt_steps", "window_size",
}  # fmt: skip
# And how the glossary begins to define them.
DEFINED = {
    "lag": r"A distance in steps",
    "reach": r"Steps that an error reaches, its own included",
    "increment": r"start of one window to the start of the next",
    "row": r"One sequence of a batch",
}


def described():
    """Yield each parameter of the public functions, with its description."""
    for room in rooms():
        for name, thing in public(room):
            function = getattr(thing, "fget", thing)
            documented = FunctionDoc(function, doc=inspect.getdoc(function) or "")
            for parameter in documented["Parameters"]:
                text = " ".join(parameter.desc)
                for each in parameter.name.split(","):
                    yield name, each.strip(" *"), text


@pytest.fixture(scope="module")
def parameters():
    return list(described())


@pytest.mark.parametrize("word", MEANINGS)
def test_a_parameter_means_what_its_name_means_elsewhere(parameters, word):
    texts = {name: text for name, each, text in parameters if each == word}
    assert texts
    others = {name: text for name, text in texts.items() if not re.search(MEANINGS[word], text)}
    assert others == {}


def test_no_parameter_has_a_name_of_other_programs(parameters):
    assert {(name, each) for name, each, _ in parameters if each in OTHERS} == set()
    named = {
        (name, each)
        for room in rooms()
        for name, thing in public(room)
        if inspect.isfunction(thing)
        for each in inspect.signature(thing).parameters
        if each in OTHERS
    }
    assert named == set()


@pytest.mark.parametrize("word", DEFINED)
def test_the_glossary_says_the_same(word):
    text = (ROOT / "chapters/glossary.md").read_text(encoding="utf-8")
    definition = re.search(rf"^{word}\n(?:\S.*\n)*((?:  .*\n)+)", text, re.M)
    assert definition, f"the glossary has no {word}"
    assert re.search(DEFINED[word], definition[1])
