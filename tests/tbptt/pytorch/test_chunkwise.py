"""The full gradient in chunks: the same numbers, in the room of one chunk, or a refusal."""

import numpy as np
import pytest
import torch
from torch import nn

from tbptt import Truncation
from tbptt.pytorch import backward, chunked_loss
from tbptt.pytorch.chunkwise import chunkwise
from tbptt.pytorch.recurrences import MinGRU, SelectiveCell

STEPS = 24


def sequence(seed=0):
    torch.manual_seed(seed)
    return torch.randn(STEPS, 3, 2), torch.randn(3, 4)


def squared(outputs):
    return outputs.square().sum()


def gradients(cell):
    return torch.cat([weight.grad.flatten() for weight in cell.parameters()])


class Live:
    """The most bytes that autograd holds for the way back at any time, but for the weights."""

    def __init__(self, *weights):
        self._weights = {weight.untyped_storage().data_ptr() for weight in weights}
        self._counts, self._now, self.most = {}, 0, 0

    def pack(self, tensor):
        return _Held(self, tensor.detach())

    def hold(self, tensor, change):
        storage = tensor.untyped_storage()
        key = storage.data_ptr()
        if key in self._weights:
            return
        before = self._counts.get(key, 0)
        self._counts[key] = before + change
        if (before == 0) != (before + change == 0):
            self._now += change * storage.nbytes()
        self.most = max(self.most, self._now)


class _Held:
    def __init__(self, live, tensor):
        self._live, self.tensor = live, tensor
        live.hold(tensor, 1)

    def __del__(self):
        self._live.hold(self.tensor, -1)


def most_held(call, cell):
    live = Live(*cell.parameters())
    with torch.autograd.graph.saved_tensors_hooks(live.pack, lambda held: held.tensor):
        call()
    return live.most


@pytest.mark.parametrize("make", [lambda: nn.GRUCell(2, 32), lambda: MinGRU(2, 32)])
def test_what_is_held_grows_with_the_chunk_and_not_with_the_steps(make):
    cell = make()

    def held(steps, chunk):
        x, zero = torch.randn(steps, 8, 2), torch.zeros(8, 32)
        return most_held(lambda: chunkwise(cell, lambda out: out.sum(), x, zero, chunk), cell)

    def whole(steps):
        state, outputs = torch.zeros(8, 32), []
        for x in torch.randn(steps, 8, 2):
            state = cell(x, state)
            outputs.append(state)
        torch.stack(outputs).sum().backward()

    assert held(256, 8) == held(64, 8)
    assert held(256, 32) > 2.5 * held(256, 8)
    assert most_held(lambda: whole(256), cell) > 3 * most_held(lambda: whole(64), cell)


def test_hooks_of_weights_see_the_whole_gradient_once():
    cell, (x, state), seen = nn.GRUCell(2, 4), sequence(), []
    cell.weight_hh.register_hook(lambda grad: seen.append(grad.clone()))
    chunkwise(cell, squared, x, state, 5)
    assert len(seen) == 1
    assert torch.equal(seen[0], cell.weight_hh.grad)


def test_inputs_and_what_the_loss_uses_get_their_gradients():
    cell, readout, (x, state) = nn.LSTMCell(2, 4), nn.Linear(4, 1), sequence()
    x.requires_grad_()

    def run(way, *options):
        for tensor in (x, *cell.parameters(), *readout.parameters()):
            tensor.grad = None
        embedded = x * 2
        embedded.retain_grad()
        way(
            cell, lambda out: readout(out).square().sum(), embedded, (state, state), *options,
        )  # fmt: skip
        return [
            tensor.grad.clone()
            for tensor in (x, embedded, *cell.parameters(), *readout.parameters())
        ]

    for ours, wanted in zip(
        run(chunkwise, 7), run(backward, Truncation(STEPS, STEPS)), strict=True
    ):
        torch.testing.assert_close(ours, wanted, rtol=1e-4, atol=1e-5)


