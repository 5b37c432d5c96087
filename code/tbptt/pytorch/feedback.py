"""A readout whose errors come back through random weights that are never learned.

Sources: T. P. Lillicrap et al., "Random synaptic feedback weights support error backpropagation for
deep learning", Nature Communications 7, 2016, 13276; as the learning signal of recurrent networks
in G. Bellec et al., Nature Communications 11, 2020, 3625, and J. M. Murray, eLife 8, 2019, e43299.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tbptt._checks import lengths
from tbptt.pytorch.arguments import check_tensor

__all__ = ["RandomFeedback"]


class RandomFeedback(nn.Linear):
    """A linear readout that learns as any other, and sends errors back through `feedback` [1]_.

    Parameters
    ----------
    in_features, out_features : int
        As of ``nn.Linear``.
    generator : torch.Generator
        Decides the feedback, uniform within ``1 / sqrt(in_features)`` as fresh weights are.

    Attributes
    ----------
    feedback : Tensor (out_features, in_features)
        A buffer: errors of outputs times it are the errors of inputs.

    Raises
    ------
    TypeError, ValueError
        If a width is no integer of at least 1, or `generator` is no ``torch.Generator``; when
        called, if `input` is no Tensor, or not `in_features` wide.

    References
    ----------
    .. [1] T. P. Lillicrap et al., "Random synaptic feedback weights support error backpropagation
       for deep learning", Nature Communications 7, 2016, 13276.

    Examples
    --------
    >>> import torch
    >>> from tbptt.pytorch.feedback import RandomFeedback
    >>> readout = RandomFeedback(4, 1, torch.Generator().manual_seed(0))
    >>> x = torch.ones(3, 4, requires_grad=True)
    >>> readout(x).sum().backward()
    >>> torch.equal(x.grad[0], readout.feedback[0]), torch.equal(x.grad[0], readout.weight[0])
    (True, False)
    >>> readout.weight.grad  # learned as ever
    tensor([[3., 3., 3., 3.]])
    """

    feedback: Tensor

    def __init__(self, in_features: int, out_features: int, generator: torch.Generator) -> None:
        inner, outer = lengths(in_features=in_features, out_features=out_features)
        super().__init__(inner, outer)
        if not isinstance(generator, torch.Generator):
            raise TypeError(
                f"generator must be a torch.Generator, got {type(generator).__name__}; "
                "torch.Generator().manual_seed(0), say."
            )
        drawn = torch.rand(outer, inner, generator=generator, device=generator.device)
        self.register_buffer("feedback", (2 * drawn - 1).to(self.weight) / inner**0.5)

    def forward(self, input: Tensor) -> Tensor:
        """Return ``W x + b``; errors come back by `feedback`."""
        axes = max(getattr(input, "ndim", 1), 1)
        check_tensor("input", input, (*["..."] * (axes - 1), self.in_features))
        back = nn.functional.linear(input, self.feedback)
        # Zero, with a gradient.
        return super().forward(input.detach()) + (back - back.detach())
