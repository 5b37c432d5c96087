"""Models side by side, held against the engine that trains them one by one."""

import csv
import itertools

import pytest
import torch
from torch import nn

from truncated_time.experiments import ptb, text
from truncated_time.experiments.shared.captured import Captured
from truncated_time.experiments.shared.side_by_side import SideBySide
from truncated_time.shipped import table

WORDS, BATCH, RATES, SEEDS = 11, 3, (0.01, 0.003), (0, 1)
STYLES = (
    text.Style("true", 1, 3, 8),
    text.Style("true", 1, 8, 8),
    text.Style("epochwise", 4, 4, 4),
    text.Style("semi-epochwise", 4, 8, 4),
    text.Style("semi-epochwise", 3, 7, 3),
    text.Style("accumulated", 3, 3, 8),
)


class Given(nn.Module):
    """Dropout with masks that are given, in the order of the steps."""

    def __init__(self):
        super().__init__()
        self.masks = []
        self.trials = 0  # calls that come before the first step, to see what the readout does

    def forward(self, values):
        many = values.ndim == 3
        steps = len(values) if many else 1
        mask = self.masks[:steps]
        if self.trials:
            self.trials -= 1
        else:
            self.masks = self.masks[steps:]
        return values * (torch.stack(mask) if many else mask[0])


@pytest.fixture
def initial(monkeypatch):
    monkeypatch.setattr(text, "HIDDEN", 6)
    monkeypatch.setattr(text, "EMBEDDING", 4)
    models = []
    for seed in SEEDS:
        torch.manual_seed(seed)
        models.append(text.LanguageModel(WORDS).double())
        nn.init.normal_(models[-1].cell.bias_ih, std=0.3)
        nn.init.normal_(models[-1].readout[1].bias, std=0.3)
    return models


@pytest.fixture
def texts():
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.randint(WORDS, (n, BATCH), generator=generator) for n in (31, 23))


def weights_of(together, model):
    """Weights of one of the models, as the module has them."""
    embedding, cell, readout = (part[model] for part in together.weights)
    features, hidden = together.features, together.hidden
    return {
        "embed.0.weight": embedding,
        "cell.weight_ih": cell[:, :features],
        "cell.weight_hh": cell[:, features:-2],
        "cell.bias_ih": cell[:, -2],
        "cell.bias_hh": cell[:, -1],
        "readout.1.weight": readout[:, :hidden],
        "readout.1.bias": readout[:, hidden],
    }


def one_by_one(model, rate, style, stream, masks):
    """Train a model with the engine; `masks` holds, for each window, those of inputs, outputs."""
    model.embed[1], model.readout[0] = Given(), Given()
    adam = torch.optim.Adam(model.parameters(), rate)
    per_update = iter(masks)

    def supply():
        of_inputs, of_outputs = next(per_update, ([], []))
        model.embed[1].masks, model.readout[0].masks = list(of_inputs), list(of_outputs)
        model.readout[0].trials = 2 if len(of_outputs) > 1 else 0

    supply()
    zeros = torch.zeros(BATCH, model.cell.hidden_size, dtype=torch.float64)
    for _ in text.updates(model, style, stream, zeros):
        assert not model.embed[1].masks
        assert not model.readout[0].masks
        adam.step()
        adam.zero_grad()
        supply()
    assert next(per_update, None) is None
    return model


def drawn(together, window):
    """For each seed, the masks of a window's inputs and outputs."""
    masks = together.masks[:, : window.old + window.steps].clone()
    inputs, outputs = masks.split([together.features, together.hidden], dim=3)
    return list(zip(inputs, outputs[:, window.old :], strict=True))


