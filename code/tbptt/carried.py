"""What each kind of model carries from chunk to chunk: which numbers, how many, and who takes them.

All counts are of one row of a batch and one layer, unless a model keeps one state for all layers.
Sizes that are not given are those of the paper or its authors' code.

Source: the papers that each entry names, and for what kernels take, the signatures in PyTorch's
``torch.nn``, state-spaces/mamba, Dao-AILab/causal-conv1d, fla-org/flash-linear-attention,
NX-AI/xlstm, NX-AI/mlstm_kernels, state-spaces/s4 and kimiyoung/transformer-xl, in copies of
November 2026, some of them in excerpts or forks: look at the version that you have.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from math import prod
from typing import NamedTuple

from tbptt._carried_parts import PARTS, Shapes
from tbptt._checks import positive_int, text

__all__ = ["MODELS", "Carried", "Model", "carried", "context_alike"]


class Model(NamedTuple):
    """A kind of model, and what becomes of its state.

    Attributes
    ----------
    name, title : str
        As :func:`carried` takes it, and as people write it.
    source : str
        Its paper.
    resets : str
        What has to happen where another document begins in a row.
    accepts : str
        What public kernels take for an initial state.
    gradient : str
        Whether an error may cross the border of two chunks there.

    Examples
    --------
    >>> from tbptt.carried import MODELS
    >>> [model.name for model in MODELS if "no initial state" in model.accepts]
    ['mamba']
    """

    name: str
    title: str
    source: str
    resets: str
    accepts: str
    gradient: str


MODELS = (
    Model(
        "rnn", "RNN", "J. L. Elman, Cognitive Science 14(2), 1990",
        "$h$ to zero; `nn.RNN` cannot inside a row", "`h_0`", "crosses through `h_0`",
    ),
    Model(
        "gru", "GRU", "arXiv:1406.1078",
        "$h$ to zero; `nn.GRU` cannot inside a row", "`h_0`", "crosses through `h_0`",
    ),
    Model(
        "lstm", "LSTM", "S. Hochreiter and J. Schmidhuber, Neural Computation 9(8), 1997",
        "$h$ and $c$ to zero; `nn.LSTM` cannot inside a row", "`(h_0, c_0)`",
        "crosses through both",
    ),
    Model(
        "mingru", "minGRU", "arXiv:2410.01201",
        "the kept share set to 0 at that step", "the first state of the scan",
        "crosses, through the scan",
    ),
    Model(
        "minlstm", "minLSTM", "arXiv:2410.01201",
        "the kept share set to 0 at that step", "the first state of the scan",
        "crosses, through the scan",
    ),
    Model(
        "slstm", "sLSTM (xLSTM)", "arXiv:2405.04517",
        "four vectors and the convolution's tail", "`slstm_state`, `conv_state` (NX-AI/xlstm)",
        "crosses, step by step: its gates see $h$",
    ),
    Model(
        "mlstm", "mLSTM (xLSTM)", "arXiv:2405.04517",
        "matrix, normaliser, stabiliser and tail",
        "`c_initial`, `n_initial`, `m_initial` (mlstm_kernels)",
        "crosses: the kernel returns gradients of all three",
    ),
    Model(
        "s4", "S4", "arXiv:2111.00396",
        "not possible inside one long convolution", "`state` of the layer's `forward` (s4)",
        "crosses where the layer is given a state",
    ),
    Model(
        "s5", "S5", "arXiv:2208.04933",
        "the kept share set to 0 at that step of its scan", "the first state of the scan",
        "crosses, through the scan",
    ),
    Model(
        "mamba", "Mamba", "arXiv:2312.00752",
        "channels *and* tail; the kernel has no argument for it",
        "no initial state: `selective_scan_fn` begins at zero",
        "cannot: the gradient of the last state is left out, its documentation says",
    ),
    Model(
        "mamba2", "Mamba 2", "arXiv:2405.21060",
        "`seq_idx` of the scan, and of `causal_conv1d_fn` for the tail",
        "`initial_states` of `mamba_chunk_scan_combined`, and of `causal_conv1d_fn`",
        "crosses: both kernels return the initial state's gradient",
    ),
    Model(
        "gla", "gated linear attention", "arXiv:2312.06635",
        "`cu_seqlens`", "`initial_state` of `chunk_gla` (fla)",
        "crosses: the kernel returns the initial state's gradient",
    ),
    Model(
        "deltanet", "DeltaNet", "arXiv:2406.06484",
        "`cu_seqlens`, for the short convolutions' tails, too",
        "`initial_state` of `chunk_delta_rule` (fla)",
        "crosses: the kernel returns the initial state's gradient",
    ),
    Model(
        "rwkv7", "RWKV-7", "arXiv:2503.14456",
        "`cu_seqlens`, for the shifted tokens, too",
        "`initial_state` of `chunk_rwkv7` (fla)",
        "crosses: the kernel returns the initial state's gradient",
    ),
    Model(
        "transformer-xl", "Transformer-XL", "arXiv:1901.02860",
        "memory emptied, or hidden by the attention's mask", "`mems`",
        "cut: the memory is made under `no_grad`",
    ),
    Model(
        "rmt", "recurrent memory transformer", "arXiv:2207.06881",
        "memory tokens as at the start", "the memory tokens are inputs",
        "crosses as many segments as are unrolled; that number is a setting",
    ),
    Model(
        "attention", "attention (all keys and values kept)", "arXiv:1706.03762",
        "hidden by the attention's mask", "keys and values",
        "nothing is carried in training: one pass sees all",
    ),
)  # fmt: skip
_NAMES = tuple(model.name for model in MODELS)


class Carried(NamedTuple):
    """The state of one layer and one row.

    Attributes
    ----------
    model : str
        Its name.
    parts : dict of str to tuple of int
        Shape of each part, by name.
    numbers : int
        How many numbers these are together.
    bytes : int
        What they take.

    Examples
    --------
    >>> from tbptt.carried import carried
    >>> lstm = carried("lstm", width=1024)
    >>> lstm.parts, lstm.numbers, lstm.bytes  # float32
    ({'h': (1024,), 'c': (1024,)}, 2048, 8192)
    """

    model: str
    parts: Shapes
    numbers: int
    bytes: int


def carried(model: str, *, width: int, itemsize: int = 4, **sizes: int) -> Carried:
    """Return what a model carries: the parts of its state, for one layer and one row [1]_.

    Parameters
    ----------
    model : str
        A name of `MODELS`.
    width : int
        Of the model: what goes from layer to layer.
    itemsize : int
        Bytes a number; kernels keep the states of a recurrence in float32, 4, even where weights
        have 2.
    **sizes : int
        What else the model has, as ``states``, ``heads`` or ``taps``; a wrong name is answered with
        those it has.

    Returns
    -------
    Carried
        Parts, numbers and bytes.

    Raises
    ------
    TypeError, ValueError
        If there is no such model or size, a size is no integer of at least 1, or heads do not
        divide the width.

    References
    ----------
    .. [1] The papers that the entries of `MODELS` name as their `source`. The tail is seen in
       the cache of A. Gu and T. Dao, "Mamba: linear-time sequence modeling with selective state
       spaces", COLM 2024, arXiv:2312.00752, as ``allocate_inference_cache`` of its authors'
       ``mamba_simple.py`` makes it: a step's own input is in there, too, which is no state.

    Examples
    --------
    >>> from tbptt.carried import carried
    >>> mamba = carried("mamba", width=1024)
    >>> mamba.parts  # the convolution's last steps are part of the state
    {'channels': (2048, 16), 'tail': (3, 2048)}
    >>> carried("gla", width=1024, heads=4).parts
    {'matrices': (4, 128, 256)}
    """
    if text("model", model) not in PARTS:
        raise ValueError(f"There is no model {model!r}; there are {', '.join(_NAMES)}.")
    build: Callable[..., Shapes] = PARTS[model]
    known = [name for name in inspect.signature(build).parameters if name != "width"]
    for name in sizes:
        if name not in known:
            raise TypeError(
                f"{model} has no size {name!r}; it has width"
                f"{''.join(f', {other}' for other in known)}."
            )
    width, itemsize = positive_int("width", width), positive_int("itemsize", itemsize)
    parts = build(width, **{name: positive_int(name, size) for name, size in sizes.items()})
    numbers = sum(prod(shape) for shape in parts.values())
    return Carried(model, parts, numbers, numbers * itemsize)


def context_alike(model: str, *, width: int, **sizes: int) -> int:
    """Return after how many steps attention keeps as many numbers as this model always does.

    Parameters
    ----------
    model, width, **sizes
        As for :func:`carried`. Attention keeps a key and a value of the model's width per step.

    Returns
    -------
    int
        The first number of steps with at least as many numbers; at least 1.

    Raises
    ------
    TypeError, ValueError
        As :func:`carried`.

    Examples
    --------
    >>> from tbptt.carried import context_alike
    >>> context_alike("lstm", width=1024), context_alike("mamba2", width=1024)
    (1, 132)
    """
    numbers = carried(model, width=width, **sizes).numbers
    return max(-(-numbers // (2 * positive_int("width", width))), 1)
