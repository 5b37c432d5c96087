"""How an evolution strategy moves the weights: again in each unroll, or once for a sequence.

Sources: P. Vicol, L. Metz and J. Sohl-Dickstein, "Unbiased gradient estimation in unrolled
computation graphs with persistent evolution strategies", ICML 2021, arXiv:2112.13835 (PES);
O. Li et al., "Variance-reduced gradient estimation via noise-reuse in online evolution strategies",
NeurIPS 2023, arXiv:2304.12180 (NRES).
"""

from __future__ import annotations

import torch
from torch import Tensor

from tbptt._checks import finite
from tbptt.pytorch.arguments import check_tensor


class PES:
    """Moves that are drawn for each unroll, and add up until the sequence ends [1]_.

    Parameters
    ----------
    spread : float
        Standard deviation of each weight's move.
    generator : torch.Generator
        Decides the moves.

    Raises
    ------
    TypeError, ValueError
        If `spread` is no finite number above 0, or `generator` is no ``torch.Generator``; by
        `draw`, if a tensor is of another dtype or shape.

    References
    ----------
    .. [1] P. Vicol, L. Metz and J. Sohl-Dickstein, "Unbiased gradient estimation in unrolled
       computation graphs with persistent evolution strategies", ICML 2021, arXiv:2112.13835.

    Examples
    --------
    >>> import torch
    >>> from tbptt.pytorch.evolution import PES
    >>> strategy, begins = PES(0.1, torch.Generator().manual_seed(0)), torch.tensor([True, False])
    >>> move, summed = strategy.draw(torch.ones(2, 3), begins)
    >>> torch.allclose(summed - move, torch.tensor([[0.0], [1.0]]))  # the first row begins again
    True
    """

    def __init__(self, spread: float, generator: torch.Generator) -> None:
        self.spread = finite("spread", spread)
        if self.spread <= 0:
            raise ValueError(f"spread must be above 0, got {self.spread}; 0.01, say.")
        if not isinstance(generator, torch.Generator):
            raise TypeError(
                f"generator must be a torch.Generator, got {type(generator).__name__}; "
                "torch.Generator().manual_seed(0), say."
            )
        self.generator = generator

    def draw(self, summed: Tensor, begins: Tensor) -> tuple[Tensor, Tensor]:
        """Return the moves of this unroll, and those that its losses owe anything to.

        Parameters
        ----------
        summed : Tensor, shape (batch, weights)
            What the losses of the unroll before depend on.
        begins : Tensor of bool, shape (batch,)
            The rows whose sequence begins.
        """
        _check_draw(summed, begins)
        move = self._noise(summed)
        return move, summed.masked_fill(begins[:, None], 0) + move

    def _noise(self, like: Tensor) -> Tensor:
        noise = torch.randn(like.shape, generator=self.generator, device=self.generator.device)
        return self.spread * noise.to(like)


class NRES(PES):
    """Moves that are drawn once for each sequence, and used in all its unrolls [1]_.

    Parameters
    ----------
    spread, generator
        As of :class:`PES`.

    Raises
    ------
    TypeError, ValueError
        As :class:`PES`.

    References
    ----------
    .. [1] O. Li et al., "Variance-reduced gradient estimation via noise-reuse in online evolution
       strategies", NeurIPS 2023, arXiv:2304.12180.

    Examples
    --------
    >>> import torch
    >>> from tbptt.pytorch.evolution import NRES
    >>> strategy, begins = NRES(0.1, torch.Generator().manual_seed(0)), torch.tensor([True, False])
    >>> move, summed = strategy.draw(torch.ones(2, 3), begins)
    >>> torch.equal(move, summed), move[1]  # the second row goes on
    (True, tensor([1., 1., 1.]))
    """

    def draw(self, summed: Tensor, begins: Tensor) -> tuple[Tensor, Tensor]:
        """Return the moves of this unroll, twice: all its losses owe to them alone.

        Parameters
        ----------
        summed : Tensor, shape (batch, weights)
            The moves of the unroll before.
        begins : Tensor of bool, shape (batch,)
            The rows whose sequence begins.
        """
        _check_draw(summed, begins)
        if not begins.any():
            return summed, summed
        move = torch.where(begins[:, None], self._noise(summed), summed)
        return move, move


def _check_draw(summed: Tensor, begins: Tensor) -> None:
    check_tensor("summed", summed, ("batch", "weights"))
    check_tensor("begins", begins, (len(summed),), dtype="bool")
