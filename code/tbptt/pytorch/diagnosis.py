"""Learning, told from reading the state that a network was handed.

A network that is updated after every chunk can store each row's label in the row's carried state
and read it back, whatever the inputs are. The training loss then falls to zero. Three looks, at the
same sequences and with the weights as they are, tell it from learning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tbptt.pytorch.all_or_nothing import all_or_nothing
from tbptt.pytorch.diagnosis_checks import call_forward, check_arguments, counts_of
from tbptt.pytorch.states import S, State, flatten, pack

# Each look raises an alarm from here on; two alarms are a leak. See `diagnose`.
GAP, PROBE, FOLLOWS = 0.2, 0.25, 0.2


@dataclass(frozen=True)
class Diagnosis:
    """The verdict of :func:`diagnose`, and its evidence.

    Attributes
    ----------
    train_loss, frozen_loss : float
        Mean loss over the chunks while training, and with the weights as they are, from a fresh
        state. In nats.
    probe_carried, probe_frozen : float
        How well a linear probe, cross-validated, names the labels of rows from the state that
        training left, and from the one that the frozen pass left: accuracies.
    follows_state, follows_inputs : float
        After rows have swapped their states with rows of another label: how often the answers of
        the second half agree with the label of the state's former owner, and with the row's own.
    alarms : tuple of str
        Which of ``"gap"``, ``"probe"`` and ``"swap"`` point to a leak.

    Examples
    --------
    >>> from tbptt.pytorch import Diagnosis
    >>> diagnosis = Diagnosis(
    ...     train_loss=0.03, frozen_loss=5.26, probe_carried=1.0, probe_frozen=0.5,
    ...     follows_state=1.0, follows_inputs=0.0, alarms=("gap", "probe", "swap"),
    ... )
    >>> diagnosis.verdict
    'leak'
    """

    train_loss: float
    frozen_loss: float
    probe_carried: float
    probe_frozen: float
    follows_state: float
    follows_inputs: float
    alarms: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """``"leak"`` with two alarms or three, ``"unclear"`` with one, else ``"no leak"``."""
        return ("no leak", "unclear", "leak", "leak")[len(self.alarms)]

    def __str__(self) -> str:
        """Verdict and evidence, a line each."""
        mark = {name: "!" if name in self.alarms else " " for name in ("gap", "probe", "swap")}
        return (
            f"verdict: {self.verdict}\n"
            f"{mark['gap']} loss: training {self.train_loss:.3f}, frozen {self.frozen_loss:.3f}\n"
            f"{mark['probe']} label read from the state: training's {self.probe_carried:.2f}, "
            f"frozen {self.probe_frozen:.2f}\n"
            f"{mark['swap']} states swapped: follows the state {self.follows_state:.2f}, "
            f"the inputs {self.follows_inputs:.2f}"
        )


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
        The state that the training pass left behind its last chunk.
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
        losses, _, after = _frozen(forward, chunks, labels, fresh)
        donors = _donors(labels)
        swapped = tuple(part.index_select(-2, donors) for part in flatten(carried))
        _, answers, _ = _frozen(forward, chunks, labels, pack(swapped, carried))
        late = answers[len(answers) // 2 :]
        evidence = {
            "train_loss": float(train_loss),
            "frozen_loss": losses.mean().item(),
            "probe_carried": _probe(carried, labels),
            "probe_frozen": _probe(after, labels),
            "follows_state": (late == labels[donors]).float().mean().item(),
            "follows_inputs": (late == labels).float().mean().item(),
        }
    alarms = {
        "gap": evidence["frozen_loss"] - evidence["train_loss"] > GAP,
        "probe": evidence["probe_carried"] - evidence["probe_frozen"] > PROBE,
        "swap": evidence["follows_state"] - evidence["follows_inputs"] > FOLLOWS,
    }
    return Diagnosis(**evidence, alarms=tuple(name for name, raised in alarms.items() if raised))


def _frozen(
    forward: Callable[[Tensor, S], tuple[Tensor, S]],
    chunks: Sequence[Tensor],
    labels: Tensor,
    state: S,
) -> tuple[Tensor, Tensor, S]:
    """Run through the chunks; return losses, answers ``(chunks, rows)`` and the last state."""
    losses, answers = [], []
    for chunk in chunks:
        logits, state = call_forward(forward, chunk, labels, state)
        losses.append(torch.nn.functional.cross_entropy(logits, labels))
        answers.append(logits.argmax(1))
    return torch.stack(losses), torch.stack(answers), state


def _donors(labels: Tensor) -> Tensor:
    """For every row another one, of another label where there are enough: a permutation."""
    order = labels.argsort(stable=True)
    largest = int(counts_of(labels).max())
    donors = torch.empty_like(order)
    donors[order] = order.roll(largest)
    return donors


def _probe(state: State, labels: Tensor) -> float:
    """Cross-validated accuracy of a linear classifier that sees each row's state."""
    try:
        from sklearn.linear_model import RidgeClassifier
        from sklearn.model_selection import StratifiedKFold, cross_val_score
    except ImportError as error:
        raise ImportError("diagnose needs scikit-learn: pip install 'tbptt[series]'") from error
    rows = [part.movedim(-2, 0).reshape(len(labels), -1) for part in flatten(state)]
    features = torch.cat(rows, 1)
    n_folds = min(5, int(counts_of(labels).min()))
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=0)
    scores = cross_val_score(
        RidgeClassifier(), features.cpu().numpy(), labels.cpu().numpy(), cv=folds
    )
    return float(scores.mean())
