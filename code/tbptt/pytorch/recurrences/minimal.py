"""A GRU and an LSTM whose gates see the input alone.

Without the state in its gates a GRU is ``h_t = (1 - z_t) h_{t-1} + z_t c_t``, with `z` and the
candidate `c` known for all steps beforehand: a linear recurrence, unit by unit.

Source: L. Feng et al., "Were RNNs all we needed?", 2024, arXiv:2410.01201, sections 3.1 and 3.2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from tbptt._checks import lengths
from tbptt.pytorch.diagonal import scan
from tbptt.pytorch.parallel import ParallelCell
from tbptt.pytorch.row_flags import RowFlags
from tbptt.pytorch.states import Parts


class _Minimal(ParallelCell[Tensor]):
    """What the two share: gates and candidate from one product, and a scan."""

    _rows: int  # blocks of the weights

    def __init__(self, features: int, hidden: int) -> None:
        features, hidden = lengths(features=features, hidden=hidden)
        super().__init__(features, (hidden,))
        self.hidden = hidden
        bound = features**-0.5
        self.weight = nn.Parameter(torch.empty(self._rows * hidden, features))
        self.bias = nn.Parameter(torch.empty(self._rows * hidden))
        for values in self.parameters():
            nn.init.uniform_(values, -bound, bound)

    def _gates(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return what is kept of the state, and what is added, for any number of steps."""
        raise NotImplementedError

    def _blocks(self, x: Tensor) -> tuple[Tensor, ...]:
        return functional.linear(x, self.weight, self.bias).chunk(self._rows, dim=-1)

    def forward(self, x: Tensor, state: Tensor) -> Tensor:
        """Return the state after a step, ``(batch, hidden)``."""
        kept, added = self._gates(x)
        return kept * state + added

    def _states(self, inputs: Tensor, first: Parts, flags: RowFlags) -> tuple[Tensor, Parts]:
        return scan(*flags.pass_by(*self._gates(inputs)), first[0]), ()


class MinGRU(_Minimal):
    """A GRU whose update gate and candidate depend on the input alone [1]_.

    Each unit keeps its own running mean of candidates. The paper's form in logarithms, which also
    makes the candidates positive, is left out: the scan here needs none.

    Parameters
    ----------
    features, hidden : int
        Width of the inputs, and number of units.

    Attributes
    ----------
    weight, bias : Parameter, shapes (2 * hidden, features) and (2 * hidden,)
        Of the update gate, then of the candidate.

    Raises
    ------
    TypeError, ValueError
        If a width is no integer of at least 1.

    References
    ----------
    .. [1] L. Feng et al., "Were RNNs all we needed?", 2024, arXiv:2410.01201.

    Examples
    --------
    >>> import torch
    >>> from tbptt.pytorch.recurrences import MinGRU
    >>> cell = MinGRU(features=2, hidden=3)
    >>> x, state = torch.ones(20, 4, 2), cell.begin(batch=4)
    >>> outputs, last = cell.at_once(x, state)
    >>> for step in x:
    ...     state = cell(step, state)
    >>> torch.allclose(last, state, atol=1e-6)
    True
    """

    _rows = 2

    def _gates(self, x: Tensor) -> tuple[Tensor, Tensor]:
        update, candidate = self._blocks(x)
        return torch.sigmoid(-update), torch.sigmoid(update) * candidate


class MinLSTM(_Minimal):
    """An LSTM whose gates depend on the input alone, and add up to 1 [1]_.

    It has one part of a state where an LSTM has two.

    Parameters
    ----------
    features, hidden : int
        Width of the inputs, and number of units.

    Attributes
    ----------
    weight, bias : Parameter, shapes (3 * hidden, features) and (3 * hidden,)
        Of the forget gate, the input gate and the candidate.

    Raises
    ------
    TypeError, ValueError
        If a width is no integer of at least 1.

    References
    ----------
    .. [1] L. Feng et al., "Were RNNs all we needed?", 2024, arXiv:2410.01201.

    Examples
    --------
    >>> import torch
    >>> from tbptt.pytorch.recurrences import MinLSTM
    >>> cell = MinLSTM(features=2, hidden=3)
    >>> x, resets = torch.ones(20, 4, 2), torch.zeros(20, 4, dtype=torch.bool)
    >>> resets[10] = True  # another document begins in every row
    >>> outputs, last = cell.at_once(x, cell.begin(batch=4), resets=resets)
    >>> torch.allclose(outputs[:10], outputs[10:])
    True
    """

    _rows = 3

    def _gates(self, x: Tensor) -> tuple[Tensor, Tensor]:
        forget, new, candidate = self._blocks(x)
        # f / (f + i) of two sigmoids, by their logarithms: both may round to zero.
        ahead = functional.softplus(-new) - functional.softplus(-forget)
        return torch.sigmoid(ahead), torch.sigmoid(-ahead) * candidate
