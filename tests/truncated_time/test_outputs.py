"""Every output of a chunk is scored where that is what is asked."""

import pytest
import torch

from truncated_time.experiments import cures, outputs
from truncated_time.experiments.shared.chunked import Classifier


def test_every_output_of_a_chunk_is_scored():
    torch.manual_seed(0)
    net = Classifier(1, cures.HIDDEN)
    x, y = cures.sequences("SameRandom", cures.EXAMPLES, 20, 0)
    torch.manual_seed(1)
    scored = outputs.one_pass(net, x, y)
    torch.manual_seed(1)
    with torch.no_grad():
        states, _ = net.gru(x, net.start("Random", len(y)))
        logits = net.readout(states)
    losses = [torch.nn.functional.cross_entropy(step, y).item() for step in logits]
    assert scored == pytest.approx(sum(losses) / 20, abs=1e-5)
    trained = outputs.run(0, passes=1, steps=20)
    assert [row["epoch"] for row in trained] == [1]