@pytest.mark.parametrize("style", STYLES, ids=lambda style: f"{style.style} {style.k2}")
def test_an_epoch_is_the_same_as_one_by_one(style, initial, texts):
    # Every weight of every model, after each has taken all its steps of Adam.
    together = SideBySide(initial, RATES, SEEDS, style, texts)
    used = [[] for _ in SEEDS]
    for window in together.plan():
        together.update(window)
        for masks, pair in zip(used, drawn(together, window), strict=True):
            masks.append(pair)
    for number, (rate, seed) in enumerate(itertools.product(RATES, SEEDS)):
        torch.manual_seed(0)
        model = text.LanguageModel(WORDS).double()
        model.load_state_dict(initial[seed].state_dict())
        one_by_one(model, rate, style, texts[0], used[seed])
        ours = weights_of(together, number)
        for name, weight in model.named_parameters():
            moved = weight - initial[seed].get_parameter(name)
            assert moved.abs().max() > rate, name
            torch.testing.assert_close(ours[name], weight.detach(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("chunk", [4, 8])
def test_a_state_is_carried_with_the_units_dropped_that_the_readout_saw(chunk, initial, texts):
    # The outputs that the readout saw last are the state that the next chunk starts from.
    style = text.Style("epochwise", chunk, chunk, chunk)
    together = SideBySide(initial, RATES, SEEDS, style, texts, dropped=True)
    assert all(window.old == 0 for window in together.plan())
    for window in together.plan():
        together.update(window)
        last = drawn(together, window)
        for model, state in enumerate(together.states[:, window.steps]):
            mask = last[model % len(SEEDS)][1][-1]
            assert (mask == 0).any()
            assert torch.equal(state == 0, mask == 0)


def test_what_runs_steps_twice_has_no_state_to_drop(initial, texts):
    style = text.Style("semi-epochwise", 4, 8, 4)
    with pytest.raises(ValueError, match="semi-epochwise runs steps twice"):
        SideBySide(initial, RATES, SEEDS, style, texts, dropped=True)


def test_a_score_is_the_evaluation_of_one_model(initial, texts):
    together = SideBySide(initial, RATES, SEEDS, STYLES[0], texts)
    for steps in together.scores():
        together.score(steps)
    for number, mean in enumerate(together.means()):
        model = initial[number % len(SEEDS)].float()
        assert mean == pytest.approx(text.evaluate(model, texts[1]), rel=1e-5)


def test_dropout_is_that_of_the_seed_at_every_rate_and_beside_any_other(initial, texts):
    both = SideBySide(initial, RATES, SEEDS, STYLES[0], texts)
    alone = SideBySide(initial[1:], RATES[1:], SEEDS[1:], STYLES[0], texts)
    for window in both.plan():
        both.update(window)
        alone.update(window)
        assert torch.equal(both.masks[1], alone.masks[0])
    for ours, other in zip(both.weights, alone.weights, strict=True):
        torch.testing.assert_close(ours[-1], other[0], rtol=1e-10, atol=1e-12)


def test_models_begin_anew(initial, texts):
    together = SideBySide(initial, RATES, SEEDS, STYLES[0], texts)
    captured = Captured(torch.device("cpu"))
    ptb.prepare(together, captured)
    first = list(ptb.train(together, captured, 2))
    together.reset()
    assert list(ptb.train(together, captured, 2)) == first
    assert first[0] != first[1]


def test_a_run_reports_the_best_epoch_of_every_model(initial, texts, tmp_path, monkeypatch):
    monkeypatch.setattr(text, "streams", lambda split, folder: (WORDS, *texts))
    curves = tmp_path / "curves.csv"
    (first, *_) = ptb.grid(2, epochs=3, curves=curves)
    rows = ptb.run(**first)
    with curves.open() as file:
        recorded = list(csv.DictReader(file))
    assert len(rows) == len(ptb.LEARNING_RATES) * 2
    assert len(recorded) == 3 * len(rows)
    for row in rows:
        losses = [
            float(line["loss"]) for line in recorded
            if (float(line["learning_rate"]), int(line["seed"]))
            == (row["learning_rate"], row["seed"])
        ]  # fmt: skip
        assert row["loss"] == pytest.approx(min(losses), abs=1e-4)
        assert row["epoch"] == losses.index(min(losses)) + 1


def test_the_grid_has_every_published_cell():
    grid = ptb.grid(3)
    assert [run["carried"] for run in grid] == ["whole"] * 13 + ["dropped"] * 3
    runs = {(run["style"], run["k2"], run["chunk"]) for run in grid if run["carried"] == "whole"}
    published = table("published_text.csv")
    assert {(row["style"], int(row["k2"]), int(row["chunk"])) for row in published} < runs
    assert {float(row["learning_rate"]) for row in published} == set(ptb.LEARNING_RATES)
