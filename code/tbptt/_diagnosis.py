"""Learning, told from reading the state that a network was handed: what no framework is needed for.

A network that is updated after every chunk can store each row's label in the row's carried state
and read it back, whatever the inputs are. The training loss then falls to zero. Three looks, at the
same sequences and with the weights as they are, tell it from learning. A framework's room runs its
network; the looks, and what they say, are here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

S = TypeVar("S")
# Each look raises an alarm from here on; two alarms are a leak.
GAP, PROBE, FOLLOWS = 0.2, 0.25, 0.2


@dataclass(frozen=True)
class Diagnosis:
    """The verdict of ``diagnose``, of :mod:`tbptt.pytorch` or :mod:`tbptt.keras`, and its evidence.

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


class FrozenRun(NamedTuple, Generic[S]):
    """What a network did with all chunks, its weights as they are.

    Attributes
    ----------
    loss : float
        Mean cross-entropy over the chunks, in nats.
    answers : ndarray of int, shape (chunks, rows)
        The class that it named.
    state : tensor, or tuple or list of them
        After the last chunk.
    """

    loss: float
    answers: NDArray[Any]
    state: S


def judge(
    run: Callable[[S], FrozenRun[S]],
    labels: NDArray[Any],
    *,
    fresh: S,
    carried: S,
    features: Callable[[S], NDArray[Any]],
    exchange: Callable[[S, NDArray[np.int64]], S],
    train_loss: float,
) -> Diagnosis:
    """Take the three looks.

    Parameters
    ----------
    run : callable
        Runs the frozen network over all chunks from a state.
    labels : ndarray of int, shape (rows,)
        One for each row.
    fresh, carried
        The states to begin with, and the one that training left.
    features : callable
        Gives the numbers of each row's state, ``(rows, n)``.
    exchange : callable
        ``exchange(state, rows)`` gives row `i` the state of row ``rows[i]``.
    train_loss : float
        Of the training pass.
    """
    loss, _, after = run(fresh)
    donors = donors_of(labels)
    answers = run(exchange(carried, donors)).answers
    late = answers[len(answers) // 2 :]
    evidence = {
        "train_loss": float(train_loss),
        "frozen_loss": loss,
        "probe_carried": _probe(features(carried), labels),
        "probe_frozen": _probe(features(after), labels),
        "follows_state": float(np.mean(late == labels[donors])),
        "follows_inputs": float(np.mean(late == labels)),
    }
    alarms = {
        "gap": evidence["frozen_loss"] - evidence["train_loss"] > GAP,
        "probe": evidence["probe_carried"] - evidence["probe_frozen"] > PROBE,
        "swap": evidence["follows_state"] - evidence["follows_inputs"] > FOLLOWS,
    }
    return Diagnosis(**evidence, alarms=tuple(name for name, raised in alarms.items() if raised))


def donors_of(labels: NDArray[Any]) -> NDArray[np.int64]:
    """For every row another one, of another label where there are enough: a permutation."""
    order = np.argsort(labels, kind="stable")
    largest = int(_counts(labels).max())
    donors = np.empty_like(order)
    donors[order] = np.roll(order, largest)
    return donors


def check_labels(labels: NDArray[Any]) -> None:
    """Check that the three looks can be taken with class numbers, ``(rows,)``.

    Raises
    ------
    ValueError
        If one is negative, or there are fewer than two classes or than two rows of one.
    """
    if (labels < 0).any():
        raise ValueError(f"labels must be class numbers from 0 on, got {labels.min()} among them.")
    counts = _counts(labels)
    if len(counts) < 2 or int(counts.min()) < 2:
        raise ValueError(
            "labels must have two classes or more and two rows of each, got rows of each class: "
            f"{counts.tolist()}."
        )


def check_logits(shape: tuple[int, ...], labels: NDArray[Any], name: str) -> None:
    """Check the shape of a network's answers to one chunk, ``(rows, classes)``.

    Raises
    ------
    ValueError
        If rows or classes are missing.
    """
    rows, most = len(labels), int(labels.max())
    if len(shape) != 2 or shape[0] != rows or shape[1] <= most:
        raise ValueError(
            f"{name} must be ({rows}, classes) with a class for each label, 0 to {most}, got shape "
            f"{shape}."
        )


def _probe(features: NDArray[Any], labels: NDArray[Any]) -> float:
    """Cross-validated accuracy of a linear classifier that sees each row's state."""
    try:
        from sklearn.linear_model import RidgeClassifier
        from sklearn.model_selection import StratifiedKFold, cross_val_score
    except ImportError as error:
        raise ImportError("diagnose needs scikit-learn: pip install 'tbptt[series]'") from error
    if np.iscomplexobj(features):  # scikit-learn takes real numbers: two for each
        features = np.concatenate([features.real, features.imag], 1)
    n_folds = min(5, int(_counts(labels).min()))
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=0)
    return float(cross_val_score(RidgeClassifier(), features, labels, cv=folds).mean())


def _counts(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Return the number of rows of each class that there is."""
    return np.unique(labels, return_counts=True)[1]
