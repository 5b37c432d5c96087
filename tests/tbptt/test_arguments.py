"""Arguments of the ground floor that went in unseen, or met an error of NumPy's own."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from tbptt import Truncation
from tbptt.adaptive import choose_reach, decay_rate
from tbptt.ceilings import informative_share, stateless_accuracy
from tbptt.cost import cost, within_reach
from tbptt.drawing import Drawing, number
from tbptt.gates import lstm_graph_to_keras, lstm_keras_to_torch
from tbptt.picture import one_picture
from tbptt.random_lengths import draw_factors, weighting

NAN, INF = float("nan"), float("inf")
TWO = Truncation(1, 2)
SHARES = [8, 4, 2, 1]
MASKED = np.ma.masked_array(np.ones(4), [False, False, True, False])


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        # What an array of floats cannot hold, or a mask would hide.
        (lambda: decay_rate(np.array(SHARES) + 1j, 0), TypeError, "shares must hold real numbers"),
        (lambda: weighting([0, 1j]), TypeError, "factors must hold real numbers"),
        (lambda: weighting([0, NAN]), ValueError, r"factors must be finite.*factors\[1\]: nan"),
        (lambda: decay_rate(MASKED, 0), ValueError, r"shares has 1 value .*shares\[2\]: masked"),
        (lambda: lstm_graph_to_keras(np.ones((2, 4)), MASKED), ValueError, "bias has 1 value"),
        (lambda: lstm_graph_to_keras(np.ones((2, 4)), np.ones(4), forget_bias=NAN),
         ValueError, "forget_bias must be a finite number"),
        (lambda: lstm_keras_to_torch({"a": 1}, [[1]], [1]), TypeError, "kernel is a dict"),
        # Bools are no numbers, and a number is no bool.
        (lambda: informative_share(20, 10, 10, True), TypeError, "position .* the bool True"),
        (lambda: stateless_accuracy(20, 10, 10, 0, True), TypeError, "positives must be a number"),
        (lambda: stateless_accuracy(20, 10, 10, 0, NAN), ValueError, "positives is a share"),
        (lambda: stateless_accuracy(20, 10, 10, 0, "0.5"), TypeError, "positives must be a number"),
        (lambda: within_reach(TWO, 10, False), TypeError, "lag must be an integer"),
        (lambda: draw_factors(4, 0.5, 0, compensate=1), TypeError, "compensate must be True or"),
        (lambda: draw_factors(4, True, 0), TypeError, "chance must be a number"),
        (lambda: draw_factors(4, NAN, 0), ValueError, "chance must be at least 0"),
        (lambda: draw_factors(4, lambda length: None, 0), TypeError, "chance must be a number"),
        (lambda: draw_factors(4, 0.5, None), TypeError, "seed must be an integer"),
        (lambda: draw_factors(4, 0.5, -1), ValueError, "seed must be at least 0"),
        # What stands for a truncation has to be one.
        (lambda: cost((1, 2), 10, 2, 2), TypeError, r"truncation must be a Truncation, got \(1, 2"),
        (lambda: within_reach(None, 10, 2), TypeError, "truncation must be a Truncation"),
        (lambda: Truncation.epochwise(0), ValueError, "k must be at least 1"),
        (lambda: Truncation([1], 2), TypeError, r"k1 must be an integer, got \[1\].* a single num"),
        # Sizes that no machine has.
        (lambda: TWO.passes(2**63), ValueError, r"steps must be at most 2\*\*47"),
        (lambda: Truncation(1, 2**63).lag_counts(4), ValueError, r"k2 must be at most 2\*\*47"),
        (lambda: draw_factors(2**63, 0.5, 0), ValueError, r"steps must be at most 2\*\*47"),
        (lambda: one_picture(4, 4, steps=1001), ValueError, "steps must be at most 1000"),
        (lambda: choose_reach(SHARES, SHARES, first=0, tolerance=INF), ValueError, "tolerance"),
        (lambda: choose_reach(SHARES, SHARES, first=0, tolerance="1"), TypeError, "tolerance"),
        (lambda: decay_rate(SHARES, 0.5), TypeError, "first must be an integer"),
        (lambda: decay_rate(SHARES, -1), ValueError, "first must be at least 0"),
    ],
)  # fmt: skip
def test_what_went_in_unseen_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_numbers_of_every_kind_are_the_same_number():
    halves = [0.5, Fraction(1, 2), Decimal("0.5"), np.float32(0.5), np.array(0.5)]
    assert {stateless_accuracy(20, 10, 10, 0, half) for half in halves} == {Fraction(3, 4)}
    assert {number(half) for half in halves if not isinstance(half, Decimal)} == {"0.5"}


def test_costs_of_numpy_integers_do_not_overflow():
    sizes = dict.fromkeys(("hidden", "batch", "features", "states", "itemsize"), 100)
    small = {name: np.int8(size) for name, size in sizes.items()}
    assert cost(TWO, np.int8(10), **small) == cost(TWO, 10, **sizes)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda drawing: drawing.text(NAN, 0, "a"), ValueError, "x must be a finite number"),
        (lambda drawing: drawing.text(0, None, "a"), TypeError, "y must be a number"),
        (lambda drawing: drawing.text(0, 0, 5), TypeError, "words must be a string"),
        (lambda drawing: drawing.row(0, [(0, "a"), (1, 2)]), TypeError, "placed must be a string"),
        (lambda drawing: drawing.row(0, [1]), TypeError, "placed must hold tuples"),
        (lambda drawing: drawing.column(0, [(0,)]), ValueError, "placed must hold tuples"),
        (lambda drawing: drawing.bars([(0, INF, 1)], 1, "red"), ValueError, "spans must be a fin"),
        (lambda drawing: drawing.bars([(0, 1)], 1, "red"), ValueError, "spans must hold tuples"),
        (lambda drawing: drawing.path(None), TypeError, "data must be a string"),
        (lambda drawing: drawing.heading("a", None), TypeError, "detail must be a string"),
    ],
)
def test_what_cannot_be_drawn_leaves_the_drawing_as_it_was(call, error, words):
    drawing = Drawing(10, 10, "title")
    before = str(drawing)
    with pytest.raises(error, match=words):
        call(drawing)
    assert str(drawing) == before
