"""What models carry: shapes against cells and modules that have such a state."""

import re

import pytest
import torch
from torch import nn

from tbptt.carried import MODELS, carried, context_alike
from tbptt.pytorch.recurrences import GatedLinearAttention, MinGRU, MinLSTM, SelectiveCell
from tbptt.pytorch.segments import SegmentAttention

WIDTH = 12


def numbers(state):
    return sum(part[0].numel() for part in (state if isinstance(state, tuple) else (state,)))


@pytest.mark.parametrize(
    ("model", "layer"),
    [("rnn", nn.RNN), ("gru", nn.GRU), ("lstm", nn.LSTM)],
)
def test_layers_of_pytorch(model, layer):
    _, state = layer(WIDTH, WIDTH)(torch.zeros(5, 1, WIDTH))
    assert carried(model, width=WIDTH).numbers == numbers(state)


@pytest.mark.parametrize(("model", "cell"), [("mingru", MinGRU), ("minlstm", MinLSTM)])
def test_minimal_cells(model, cell):
    assert carried(model, width=WIDTH).numbers == numbers(cell(WIDTH, WIDTH).begin(1))


def test_a_selective_cell_and_its_tail():
    for taps in (2, 4):
        parts = carried("mamba", width=WIDTH, expand=1, states=5, taps=taps).parts
        _, tail, channels = SelectiveCell(WIDTH, states=5, taps=taps).begin(1)
        assert parts == {"channels": (WIDTH, 5), "tail": (taps - 1, WIDTH)}
        assert (parts["tail"][0] * parts["tail"][1], WIDTH * 5) == (tail.numel(), channels.numel())
    assert carried("mamba", width=WIDTH, taps=1).parts == {"channels": (2 * WIDTH, 16)}


def test_gated_linear_attention():
    (shape,) = carried("gla", width=WIDTH, heads=2).parts.values()
    cell = GatedLinearAttention(WIDTH, *shape)
    outputs, matrices = cell.begin(1)
    assert outputs.shape[1] == WIDTH
    assert carried("gla", width=WIDTH, heads=2).numbers == matrices.numel()


def test_a_memory_in_layers():
    model = SegmentAttention(WIDTH, layers=3, width=5)
    _, memory = model(torch.zeros(20, 1, WIDTH), model.begin(1))
    shape = carried("transformer-xl", width=WIDTH, memory=5).parts["memory"]
    assert [tuple(kept[:, 0].shape) for kept in memory] == 3 * [shape]


def test_counts_of_published_models():
    # Mamba 2's cache, as its `allocate_inference_cache` shapes it, but for one column of the tail.
    mamba2 = carried("mamba2", width=1024).parts
    assert mamba2 == {"channels": (32, 64, 128), "tail": (3, 2304)}
    # An mLSTM's `c_state`, `n_state` and `m_state`.
    mlstm = carried("mlstm", width=1024).parts
    assert mlstm["matrices"] == (4, 512, 512)
    assert (mlstm["normalisers"], mlstm["stabilisers"]) == ((4, 512), (4,))
    assert carried("slstm", width=10).numbers == 4 * 10 + 3 * 10
    assert carried("s4", width=10).numbers == carried("s4", width=10, states=64).numbers == 640
    assert carried("s5", width=10, states=8).numbers == 8
    assert carried("deltanet", width=256).parts == {"matrices": (2, 128, 128), "tail": (3, 768)}
    assert carried("rwkv7", width=128).numbers == 2 * 64 * 64 + 2 * 128
    assert carried("rmt", width=8, memory=3).numbers == 24


def test_attention_keeps_two_numbers_a_step_and_channel():
    for context in (1, 50):
        assert carried("attention", width=8, context=context).numbers == 16 * context
    assert carried("attention", width=8, context=3, itemsize=2).bytes == 96
    for model in ("lstm", "mamba", "mamba2", "gla"):
        steps = context_alike(model, width=1024)
        kept = carried("attention", width=1024, context=steps).numbers
        assert kept >= carried(model, width=1024).numbers
        less = max(steps - 1, 1)
        assert steps == 1 or 2 * 1024 * less < carried(model, width=1024).numbers


def test_every_model_has_its_source_and_its_words():
    assert len({model.name for model in MODELS}) == len(MODELS) == 17
    for model in MODELS:
        assert re.search(r"arXiv:\d{4}\.\d{4,5}$|, (19|20)\d\d$", model.source), model.source
        assert all(model), model
        assert carried(model.name, width=1024).numbers > 0


def test_bad_input():
    with pytest.raises(ValueError, match="There is no model 'mamba3'; there are rnn, gru"):
        carried("mamba3", width=8)
    with pytest.raises(TypeError, match="mamba has no size 'heads'; it has width, states, expand"):
        carried("mamba", width=8, heads=2)
    with pytest.raises(ValueError, match="Half the width 5 cannot be shared by 4 heads"):
        carried("gla", width=10, heads=4)
    with pytest.raises(ValueError, match="states must be even, got 3"):
        carried("s4", width=8, states=3)
    with pytest.raises(ValueError, match="width must be at least 1"):
        carried("rnn", width=0)
    with pytest.raises(TypeError, match="model must be a string"):
        carried(3, width=8)
