"""Models side by side, held against the engine that trains them one by one."""

import itertools

import pytest
import torch
from torch import nn

from truncated_time.experiments import text
from truncated_time.experiments.side_by_side import SideBySide

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

    def forward(self, values):
        many = values.ndim == 3
        steps = len(values) if many else 1
        mask, self.masks = self.masks[:steps], self.masks[steps:]
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


def one_by_one(model, rate, style, stream, masks, monkeypatch):
    """Train a model with the engine; `masks` holds, for each window, those of inputs, outputs."""
    model.embed[1], model.readout[0] = Given(), Given()
    adam = torch.optim.Adam(model.parameters(), rate)
    per_update = iter(masks)

    def supply():
        of_inputs, of_outputs = next(per_update, ([], []))
        model.embed[1].masks, model.readout[0].masks = list(of_inputs), list(of_outputs)

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


@pytest.mark.parametrize("style", STYLES, ids=lambda style: f"{style.style} {style.k2}")
def test_an_epoch_is_the_same_as_one_by_one(style, initial, texts, monkeypatch):
    # Every weight of every model, after each has taken all its steps of Adam.
    together = SideBySide(initial, RATES, SEEDS, style, texts)
    used = [[] for _ in SEEDS]
    for window in together.plan():
        together.update(window)
        steps = window.old + window.steps
        for masks, drawn in zip(used, together.masks[:, :steps].clone(), strict=True):
            inputs, outputs = drawn.split([together.features, together.hidden], dim=2)
            masks.append((inputs, outputs[window.old :]))
    for number, (rate, seed) in enumerate(itertools.product(RATES, SEEDS)):
        torch.manual_seed(0)
        model = text.LanguageModel(WORDS).double()
        model.load_state_dict(initial[seed].state_dict())
        one_by_one(model, rate, style, texts[0], used[seed], monkeypatch)
        ours = weights_of(together, number)
        for name, weight in model.named_parameters():
            moved = weight - initial[seed].get_parameter(name)
            assert moved.abs().max() > rate, name
            torch.testing.assert_close(ours[name], weight.detach(), rtol=1e-10, atol=1e-12)
