"""The claims of the chapter on recurrences of today, from its cells and the shipped results."""

import re
from pathlib import Path

import pytest
import torch
from torch import nn

from formulas import evaluate
from tbptt.carried import MODELS, carried
from tbptt.cost import memory_distances
from tbptt.pytorch.recurrences import GatedLinearAttention, MinGRU, MinLSTM, SelectiveCell
from tbptt.pytorch.segments import SegmentAttention
from truncated_time.experiments.beyond import MEMORIES
from truncated_time.shipped import table


@pytest.fixture(scope="module")
def said(glued):
    return glued("modern")


def test_a_memory_learns_what_it_is_taught(beyond_losses, said):
    for setting in MEMORIES:
        sees, taught = memory_distances(*setting)
        found = beyond_losses["memory", " ".join(map(str, setting))]
        if taught >= 5:
            assert max(found) < said["floor"] + 0.06, setting
        else:
            assert min(found) > (said["floor"] + said["guess"]) / 2, setting
        if sees < 5:
            assert min(found) > said["guess"] - 0.02, setting
    # Not taught, and on the way: hearsay.
    assert said["memory_updates"] == 250
    assert said["floor"] + 0.2 < said["hearsay_low"] < said["guess"] - 0.1
    assert said["hearsay_high"] <= said["guess"]


def test_what_is_not_taught_comes_late_and_may_be_lost_again(said):
    floor, middle = said["floor"], (said["floor"] + said["guess"]) / 2
    one, two = said["courses_of"]["2 3 1"], said["courses_of"]["2 3 2"]
    assert (len(one), len(two), {len(course) for course in one + two}) == (5, 5, {6})
    at = [int(row["updates"]) for row in table("results/longer/results.csv")]
    assert at == 10 * [250, 500, 750, 1000, 1250, 1500]
    near = [course[-1] < floor + 0.1 for course in one]
    assert sum(near) == said["near_one"] == 3
    # "Some find it and lose it again": half way down, and back at a guess.
    assert any(min(course) < middle and course[-1] > said["guess"] - 0.03 for course in one)
    assert sum(min(course) > said["guess"] - 0.1 for course in one) == 1
    assert said["near_two"] == 0
    assert said["visited_two"] == sum(min(course) < middle for course in two) == 1


def test_both_kinds_of_memory_are_in_the_table():
    assert {memory_distances(*setting)[1] >= 5 for setting in MEMORIES} == {True, False}


def test_a_state_has_a_tail_and_it_counts(said):
    assert said["mamba_numbers"] == 2048 * 16 + 3 * 2048
    assert tuple(said["mamba_tail"]) == (3, 2048)
    assert said["tail_kept"] < 1e-12
    # Far off at the three steps that see the tail; a little after them, since what those put into
    # the channels stays.
    seeing, after = said["tail_lost"][:3], said["tail_lost"][3:]
    assert len(after) == 9
    assert min(seeing) > 0.5 * said["tail_size"]
    assert 1e-4 < min(after) <= max(after) < 0.01 * said["tail_size"]


def test_a_reset_in_a_packed_row_is_another_document(said):
    assert said["packed_off"] == 0


def test_the_table_is_made_of_the_package_s_list():
    page = (Path(__file__).parents[2] / "chapters/modern.md").read_text(encoding="utf-8")
    for model in MODELS:
        parts = carried(model.name, width=1024).parts.items()
        shapes = ", ".join(
            f"{name} {' × '.join(f'{size:,}' for size in shape)}" for name, shape in parts
        )
        cells = model.title, shapes, model.resets, model.accepts, model.gradient
        assert f"| {' | '.join(cells)} |\n" in page, model.name


def sizes():
    """Read the table of sizes: of each model the formula, its letters' values, and the number."""
    page = (Path(__file__).parents[2] / "chapters/api/recurrences.md").read_text(encoding="utf-8")
    _, _, below = page.partition("| model | how big | where | at width 1,024 |\n| --- ")
    rows = [line.strip("| ").split(" |") for line in below.split("\n\n")[0].splitlines()[1:]]
    for title, formula, given, number in rows:
        found = re.findall(r"\$(\w)\$ is ([\d,]*\d)", given)
        letters = {name: int(value.replace(",", "")) for name, value in found}
        yield title, formula.strip(" $"), letters, int(number.replace(",", ""))


# What the letters are called in `tbptt.carried`.
CALLED = {
    "transformer-xl": {"M": "memory"}, "rmt": {"M": "memory"}, "attention": {"M": "context"},
    "deltanet": {"P": "head", "K": "taps"}, "rwkv7": {"P": "head"},
}  # fmt: skip
LETTERS = {"N": "states", "K": "taps", "H": "heads"}


def test_how_big_each_is():
    rows = list(sizes())
    assert [title for title, *_ in rows] == [model.title.partition(" (")[0] for model in MODELS]
    for model, (_, formula, letters, number) in zip(MODELS, rows, strict=True):
        assert number == carried(model.name, width=1024).numbers, model.name
        assert number == evaluate(formula, d=1024, **letters), model.name
        called = LETTERS | CALLED.get(model.name, {})
        # The sizes that are not given are as the package has them, and others scale as it says.
        for width, factor in ((256, 1), (2048, 2)):
            given = {called[letter]: factor * value for letter, value in letters.items()}
            wanted = carried(model.name, width=width, **given).numbers
            many = {letter: factor * value for letter, value in letters.items()}
            assert evaluate(formula, d=width, **many) == wanted, model.name


def test_the_formulas_are_those_of_layers_and_cells_that_there_are():
    def numbers(state):
        return sum(part[0].numel() for part in (state if isinstance(state, tuple) else (state,)))

    d, formulas = 24, {title: formula for title, formula, *_ in sizes()}
    x = torch.zeros(5, 1, d)
    for title, layer in (("RNN", nn.RNN), ("GRU", nn.GRU), ("LSTM", nn.LSTM)):
        assert numbers(layer(d, d)(x)[1]) == evaluate(formulas[title], d=d)
    for title, cell in (("minGRU", MinGRU), ("minLSTM", MinLSTM)):
        assert numbers(cell(d, d).begin(1)) == evaluate(formulas[title], d=d)
    # Half of a Mamba's width is its layer's; what a cell put out is no state of a kernel's.
    output, *kept = SelectiveCell(2 * d, states=5, taps=3).begin(1)
    assert numbers(tuple(kept)) == evaluate(formulas["Mamba"], d=d, N=5, K=3)
    output, matrices = GatedLinearAttention(d, heads=3, keys=d // 6, values=d // 3).begin(1)
    assert output.shape[1] == d
    assert numbers(matrices) == evaluate(formulas["gated linear attention"], d=d, H=3)
    model = SegmentAttention(d, layers=1, width=4)
    (memory,) = model(x, model.begin(1))[1]
    assert memory.numel() == evaluate(formulas["Transformer-XL"], d=d, M=4)


def test_what_the_largest_mamba_carries(said):
    layers, width = said["largest_layers"], said["largest_width"]
    assert (layers, width) == (64, 2560)
    assert said["largest_numbers"] == layers * (2 * width * 16 + 2 * width * 3) == 6_225_920
    assert said["largest_steps"] * 2 * width == 2 * width * 19
