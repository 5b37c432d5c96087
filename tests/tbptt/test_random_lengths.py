"""Chunks of random length: the full gradient on average, and not without the factors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tbptt.random_lengths import draw_factors, weighting


@given(st.integers(1, 30), st.floats(0, 0.9), st.integers(0, 99))
def test_factors_are_zero_or_make_up_for_it(steps, chance, seed):
    factors = draw_factors(steps, chance, seed)
    assert factors[0] == 0
    crossing = factors[1:][factors[1:] > 0]
    np.testing.assert_allclose(crossing, 1 / (1 - chance))
    plain = draw_factors(steps, chance, seed, compensate=False)
    np.testing.assert_array_equal(plain > 0, factors > 0)
    assert set(plain) <= {0.0, 1.0}


def errors_of_the_mean(draw, steps=8, draws=4000):
    """Distance of the mean weight of every pair from 1, in standard errors."""
    drawn = np.stack([weighting(draw(seed)) for seed in range(draws)])
    below = np.tril(np.ones((steps, steps), bool), -1)
    spread = drawn.std(axis=0)[below] / draws**0.5
    return (drawn.mean(axis=0)[below] - 1) / spread


@pytest.mark.parametrize(
    "chance",
    [0.25, lambda length: 0.6 if length == 1 else 0.1, lambda length: 1 / (length + 2)],
    ids=["coin", "long or short", "heavy tail"],
)
def test_every_pair_counts_once_on_average(chance):
    # 28 pairs: 4.5 standard errors are exceeded by chance once in five thousand runs.
    assert np.abs(errors_of_the_mean(lambda seed: draw_factors(8, chance, seed))).max() < 4.5


def test_without_factors_the_same_test_fails():
    off = errors_of_the_mean(lambda seed: draw_factors(8, 0.25, seed, compensate=False))
    assert off.max() < -20


def test_the_weight_of_a_lag_has_the_spread_that_the_chapter_says():
    # Survives with (1 - c)^j and counts (1 - c)^-j times: a second moment of (1 - c)^-j.
    drawn = np.stack([weighting(draw_factors(5, 0.3, seed))[4] for seed in range(20_000)])
    for lag in range(1, 5):
        wanted = 0.7**-lag
        assert (drawn[:, 4 - lag] ** 2).mean() == pytest.approx(wanted, rel=0.06)


def test_weights_multiply_along_the_way():
    weights = weighting([9.0, 2.0, 0.0, 3.0, 5.0])
    np.testing.assert_array_equal(
        weights,
        [[1, 0, 0, 0, 0], [2, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 3, 1, 0], [0, 0, 15, 5, 1]],
    )


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: draw_factors(5, 1.0, 0), ValueError, "below 1, got 1.0"),
        (lambda: draw_factors(5, -0.1, 0), ValueError, "at least 0"),
        (lambda: draw_factors(0, 0.5, 0), ValueError, "steps must be at least 1"),
        (lambda: draw_factors(5, lambda length: 2.0, 0), ValueError, "got 2.0"),
        (lambda: weighting([[1.0, 2.0]]), ValueError, r"must be \(steps,\)"),
    ],
)
def test_bad_input(call, error, words):
    with pytest.raises(error, match=words):
        call()
