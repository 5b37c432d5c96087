"""Every question that the page promises has an answer, a section that shows it, and a thread."""

import importlib
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "chapters"
PAGES = {path.stem: path.read_text("utf-8") for path in sorted(FOLDER.glob("questions-*.md"))}
LIST = (FOLDER / "questions.md").read_text("utf-8")
CELLS = re.compile(r"^```\{code-cell\} python\n(.*?)^```$", re.S | re.M)
# Cells removed: a comment in a cell is no heading.
PROSE = "".join(CELLS.sub("", text) for text in PAGES.values())
ENTRIES = re.findall(
    r"((?:^\(q-\w+\)=\n)+)## ([^\n]+)\n\n(.*?)(?=^\(q-|^---$|\Z)", PROSE, flags=re.S | re.M
)
PROMISED = {
    "w": "01 02 04 05 07 08 10 11 13 14 16 17 19 20",
    "s": "02 03 05 06 08 09 11 12 14 15 17 18 20 21 23 24 26 27 28",
    "d": "02 03 05 06 08 09 11 12 14 15 17 18 20",
    "t": "01 03 04 06 07 09 10 12 13 15 16 18 19 21 22",
    "i": "02 03 05 06 08 09 11 12 14 15 17 18 20 21 23 24 26",
    "o": "01 03 04 06 07",
    "u": " ".join(f"{number:02}" for number in range(1, 24)),
    "x": "01 02 03 04 05 06 07 08 09 10 11 12",
}


def labels():
    text = "".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md"))
    return set(re.findall(r"^\(([\w-]+)\)=$", text, flags=re.M))


def test_every_question_is_there_once():
    found = re.findall(r"^\(q-(\w+)\)=$", PROSE, flags=re.M)
    wanted = [group + number for group, numbers in PROMISED.items() for number in numbers.split()]
    assert sorted(found) == sorted(wanted)
    assert len(re.findall(r"^## ", PROSE, flags=re.M)) == len(ENTRIES)


def test_the_list_has_every_question_under_its_page():
    listed = re.findall(r"^## \[.*?\]\(([\w-]+)\.md\)\n\n((?:\* .*\n)+)", LIST, flags=re.M)
    assert sorted(page for page, _ in listed) == sorted(PAGES)
    for page, questions in listed:
        there = re.findall(r"((?:^\(q-\w+\)=\n)+)## ([^\n]+)", PAGES[page], flags=re.M)
        firsts = [(question, re.findall(r"q-\w+", ids)[0]) for ids, question in there]
        assert re.findall(r"^\* \[(.*)\]\((q-\w+)\)$", questions, flags=re.M) == firsts


@pytest.mark.parametrize(("ids", "question", "answer"), ENTRIES, ids=[e[0][1:6] for e in ENTRIES])
def test_an_answer_leads_to_a_section_and_to_a_thread(ids, question, answer):
    assert "?" in question
    flat = " ".join(answer.split())
    told, _, asked = flat.partition("Asked in ")
    assert len(told.split()) > 12
    links = re.findall(r"\]\(([\w-]+)\)", told)
    assert links
    assert set(links) <= labels()
    assert re.findall(r"\]\(https://[^)]+\)", asked)


def test_threads_are_named_as_they_are_addressed():
    for name, number, address in re.findall(r"\[([\w.-]+)#(\d+)\]\((\S+?)\)", PROSE):
        assert re.fullmatch(rf"https://github\.com/[\w.-]+/{name}/(issues|pull)/{number}", address)


@pytest.mark.parametrize("page", PAGES)
def test_cells_assert_what_they_show(page):
    shown = [cell for cell in CELLS.findall(PAGES[page]) if "remove-cell" not in cell]
    silent = [cell for cell in shown[1:] if not re.search(r"\bassert\b|\.backward\(\)", cell)]
    assert len(shown) > 4
    assert silent == []  # after the first, which imports and builds


@pytest.mark.parametrize("page", PAGES)
def test_the_cells_hold(page):
    source = "\n".join(re.sub(r"^:tags:.*\n", "", cell) for cell in CELLS.findall(PAGES[page]))
    exec(compile(source, f"{page}.md", "exec"), {"__name__": page})


def test_cudnn_takes_masks_of_padding_at_the_end_only():
    import tensorflow as tf

    rnn = importlib.import_module(
        "keras.src.backend.tensorflow.rnn"
    )  # the name is a function's too
    rnn._assert_valid_mask(tf.constant([[True, True, False]]))
    for wrong in ([[False, True, True]], [[False, False, False]]):
        with pytest.raises(tf.errors.InvalidArgumentError):
            rnn._assert_valid_mask(tf.constant(wrong))


def test_compile_skips_layers_and_unrolls_loops_for_every_length():
    import torch

    graphs = []

    def count(graph, _):
        graphs.append(graph)
        return graph.forward

    layer, cell = torch.nn.GRU(2, 3), torch.nn.GRUCell(2, 3)
    torch.compile(lambda x: layer(x), backend=count)(torch.zeros(5, 2, 2))
    assert graphs == []

    def loop(steps, state):
        for x_t in steps:
            state = cell(x_t, state)
        return state

    run = torch.compile(loop, backend=count)
    for length, known in ((5, 1), (5, 1), (4, 2), (3, 3)):
        run(torch.zeros(length, 2, 2), torch.zeros(2, 3))
        assert len(graphs) == known
