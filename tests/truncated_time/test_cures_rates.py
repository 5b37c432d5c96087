"""Networks side by side learn what each would learn alone, whatever the cure."""

import pytest
import torch

from truncated_time.experiments import cures, cures_rates, outputs
from truncated_time.experiments.shared.chunked import Classifier, one_pass
from truncated_time.experiments.shared.fleet import Adam

STEPS, SEEDS = 20, 2


def fleet(cure):
    """Networks of a cure, their sequences, where they begin, and their Adam."""
    rates = cures_rates.RATES[cure]
    nets = cures_rates.begin(SEEDS, rates)
    x, y = cures_rates.data(SEEDS, len(rates), cures.EXAMPLES, STEPS, 0)
    adam = Adam([rate for rate in rates for _ in range(SEEDS)], nets)
    state = torch.randn(*y.shape, cures.HIDDEN, generator=torch.Generator().manual_seed(0))
    return nets, x, y, adam, state.clamp(-1, 1)


def alone(cure, place, state):
    """The same, of one network, with the engines of ``cures``."""
    rate, seed = cures_rates.RATES[cure][place // SEEDS], place % SEEDS
    torch.manual_seed(seed)
    net = Classifier(1, cures.HIDDEN)
    x, y = cures.sequences("DiffDistRandom", cures.EXAMPLES, STEPS, seed)
    optimizer = torch.optim.Adam(net.parameters(), rate)
    torch.manual_seed(9)
    if cure == "shuffled":
        stored = torch.zeros(STEPS // cures.CHUNK + 1, 1, len(y), cures.HIDDEN)
        stored[0, 0] = state[place]
        losses = cures.shuffled_pass(net, x, y, cures.CHUNK, stored, optimizer)
    else:
        how = {"one update": "once", "loss at the end": "last"}.get(cure, "each")
        carry = cures.carries(net).get(cure)
        losses = one_pass(net, x, y, cures.CHUNK, state[place][None], optimizer, carry, how).losses
    return net, losses.mean()


@pytest.mark.parametrize(
    "cure", ["none", "zero state", "shuffled", "one update", "loss at the end"]
)
def test_a_network_among_others_is_a_network_alone(cure, monkeypatch):
    nets, x, y, adam, state = fleet(cure)
    monkeypatch.setattr(cures_rates, "start", lambda *_: state)
    torch.manual_seed(9)
    stored = torch.zeros(len(x) + 1, *y.shape, cures.HIDDEN)
    losses = cures_rates.one_pass(nets, cure, x, y, adam, stored)
    for place in range(len(y)):
        net, loss = alone(cure, place, state)
        assert losses[place] == pytest.approx(loss.item(), abs=1e-5)
        for ours, theirs in zip(nets, net.parameters(), strict=True):
            assert torch.allclose(ours[place], theirs, atol=1e-5)


def test_frozen_passes_are_those_of_one_network(monkeypatch):
    nets, x, y, _, state = fleet("none")
    monkeypatch.setattr(cures_rates, "start", lambda *_: state)
    losses, last, right = cures_rates.frozen(nets, "none", x, y)
    net = Classifier(1, cures.HIDDEN)
    for place in (0, len(y) - 1):
        for weight, ours in zip(net.parameters(), nets, strict=True):
            weight.data = ours[place].detach()
        series = x[:, place].flatten(0, 1)
        alone = one_pass(net, series, y[place], cures.CHUNK, state[place][None])
        assert losses[place] == pytest.approx(alone.losses.mean().item(), abs=1e-5)
        assert last[place] == pytest.approx(alone.losses[-1].item(), abs=1e-5)
        assert right[place] == pytest.approx(alone.accuracies[-1].item())


def test_dropout_is_for_training_and_zeros_are_for_good():
    ones = torch.ones(2, 3, cures.HIDDEN)
    assert (cures_rates.carry("dropout", training=True)(ones) == 0).any()
    assert torch.equal(cures_rates.carry("dropout", training=False)(ones), ones)
    for training in (True, False):
        assert not cures_rates.carry("zero state", training=training)(ones).any()
        assert torch.equal(cures_rates.carry("none", training=training)(ones), ones)


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
