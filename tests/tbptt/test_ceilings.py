"""The closed forms against the best answer to every input there is, found by counting."""

from collections import Counter, defaultdict
from fractions import Fraction
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tbptt.ceilings import informative_share, stateless_accuracy, stateless_loss
from tbptt.windows import prepare_sequences

pytestmark = pytest.mark.filterwarnings("ignore::tbptt.windows.DroppedStepsWarning")


@st.composite
def cuts(draw):
    steps = draw(st.integers(1, 16))
    length = draw(st.integers(1, steps))
    return steps, length, draw(st.integers(1, 18)), draw(st.integers(0, steps - 1))


def counted(steps, length, increment, position, positives, negatives):
    """Bayes' answer by brute force: group identical windows, take each group's labels."""
    x = np.zeros((positives + negatives, steps), dtype=int)
    y = np.r_[np.ones(positives, dtype=int), np.zeros(negatives, dtype=int)]
    x[:positives, position] = 1
    groups = defaultdict(Counter)
    for window, label in zip(*prepare_sequences(x, y, length, increment), strict=True):
        groups[window.tobytes()][int(label)] += 1
    total = sum(group.total() for group in groups.values())
    right = sum(max(group.values()) for group in groups.values())
    loss = sum(n * log(group.total() / n) for group in groups.values() for n in group.values())
    return Fraction(right, total), loss / total


@given(cuts(), st.integers(0, 4), st.integers(0, 4))
def test_bounds_are_what_counting_gives(where, positives, negatives):
    if positives + negatives == 0:
        positives = 1
    share = Fraction(positives, positives + negatives)
    accuracy, loss = counted(*where, positives, negatives)
    assert stateless_accuracy(*where, share) == accuracy
    assert stateless_loss(*where, share) == pytest.approx(loss, abs=1e-12)


@given(cuts())
def test_share_is_counted_window_by_window(where):
    steps, length, increment, position = where
    starts = range(0, steps - length + 1, increment)
    holds = [start <= position < start + length for start in starts]
    assert informative_share(*where) == Fraction(sum(holds), len(holds))


def test_the_published_cuts():
    assert stateless_accuracy(20, 20, 1, 0) == 1
    assert stateless_accuracy(20, 10, 10, 0) == Fraction(3, 4)
    assert stateless_accuracy(20, 10, 1, 0) == Fraction(6, 11)
    assert stateless_loss(20, 20, 1, 0) == 0


@pytest.mark.parametrize("bound", [stateless_accuracy, stateless_loss])
def test_bad_input(bound):
    with pytest.raises(ValueError, match="position must be a step of the sequence, 0 to 19"):
        bound(20, 10, 10, 20)
    with pytest.raises(ValueError, match=r"share between 0 and 1, got 1\.5"):
        bound(20, 10, 10, 0, 1.5)
    with pytest.raises(ValueError, match="window_length 21 is longer"):
        bound(20, 21, 1, 0)
    with pytest.raises(TypeError):
        bound(20, 10, 10, 0.5)