def test_a_loss_in_chunks_holds_neither_all_states_nor_all_logits():
    cell, readout, (x, state) = MinGRU(2, 4), nn.Linear(4, 9), sequence()
    targets = torch.randint(9, (STEPS, 3))

    def summed(logits, words):
        return nn.functional.cross_entropy(logits.flatten(0, 1), words.flatten(), reduction="sum")

    chunkwise(cell, chunked_loss(readout, summed, targets, chunk=5), x, state, 5)
    ours = gradients(cell)
    cell.zero_grad()
    outputs, _ = cell.at_once(x, state)
    summed(readout(outputs), targets).backward()
    torch.testing.assert_close(ours, gradients(cell), rtol=1e-4, atol=1e-5)


def test_calls_one_after_the_other_are_cut_as_ever():
    cell, (x, _) = SelectiveCell(2, states=3), sequence()
    zero = cell.begin(3)
    loss, _, now = chunkwise(cell, squared, x[:12], zero, 4)
    again, outputs, last = chunkwise(cell, squared, x[12:], now, 4)
    ours = gradients(cell)
    cell.zero_grad()
    total, all_outputs, wanted = backward(cell, squared, x, zero, Truncation(12, 12))
    torch.testing.assert_close(ours, gradients(cell), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(loss + again, total)
    torch.testing.assert_close(outputs, all_outputs[12:])
    for part, other in zip(last, wanted, strict=True):
        torch.testing.assert_close(part, other)
        assert not part.requires_grad


class Dropped(nn.RNNCell):
    def forward(self, x, h):
        return nn.functional.dropout(super().forward(x, h), 0.5)


class Stranger(nn.RNNCell):
    scale = [torch.ones(4, requires_grad=True)]  # noqa: RUF012  # hidden from the module

    def forward(self, x, h):
        return super().forward(x, h) * self.scale[0]


class Doubled(MinGRU):
    """Its step has been changed, and its form for many steps has not."""

    def forward(self, x, h):
        return 2 * super().forward(x, h)


@pytest.mark.parametrize(
    ("cell", "options", "error", "words"),
    [
        (Dropped(2, 4), {}, ValueError, "another answer when a chunk was run again"),
        (Stranger(2, 4), {}, ValueError, "uses a tensor of shape .* make it a parameter"),
        (Doubled(2, 4), {}, ValueError, "gives another first step than the cell itself"),
        (nn.GRUCell(2, 4), {"at_once": True}, ValueError, "GRUCell is no ParallelCell"),
        (nn.GRUCell(2, 4), {"at_once": "yes"}, TypeError, "at_once must be True, False or None"),
        (nn.GRUCell(2, 4), {"chunk": 0}, ValueError, "chunk must be at least 1"),
        (lambda x, h: h, {}, TypeError, r"cell must be an nn\.Module, got function"),
    ],
)
def test_what_would_be_wrong_is_refused_and_changes_nothing(cell, options, error, words):
    x, state = sequence()
    weights = list(cell.parameters()) if isinstance(cell, nn.Module) else []
    for weight in weights:
        weight.grad = torch.ones_like(weight)
    torch.manual_seed(5)
    with pytest.raises(error, match=words):
        chunkwise(cell, squared, x, state, **{"chunk": 5, **options})
    assert all(weight.grad.eq(1).all() for weight in weights)
    drawn = torch.rand(3)
    torch.manual_seed(5)
    assert torch.equal(drawn, torch.rand(3))


def test_a_patched_cell_goes_step_by_step_if_asked():
    cell, (x, state) = Doubled(2, 4), sequence()
    with torch.no_grad():
        for weight in cell.parameters():
            weight.fill_(0.1)
    chunkwise(cell, squared, x / 9, state / 1e3, 5, at_once=False)
    ours = gradients(cell)
    cell.zero_grad()
    backward(cell, squared, x / 9, state / 1e3, Truncation(STEPS, STEPS))
    torch.testing.assert_close(ours, gradients(cell), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("chosen", [torch.zeros(2, 2), np.ones(3), "yes", 1])
def test_a_choice_is_true_false_or_none(chosen):
    with pytest.raises(TypeError, match="at_once must be True, False or None, got"):
        chunkwise(nn.GRUCell(1, 2), torch.sum, torch.ones(4, 2, 1), torch.zeros(2, 2), 2,
                  at_once=chosen)  # fmt: skip
    with pytest.raises(TypeError, match="derived must be True, False or None, got"):
        backward(nn.GRUCell(1, 2), torch.sum, torch.ones(4, 2, 1), torch.zeros(2, 2),
                 Truncation(1, 2), derived=chosen)  # fmt: skip
