"""The claims of the page that goes from symptom to cause."""

import re
from pathlib import Path

import numpy as np
import pytest

TEXT = (Path(__file__).parents[2] / "chapters" / "symptoms.md").read_text("utf-8")
ROWS = [line.split(" | ") for line in TEXT.splitlines() if line.startswith("| ")]


def test_every_symptom_has_a_cause_and_leads_somewhere():
    rows = [row for row in ROWS if "you see" not in row[0] and "---" not in row[0]]
    assert len(rows) >= 25
    for row in rows:
        assert len(row) == 3, row
        assert re.search(r"\]\([\w.#-]+\)", row[2]), row


@pytest.mark.parametrize(
    ("outputs", "targets"), [((8, 10, 1), (8, 1)), ((8, 1), (8, 10, 1))], ids=["each", "last"]
)
def test_keras_stretches_the_smaller_one(outputs, targets):
    import keras

    rng = np.random.default_rng(0)
    guess, wanted = rng.normal(size=outputs), rng.normal(size=targets)
    loss = float(np.mean(keras.losses.mean_squared_error(wanted, guess)))
    each = {len(shape): array for array, shape in ((guess, outputs), (wanted, targets))}
    # Rows of the one are set against rows of the other: (8, 10, 1) and (1, 8, 1) do not fit,
    # so what has two axes is given a third one.
    stretched = each[2][:, None]
    assert loss == pytest.approx(np.square(each[3] - stretched).mean(), rel=1e-5)


def test_classes_on_the_last_axis_are_refused_or_misread():
    import torch

    logits, classes = torch.randn(8, 10, 5), torch.zeros(8, 10, dtype=torch.long)
    with pytest.raises(RuntimeError, match=r"Expected target size \[8, 5\], got \[8, 10\]"):
        torch.nn.functional.cross_entropy(logits, classes)
    torch.nn.functional.cross_entropy(logits.swapaxes(1, 2), classes)


def test_an_optimiser_with_other_parameters_updates_nothing():
    import torch

    layer, other = torch.nn.GRU(2, 3), torch.nn.GRU(2, 3)
    sgd = torch.optim.SGD(other.parameters(), 0.1)
    before = layer.weight_hh_l0.detach().clone()
    layer(torch.randn(4, 1, 2))[0].sum().backward()
    sgd.step()
    assert torch.equal(layer.weight_hh_l0, before)
