"""The sequences with one label, and the loops of the leak's experiments."""

import numpy as np
import pytest
import torch

from truncated_time.experiments import cures, digits, rates, starts
from truncated_time.experiments.shared.chunked import Classifier, one_pass, sequences
from truncated_time.tasks import labelled_sequences


def test_what_the_labels_have_to_do_with_the_numbers():
    made = {}
    for kind in ("Zeros", "SameRandom", "SameDistRandom", "DiffDistRandom"):
        x, y = labelled_sequences(kind, 40, 500, seed=1)
        assert (x.shape, x.dtype) == ((80, 500, 1), np.float32)
        assert y.tolist() == [0] * 40 + [1] * 40
        made[kind] = x[:40], x[40:]
    assert not np.any(made["Zeros"])
    assert (made["SameRandom"][0] == made["SameRandom"][1]).all()
    for kind, means in (("SameDistRandom", (0, 0)), ("DiffDistRandom", (0, 0.5))):
        zero, one = made[kind]
        assert not np.allclose(zero, one - means[1])
        assert zero.mean() == pytest.approx(means[0], abs=0.03)
        assert one.mean() == pytest.approx(means[1], abs=0.03)
        assert zero.std() == pytest.approx(one.std(), abs=0.03) == pytest.approx(1, abs=0.03)
    again, _ = labelled_sequences("SameDistRandom", 40, 500, seed=1)
    assert (again[:40] == made["SameDistRandom"][0]).all()


def test_sequences_that_cannot_be_made():
    with pytest.raises(ValueError, match=r"data_type must be one of .*'SameRandom'.*, got 'Ones'"):
        labelled_sequences("Ones", 1, 1, seed=0)
    with pytest.raises(ValueError, match="examples_per_class must be at least 1"):
        labelled_sequences("Zeros", 0, 1, seed=0)
    with pytest.raises(TypeError, match="steps must be an integer"):
        labelled_sequences("Zeros", 1, 1.5, seed=0)


@pytest.fixture
def setting():
    torch.manual_seed(0)
    x, y = sequences("DiffDistRandom", 3, 23, 0)
    net = Classifier(1, 4)
    return net, x, y, net.start("Random", 6)


def test_a_frozen_pass_changes_nothing_and_carries_the_state(setting):
    net, x, y, state = setting
    before = [weight.clone() for weight in net.parameters()]
    done = one_pass(net, x, y, 5, state)
    assert len(done.losses) == 5  # the last chunk has three steps
    assert all((old == new).all() for old, new in zip(before, net.parameters(), strict=True))
    torch.testing.assert_close(done.state, net(x, state)[1])
    alone = one_pass(net, x, y, 5, state, carry=torch.zeros_like)
    torch.testing.assert_close(alone.state, torch.zeros_like(state))


@pytest.mark.parametrize(("update", "updates"), [("each", 5), ("once", 1), ("last", 1)])
def test_when_weights_are_updated_and_by_what(setting, update, updates):
    net, x, y, state = setting
    before = [weight.detach().clone() for weight in net.parameters()]
    optimizer = torch.optim.SGD(net.parameters(), 1.0)
    steps = []
    optimizer.register_step_post_hook(lambda *_: steps.append(1))
    one_pass(net, x, y, 5, state, optimizer, update=update)
    assert len(steps) == updates
    if update == "each":
        return
    # The same gradient from one graph, cut at the chunks.
    same = Classifier(1, 4)
    same.load_state_dict(dict(zip(net.state_dict(), before, strict=True)))
    losses, now = [], state
    for chunk in x.split(5):
        logits, now = same(chunk, now.detach())
        losses.append(torch.nn.functional.cross_entropy(logits, y))
    (losses[-1] if update == "last" else torch.stack(losses).mean()).backward()
    torch.nn.utils.clip_grad_norm_(same.parameters(), 1.0)
    for old, new, weight in zip(before, net.parameters(), same.parameters(), strict=True):
        torch.testing.assert_close(old - new.detach(), weight.grad)


@pytest.mark.parametrize("cure", cures.CURES)
def test_every_cure_runs(cure, monkeypatch):
    monkeypatch.setattr(cures, "STEPS", 20)
    monkeypatch.setattr(cures, "TEST_STEPS", 10)
    monkeypatch.setattr(cures, "EPOCHS", 2)
    monkeypatch.setattr(cures, "OTHER_EPOCHS", {})
    rows = cures.run(cure, "SameRandom", 5, seed=0)
    assert [row["epoch"] for row in rows] == [1, 2]
    assert rows == cures.run(cure, "SameRandom", 5, seed=0)
    if cure == "zero state":  # twins in one state cannot be told apart
        assert all(row["frozen_loss"] >= np.log(2) - 1e-4 for row in rows)


def test_shuffled_chunks_store_the_state_behind_them(setting):
    net, x, y, state = setting
    optimizer = torch.optim.SGD(net.parameters(), 0.0)  # weights stay: states can be worked out
    stored = torch.zeros(5, 1, 6, 4)
    for _ in range(4):  # after as many visits as chunks, every state is what a pass makes it
        stored[0] = state
        cures.shuffled_pass(net, x[:20], y, 5, stored, optimizer)
    torch.testing.assert_close(stored[-1], net(x[:20], state)[1])


def test_digits_and_starts_run(monkeypatch):
    monkeypatch.setattr(digits, "EPOCHS", 1)
    monkeypatch.setattr(digits, "TRAINING", 16)
    (row,) = digits.run("once", 8, 16, seed=0)
    assert 0 <= row["test_accuracy"] <= 1
    first, second = rates.run("once", digits.LEARNING_RATE, 2, seed=0)
    (shorter,) = digits.run("once", digits.BATCH, digits.CHUNK, seed=0)
    assert {key: shorter[key] for key in first if key in shorter} == {
        key: value for key, value in first.items() if key in shorter
    }
    assert second["epoch"] == 2
    with_other = rates.run("once", 0.001, 1, seed=0)
    assert with_other[0]["frozen_loss"] != first["frozen_loss"]
    monkeypatch.setattr(starts, "PASSES", 1)
    monkeypatch.setattr(starts, "WINDOWS", 2)
    for start in starts.STARTS:
        rows = starts.run("continued", 6, start, seed=0)
        assert len(rows) == 4 * starts.WINDOW
        early = [[r["loss"] for r in rows if r["reset"] == reset][: starts.LATE]
                 for reset in ("never", "late")]  # fmt: skip
        assert early[0] == early[1]  # the same until the late reset
    assert len(starts.run("one beginning", 6, "learned", seed=0)) == starts.WINDOW


def test_sequences_that_begin_alike():
    words = starts.alone(seed=0)
    assert words.shape == (starts.WINDOW + 1, starts.ROWS * starts.WINDOWS)
    # What is echoed by the first answers is the hidden beginning, for all rows.
    for step, word in enumerate(starts.BEGINNING):
        assert (words[step] == word).float().mean() == pytest.approx(0.95, abs=0.03)
