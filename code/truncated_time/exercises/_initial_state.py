"""Initial states: planes fitted, twins run, the best of equal answers searched."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from truncated_time.exercises._form import numbers, require
from truncated_time.tasks import labelled_sequences
from truncated_time.tasks.labelled import DataType


def _named(states: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Fit a plane by least squares; return the share of labels on the right side."""
    points = np.column_stack([states, np.ones(len(states))])
    signs = np.where(labels == 1, 1.0, -1.0)
    plane, *_ = np.linalg.lstsq(points, signs, rcond=1e-10)
    return float(((points @ plane > 0) == (signs > 0)).mean())


def _name_tags(answer: Any) -> None:
    (rows,) = numbers(answer, ("a number of rows",))
    rng = np.random.default_rng(11)
    sizes = (16, 64, 128, 512)
    fits = {
        size: _named(rng.normal(size=(size, 64)), rng.permutation(np.arange(size) % 2))
        for size in sizes
    }
    require(rows in sizes, f"One of {', '.join(map(str, sizes))} rows.")
    require(
        fits[int(rows)] < 1,
        f"{int(rows)} rows are still all on their side. Points in general position can be told "
        "apart as long as there are no more of them than dimensions.",
    )
    require(
        rows == next(size for size in sizes if fits[size] < 1),
        "There the plane fails, but it failed with fewer rows already.",
    )


def _freeze_midway(answer: Any) -> None:
    """Ask for what follows: it knows with its state, and is sure and wrong without."""
    own, other = numbers(answer, ("the loss from its own state", "the loss from a fresh state"))
    guess = float(np.log(2))
    require(min(own, other) >= 0, "A loss is not negative.")
    require(
        own < guess / 2,
        "From its own state: nothing forgets the label that was written there, whether or not the "
        "weights go on changing.",
    )
    require(
        other > own,
        "From a fresh state: where should the label come from, if not from the state that is gone?",
    )
    require(
        other > guess,
        f"From a fresh state it does not even guess, which would cost {guess:.2f}: it is as sure "
        "as before, and as often wrong as right.",
    )


def _impossible(answer: Any) -> None:
    """Search the answer that costs least for two opposite labels."""
    (least,) = numbers(answer, ("the smallest loss, on average",))
    probability = np.linspace(1e-4, 1 - 1e-4, 9999)
    right = float((-(np.log(probability) + np.log(1 - probability)) / 2).min())
    require(abs(least - 1) > 1e-3, "That is in bits; the loss is in nats, with the natural log.")
    require(
        abs(least - 0.5) > 1e-3,
        "One half is the accuracy of one answer for two labels. What does it cost?",
    )
    require(
        least > right - 1e-3,
        "No answer costs so little: it is the same for both twins, and one of them is wrong.",
    )
    require(least < right + 1e-2, "There is a better answer: say how sure it should be.")


def _fingerprint(answer: Any) -> None:
    """Run an untrained network of another kind, and fit a plane."""
    kinds: tuple[DataType, ...] = ("SameRandom", "SameDistRandom")
    hints = {
        "SameRandom": "SameRandom: twins with equal inputs and equal zeros have equal states. On "
        "which side of a plane is each?",
        "SameDistRandom": "SameDistRandom: the numbers say nothing of the label, but the question "
        "is whether a plane fits these 16 rows, not whether it holds for others. In how many "
        "dimensions?",
    }
    require(
        isinstance(answer, dict) and set(answer) == set(kinds),
        "Give a dict with the keys 'SameRandom' and 'SameDistRandom'.",
    )
    shares = numbers([answer[kind] for kind in kinds], kinds)
    rng = np.random.default_rng(4)
    into, across = rng.normal(size=(1, 64)) / 2, rng.normal(size=(64, 64)) / 8
    for kind, share in zip(kinds, shares, strict=True):
        x, labels = labelled_sequences(kind, 8, 100, seed=4)
        state = np.zeros((16, 64))
        for t in range(100):
            state = np.tanh(x[:, t] @ into + state @ across)
        right = _named(state, labels)
        require(abs(share - right) < 0.05, hints[kind])


CHECKS = {
    "name-tags": _name_tags,
    "freeze-midway": _freeze_midway,
    "impossible": _impossible,
    "fingerprint": _fingerprint,
}
