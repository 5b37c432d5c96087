"""Learning, told from reading the state that a network was handed.

A network that is updated after every chunk can store each row's label in the row's carried state
and read it back, whatever the inputs are. The three looks that tell it from learning need no
framework; this runs the network for them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tbptt._diagnosis import Diagnosis, FrozenRun, judge
from tbptt.pytorch.all_or_nothing import all_or_nothing
from tbptt.pytorch.diagnosis_checks import call_forward, check_arguments
from tbptt.pytorch.states import S, State, flatten, pack


def diagnose(
    forward: Callable[[Tensor, S], tuple[Tensor, S]],
    chunks: Sequence[Tensor],
    labels: Tensor,
    *,
    fresh: S,
    carried: S,
    train_loss: float,
) -> Diagnosis:
    """Tell learning from reading one's own state, after a training pass over long sequences.

    Call it at the end of an epoch, with the sequences of that epoch. Nothing is updated. Switch
    dropout off first (``net.eval()``).

    Parameters
    ----------
    forward : callable
        ``forward(chunk, state) -> (logits, state)``; logits are ``(rows, classes)``.
    chunks : sequence of Tensor
        The sequences, cut in time, in order.
    labels : Tensor of int64, shape (rows,)
        One label for each row, two different ones at least.
    fresh : Tensor or tuple of Tensor, each (rows, hidden) or (layers, rows, hidden)
        A state to begin with, as training begins with one.
    carried : like `fresh`
        The state that the training pass left after its last chunk.
    train_loss : float
        Mean cross-entropy over the chunks of the training pass, in nats.

    Returns
    -------
    Diagnosis
        Verdict and evidence.

    Raises
    ------
    TypeError
        If states, chunks or labels are not tensors, or `forward` does not return a pair.
    ValueError
        If there are no chunks, fewer than two classes or than two rows of one, states or logits of
        other shapes, or NaN or infinity among values. Random state is as it was then.

    Notes
    -----
    An alarm is: a frozen loss above the training loss by more than 0.2; a probe that reads the
    labels from training's state better by more than 0.25 than from the frozen pass's; answers that
    agree with the swapped state more often than with the inputs, by more than 0.2. How often
    verdicts are wrong is measured in ``data/results/alarms``. The probe needs scikit-learn:
    ``pip install 'tbptt[series]'``.

    Examples
    --------
    >>> import torch
    >>> from tbptt.pytorch import diagnose
    >>> labels = torch.tensor([0, 1]).repeat(5)
    >>> chunks = [torch.zeros(4, 10, 1)] * 6  # inputs that say nothing
    >>> forward = lambda chunk, state: (state, state)  # it answers with its state
    >>> carried = 9 * torch.eye(2)[labels]  # training has left the labels there
    >>> fresh = torch.zeros(10, 2)
    >>> print(diagnose(forward, chunks, labels, fresh=fresh, carried=carried, train_loss=0.0))
    verdict: leak
    ! loss: training 0.000, frozen 0.693
    ! label read from the state: training's 1.00, frozen 0.50
    ! states swapped: follows the state 1.00, the inputs 0.00
    """
    check_arguments(forward, chunks, labels, fresh, carried, train_loss)
    with all_or_nothing(labels.device, forward), torch.no_grad():
        return judge(
            partial(_frozen, forward, chunks, labels),
            labels.cpu().numpy(),
            fresh=fresh,
            carried=carried,
            features=_features,
            exchange=_exchanged,
            train_loss=train_loss,
        )


def _frozen(
    forward: Callable[[Tensor, S], tuple[Tensor, S]],
    chunks: Sequence[Tensor],
    labels: Tensor,
    state: S,
) -> FrozenRun[S]:
    """Run through the chunks."""
    losses, answers = [], []
    for chunk in chunks:
        logits, state = call_forward(forward, chunk, labels, state)
        losses.append(torch.nn.functional.cross_entropy(logits, labels))
        answers.append(logits.argmax(1))
    return FrozenRun(torch.stack(losses).mean().item(), torch.stack(answers).cpu().numpy(), state)


def _features(state: State) -> NDArray[Any]:
    rows = [part.movedim(-2, 0).flatten(1) for part in flatten(state)]
    features: NDArray[Any] = torch.cat(rows, 1).cpu().numpy()
    return features


def _exchanged(state: S, rows: NDArray[np.int64]) -> S:
    parts = flatten(state)
    index = torch.from_numpy(rows).to(parts[0].device)
    return pack(tuple(part.index_select(-2, index) for part in parts), state)
