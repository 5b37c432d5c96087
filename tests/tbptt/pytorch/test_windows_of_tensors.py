"""Windows of PyTorch's tensors, or the call that makes an array of one."""

import numpy as np
import pytest
import torch

from tbptt.windows import forecast_windows, in_lanes, prepare_sequences

SERIES = torch.arange(6.0).reshape(3, 2)


def test_a_tensor_on_the_cpu_is_cut_as_it_is():
    past, _, _ = forecast_windows(SERIES, 2, 1, 1)
    np.testing.assert_array_equal(past, [[[0, 1], [2, 3]]])
    past[:] = 9
    assert SERIES.sum() == 15
    view, _, _ = forecast_windows(SERIES, 2, 1, 1, copy=False)
    assert np.shares_memory(view, SERIES.numpy())
    windows, labels = prepare_sequences([SERIES, SERIES], torch.tensor([1, 0]), 3, 1)
    assert windows.shape == (2, 3, 2)
    np.testing.assert_array_equal(labels, [1, 0])
    assert in_lanes(torch.nn.Buffer(SERIES), n_windows=3, batch_size=1)[0].shape == (3, 2)


@pytest.mark.parametrize(
    ("build", "calls"),
    [
        (lambda: SERIES.clone().requires_grad_(), ".detach()"),
        (lambda: torch.nn.Parameter(SERIES.bfloat16()), ".detach().float()"),
        (lambda: SERIES.to(torch.float8_e4m3fn), ".float()"),
        (lambda: SERIES.to_sparse(), ".to_dense()"),
        (lambda: SERIES.clone().requires_grad_().to_sparse(), ".detach().to_dense()"),
        (lambda: torch.quantize_per_tensor(SERIES, 0.5, 0, torch.qint8), ".dequantize()"),
        (lambda: torch.complex(SERIES, SERIES).conj(), ".resolve_conj()"),
        (lambda: torch.complex(SERIES, SERIES).conj().imag, ".resolve_neg()"),
        (lambda: torch.nested.nested_tensor([SERIES, SERIES[:2]]), ".to_padded_tensor(0)"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*:UserWarning", "ignore:.*:DeprecationWarning")
def test_a_tensor_that_numpy_cannot_take_is_told_the_call(build, calls):
    series = build()
    with pytest.raises(TypeError, match="series is a tensor of torch") as refused:
        forecast_windows(series, 1, 1, 1)
    call = str(refused.value).rpartition("; pass ")[2].removesuffix(".")
    assert call == f"series{calls}.numpy()"
    assert isinstance(forecast_windows(eval(call), 1, 1, 1)[0], np.ndarray)


def test_a_tensor_without_values_and_a_loader_are_named():
    with pytest.raises(TypeError, match="on the device meta, which has no values"):
        forecast_windows(SERIES.to("meta"), 1, 1, 1)
    loader = torch.utils.data.DataLoader(SERIES, batch_size=2)
    with pytest.raises(TypeError, match=r"PyTorch DataLoader; pass torch.cat\(\[batch for batch"):
        forecast_windows(loader, 1, 1, 1)
    past, _, _ = forecast_windows(torch.cat([batch for batch in loader]).numpy(), 1, 1, 1)
    assert past.shape == (2, 1, 2)


def test_a_size_may_be_a_tensor_of_one_integer():
    assert len(forecast_windows(SERIES, torch.tensor(2), 1, 1)[0]) == 1
    for size in (torch.tensor([1, 2]), torch.tensor(2.0), torch.tensor(True)):
        with pytest.raises(TypeError, match="window_length must be an integer"):
            forecast_windows(SERIES, size, 1, 1)
