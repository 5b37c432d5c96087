"""Attention that carries a memory from segment to segment, as a small Transformer-XL does.

Every layer keeps its inputs of the last `width` steps for the next segment, as constants: values
cross, errors do not. Distances take the place of positions, which would start again in every
segment.

Source: Z. Dai et al., "Transformer-XL: attentive language models beyond a fixed-length context",
ACL 2019, arXiv:1901.02860, section 3.2; here with one head, a window of the same width at
every step, and a learned bias for each distance.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tbptt._checks import lengths, row_count, shown
from tbptt.pytorch.arguments import check_tensor

__all__ = ["Layer", "SegmentAttention"]

Memory = tuple[Tensor, ...]


class SegmentAttention(nn.Module):
    """A stack of attention layers whose state is the inputs of each layer [1]_.

    It reads a segment at a time, so it is no cell, and engines refuse it: call it in a loop of your
    own, as below.

    Parameters
    ----------
    features, layers : int
        Width of the inputs and outputs, and number of layers.
    width : int
        How many earlier steps each step attends to in a layer, apart from itself. The output of
        step `t` depends on ``layers * width`` steps before it.

    Raises
    ------
    TypeError, ValueError
        If a size is no integer of at least 1; by `begin`, if `batch` is no integer of at least 0.

    References
    ----------
    .. [1] Z. Dai et al., "Transformer-XL: attentive language models beyond a fixed-length context",
       ACL 2019, arXiv:1901.02860.

    Examples
    --------
    >>> import torch
    >>> from tbptt.pytorch.segments import SegmentAttention
    >>> model = SegmentAttention(features=8, layers=2, width=4)
    >>> memory = model.begin(batch=3)
    >>> for segment in torch.zeros(12, 3, 8).split(6):
    ...     outputs, memory = model(segment, memory)
    >>> outputs.shape, [kept.shape for kept in memory]
    (torch.Size([6, 3, 8]), [torch.Size([4, 3, 8]), torch.Size([4, 3, 8])])
    >>> any(kept.requires_grad for kept in memory)  # values cross, errors do not
    False
    """

    def __init__(self, features: int, layers: int, width: int) -> None:
        super().__init__()
        self.features, self.width, count = lengths(features=features, width=width, layers=layers)
        self.layers = nn.ModuleList(Layer(self.features, self.width) for _ in range(count))

    def begin(self, batch: int) -> Memory:
        """Return an empty memory ``(0, batch, features)`` for each layer."""
        like, batch = next(self.parameters()), row_count("batch", batch, self.features)
        return tuple(like.new_zeros(0, batch, self.features) for _ in self.layers)

    def forward(self, x: Tensor, memory: Memory, *, cut: bool = True) -> tuple[Tensor, Memory]:
        """Run over one segment.

        Parameters
        ----------
        x : Tensor, shape (steps, batch, features)
            Time-major.
        memory : tuple of Tensor, each (up to width, batch, features)
            From :meth:`begin` or the segment before.
        cut : bool
            Whether the memory that is handed on is a constant. False keeps the graph, as full
            backpropagation would.

        Returns
        -------
        outputs : Tensor, shape (steps, batch, features)
        memory : tuple of Tensor
            For the next segment.

        Raises
        ------
        TypeError, ValueError
            If one of them is no Tensor, or shapes do not fit.
        """
        check_tensor("x", x, ("steps", "batch", self.features))
        if not isinstance(memory, tuple) or len(memory) != len(self.layers):
            raise ValueError(
                f"memory must be a tuple of {len(self.layers)}, one for each layer, got "
                f"{shown(memory)}; begin(batch) makes the first."
            )
        for place, old in enumerate(memory):
            check_tensor(f"memory[{place}]", old, ("steps", x.shape[1], self.features), like=x)
        kept = []
        for layer, old in zip(self.layers, memory, strict=True):
            context = torch.cat([old, x])
            last = context[-self.width :]
            kept.append(last.detach() if cut else last)
            x = layer(x, context)
        return x, tuple(kept)


class Layer(nn.Module):
    """One head over the last steps, and a small network at each step.

    Raises
    ------
    TypeError, ValueError
        If a size is no integer of at least 1.

    Examples
    --------
    >>> import torch
    >>> from tbptt.pytorch.segments import Layer
    >>> layer, context = Layer(features=8, width=4), torch.zeros(10, 3, 8, requires_grad=True)
    >>> layer(context[-6:], context)[0].sum().backward()  # the first of six outputs
    >>> context.grad.any(dim=(1, 2)).nonzero().ravel()  # itself and four before
    tensor([0, 1, 2, 3, 4])
    """

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        features, width = lengths(features=features, width=width)
        self.norm = nn.LayerNorm(features)
        self.query, self.key, self.value = (nn.Linear(features, features) for _ in range(3))
        self.distance = nn.Parameter(torch.zeros(width + 1))  # a bias for each step back
        self.mixed = nn.Sequential(
            nn.LayerNorm(features), nn.Linear(features, 2 * features), nn.ReLU(),
            nn.Linear(2 * features, features),
        )  # fmt: skip

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """Return what follows `x` ``(steps, ...)``, the last steps of `context`."""
        asking, asked = self.norm(x), self.norm(context)
        there = torch.arange(len(context), device=context.device)
        back = there[len(context) - len(x) :, None] - there  # (steps, context): how far back
        allowed = (back >= 0) & (back < len(self.distance))
        scores = torch.einsum("tbf,sbf->bts", self.query(asking), self.key(asked))
        scores = scores / x.shape[2] ** 0.5 + self.distance[back.clamp(0, len(self.distance) - 1)]
        shares = scores.masked_fill(~allowed, -torch.inf).softmax(dim=2)
        x = x + torch.einsum("bts,sbf->tbf", shares, self.value(asked))
        mixed: Tensor = x + self.mixed(x)
        return mixed
