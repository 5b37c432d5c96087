"""Attention without a softmax: its memory is a matrix, and so it is a recurrence.

Each head adds the product of a key and a value to a matrix that fades, and reads it with a query:
``S_t = diag(a_t) S_{t-1} + k_t v_t^T`` and ``o_t = q_t S_t``. In chunks the matrix is worked out at
the borders alone. In between a step asks the steps of its own chunk directly, as attention does.

Source: S. Yang et al., "Gated linear attention transformers with hardware-efficient training", ICML
2024, arXiv:2312.06635, equations 3 and 4; here with one full matrix for the gate, and without
normalisation and output gate.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from tbptt._checks import lengths, positive_int
from tbptt.pytorch.parallel import ParallelCell
from tbptt.pytorch.row_flags import RowFlags
from tbptt.pytorch.states import Parts

SOFTEN = 16.0  # the paper's: gates near 1 to begin with


class GatedLinearAttention(ParallelCell[Parts]):
    """Heads of gated linear attention; the state is what they gave, and a matrix for each [1]_.

    Parameters
    ----------
    features, heads : int
        Width of the inputs, and number of heads.
    keys, values : int
        Rows and columns of a head's matrix. Outputs are ``heads * values`` wide.
    chunk : int
        How many steps ask one another directly in ``at_once``; the result is the same.

    Attributes
    ----------
    query, key, forget : Parameter (heads * keys, features)
        Their products with the input are the query, the key and the logit of the gate.
    value : Parameter (heads * values, features)
        The same of the value.
    bias : Parameter (heads * keys,)
        Of the gate, which is ``sigmoid(...) ** (1 / 16)``.

    Raises
    ------
    TypeError, ValueError
        If a size is no integer of at least 1.

    References
    ----------
    .. [1] S. Yang et al., "Gated linear attention transformers with hardware-efficient training",
       ICML 2024, arXiv:2312.06635.

    Examples
    --------
    >>> import torch
    >>> from tbptt.pytorch.recurrences import GatedLinearAttention
    >>> cell = GatedLinearAttention(features=8, heads=2, keys=4, values=3)
    >>> outputs, state = cell.at_once(torch.ones(40, 5, 8), cell.begin(batch=5))
    >>> outputs.shape, [part.shape for part in state]  # 2 heads: 3 outputs, 4 by 3 numbers
    (torch.Size([40, 5, 6]), [torch.Size([5, 6]), torch.Size([5, 24])])
    """

    def __init__(
        self, features: int, heads: int, keys: int, values: int, *, chunk: int = 16
    ) -> None:
        features, heads, keys, values = lengths(
            features=features, heads=heads, keys=keys, values=values
        )
        super().__init__(features, (heads * values, heads * keys * values))
        self.heads, self.keys, self.values = heads, keys, values
        self.chunk = positive_int("chunk", chunk)
        by_key, by_value = (heads * keys, features), (heads * values, features)
        self.query, self.key, self.forget, self.value = (
            nn.Parameter(torch.randn(shape) / features**0.5)
            for shape in (by_key, by_key, by_key, by_value)
        )
        self.bias = nn.Parameter(torch.zeros(heads * keys))

    def forward(self, x: Tensor, state: Parts) -> Parts:
        """Return ``output, matrices`` after a step, flat for each row."""
        query, key, value, fade = self._asked(x)
        matrices = self._unfolded(state[1])
        matrices = fade.exp()[..., None] * matrices + key[..., None] * value[..., None, :]
        outputs = torch.einsum("bhk,bhkv->bhv", query, matrices)
        return outputs.flatten(1), matrices.flatten(1)

    def _asked(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return query, key, value and the gate's logarithm, each ``(..., heads, size)``."""
        by_head = (self.heads, -1)
        query = (x @ self.query.T).unflatten(-1, by_head) / self.keys**0.5
        key, value = ((x @ w.T).unflatten(-1, by_head) for w in (self.key, self.value))
        fade = functional.logsigmoid(functional.linear(x, self.forget, self.bias)) / SOFTEN
        return query, key, value, fade.unflatten(-1, by_head)

    def _unfolded(self, flat: Tensor) -> Tensor:
        return flat.reshape(len(flat), self.heads, self.keys, self.values)

    def _states(self, inputs: Tensor, first: Parts, flags: RowFlags) -> tuple[Tensor, Parts]:
        query, key, value, fade = self._asked(inputs)
        if flags.mask is not None:  # nothing fades, and nothing is added
            waits = ~flags.mask[..., None, None]
            key, fade = key.masked_fill(waits, 0), fade.masked_fill(waits, 0)
        # How many resets lie before: steps of one number see one another.
        begun = torch.zeros(inputs.shape[:2], dtype=torch.int64, device=inputs.device)
        if flags.resets is not None:
            begun = flags.resets.cumsum(dim=0)
            # What a reset's own step lets fade is gone; sums over it shall not know.
            fade = fade.masked_fill(flags.resets[..., None, None], 0)
        matrices, before = self._unfolded(first[1]), torch.zeros_like(begun[0])
        outputs = []
        parts = (part.split(self.chunk) for part in (query, key, value, fade, begun))
        for q, k, v, faded, number in zip(*parts, strict=True):
            total = faded.cumsum(dim=0)
            late = torch.arange(len(q), device=q.device)
            sees = (late[:, None] >= late)[..., None] & (number[:, None] == number)
            apart = (total[:, None] - total).masked_fill(~sees[..., None, None], -torch.inf).exp()
            shares = torch.einsum("tbhk,sbhk,tsbhk->tsbh", q, k, apart)
            kept = (number == before)[..., None, None] * total.exp()
            outputs.append(
                torch.einsum("tsbh,sbhv->tbhv", shares, v)
                + torch.einsum("tbhk,bhkv->tbhv", q * kept, matrices)
            )
            added = torch.einsum("sbhk,sbhv->bhkv", k * apart[-1], v)
            matrices, before = kept[-1][..., None] * matrices + added, number[-1]
        return torch.cat(outputs).flatten(2), (matrices.flatten(1),)
