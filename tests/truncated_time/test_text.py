"""The language model of the text experiment, on words of its own."""

import hashlib
import itertools

import pytest
import torch

from truncated_time.experiments import text
from truncated_time.tasks import treebank


@pytest.fixture
def stream():
    generator = torch.Generator().manual_seed(0)
    return torch.randint(7, (61, 2), generator=generator)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(text, "HIDDEN", 6)
    monkeypatch.setattr(text, "EMBEDDING", 3)
    torch.manual_seed(0)
    return text.LanguageModel(7)


@pytest.mark.parametrize("style", text.STYLES, ids=lambda style: f"{style.style} {style.chunk}")
def test_one_gradient_a_chunk_for_every_style(small, stream, style):
    losses = list(text.updates(small, style, stream, torch.zeros(2, 6)))
    assert len(losses) == -(-60 // style.chunk)
    assert all(weight.grad is not None for weight in small.parameters())


def test_epochwise_and_accumulated_differ_in_nothing_but_when_they_update(small, stream):
    # Without updates and dropout, the gradients of a stream add up to the same.
    small.eval()
    found = []
    for style in (text.Style("epochwise", 5, 5, 5), text.Style("accumulated", 5, 5, 20)):
        small.zero_grad()
        for _ in text.updates(small, style, stream, torch.zeros(2, 6)):
            pass
        scale = style.chunk  # each loss is a mean over its chunk
        found.append([scale * weight.grad for weight in small.parameters()])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_evaluation_is_the_mean_over_the_whole_stream(small, stream):
    small.eval()
    state, total = torch.zeros(2, 6), 0.0
    for now, then in itertools.pairwise(stream):
        state = small.step(now, state)
        total += torch.nn.functional.cross_entropy(small.readout(state), then).item()
    assert text.evaluate(small, stream) == pytest.approx(total / 60, rel=1e-5)
    assert small.training


def test_a_run_reports_its_best_epoch(monkeypatch, stream):
    found = iter([3.0, 2.0, 2.5])
    monkeypatch.setattr(text, "streams", lambda split, folder: (7, stream, stream))
    monkeypatch.setattr(text, "BATCH", 2)
    monkeypatch.setattr(text, "evaluate", lambda model, stream: next(found))
    row = text.run("true", 1, 5, 20, 0.001, 0, "small", epochs=3)
    assert (row["loss"], row["epoch"]) == (2.0, 2)


def test_the_published_rows_come_first():
    runs = text.grid(3)
    names = [run["style"] for run in runs]
    assert len(runs) == 3 * 3 * 13
    assert names.index("accumulated") == 3 * 3 * 10


def test_words_get_numbers_by_the_training_text():
    training = ["a", "b", "a", "<unk>", "b", "c", "<unk>"]
    size, (one, other) = treebank.numbered(training, ["a", "z", "c"], least=2)
    assert size == 3  # <unk>, a and b, in this order
    assert one.tolist() == [1, 2, 1, 0, 2, 0, 0]
    assert other.tolist() == [1, 0, 0]
    with pytest.raises(ValueError, match=r"1 words, 'z' for one.*has no '<unk>'"):
        treebank.numbered(["a", "b"], ["z"])


def test_a_file_that_is_not_there_and_cannot_be_had(tmp_path, monkeypatch):
    monkeypatch.setattr(treebank, "URL", "http://127.0.0.1:9/")
    with pytest.raises(ConnectionError, match="f26c4b92c5fdc7b3f8c7cdcb991d8420"):
        treebank.words("train", tmp_path)
    with pytest.raises(ValueError, match="must be 'train', 'valid' or 'test', got 'all'"):
        treebank.words("all", tmp_path)


def test_a_file_with_another_sum_is_not_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(treebank, "URL", "http://127.0.0.1:9/")
    (tmp_path / "ptb.test.txt").write_text("not the treebank\n")
    with pytest.raises(ConnectionError, match="its MD5 sum is 8b80168b89c18661a38ef683c0dc3721"):
        treebank.words("test", tmp_path)


def test_sentences_end(tmp_path, monkeypatch):
    content = " no it was n't \n black monday \n"
    (tmp_path / "ptb.test.txt").write_text(content)
    digest = hashlib.md5(content.encode(), usedforsecurity=False).hexdigest()
    monkeypatch.setitem(treebank.MD5, "ptb.test.txt", digest)
    wanted = ["no", "it", "was", "n't", "<eos>", "black", "monday", "<eos>"]
    assert treebank.words("test", tmp_path) == wanted
