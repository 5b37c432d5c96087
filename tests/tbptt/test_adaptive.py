"""The bound on the bias, where the gradient is known exactly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tbptt.adaptive import bias_bound, choose_reach, decay_rate, relative_bias


@given(st.floats(0.1, 0.95), st.integers(4, 30))
def test_a_geometric_decay_is_found_and_its_tail_summed(rate, lags):
    # One weight, one linear unit: the share of lag j is rate^j, and nothing cancels.
    shares = rate ** np.arange(lags)
    assert decay_rate(shares, 0) == pytest.approx(rate)
    missing = rate ** np.arange(1, lags + 1) / (1 - rate)  # all shares from k2 on, to infinity
    np.testing.assert_allclose(bias_bound(shares, 0), missing, rtol=1e-9)
    sizes = shares.cumsum()
    np.testing.assert_allclose(
        relative_bias(shares, sizes, 0)[-1], missing[-1] / (sizes[-1] - missing[-1])
        if sizes[-1] > missing[-1] else np.inf,
    )  # fmt: skip


@given(st.floats(0.3, 0.9), st.integers(1, 6), st.integers(0, 99))
def test_the_bound_bounds_what_is_left_out(rate, first, seed):
    # Shares as vectors that shrink at most by `rate` a lag beyond `first`, 200 of them.
    rng = np.random.default_rng(seed)
    sizes = np.where(
        np.arange(200) <= first, rng.uniform(0.5, 2, 200),
        0.4 * rate ** (np.arange(200) - first) * rng.uniform(0.3, 1, 200),
    )  # fmt: skip
    sizes[first] = 0.5
    turned = rng.normal(size=(200, 3))
    shares = sizes[:, None] * turned / np.linalg.norm(turned, axis=1, keepdims=True)
    # The rate is estimated from 12 lags; a worst case beyond them is put there by hand.
    estimated = decay_rate(sizes[:12], first)
    sizes_beyond = sizes[first] * estimated ** (np.arange(200) - first)
    shares[12:] *= np.minimum(1, sizes_beyond[12:] / sizes[12:])[:, None]
    bound = bias_bound(sizes[:12], first)
    for k2 in range(1, 13):
        assert np.linalg.norm(shares[k2:].sum(axis=0)) <= bound[k2 - 1] * (1 + 1e-9)


def test_the_shortest_reach_within_the_tolerance():
    shares = 0.5 ** np.arange(12.0)
    sizes = shares.cumsum()
    relative = relative_bias(shares, sizes, 0)
    for tolerance in (0.9, 0.5, 0.1, 0.01):
        chosen = choose_reach(shares, sizes, first=0, tolerance=tolerance)
        assert relative[chosen - 1] <= tolerance
        assert chosen == 1 or relative[chosen - 2] > tolerance
    # bound 2^-k2 * 2, size 2 - 2 * 2^-k2: a quarter of the size less the bound at k2 = 3.
    assert choose_reach(shares, sizes, first=0, tolerance=0.25) == 3


def test_shares_that_do_not_fall_bound_nothing():
    flat = np.ones(8)
    assert decay_rate(flat, 2) == 1
    assert np.isinf(bias_bound(flat, 2)).all()
    assert choose_reach(flat, flat.cumsum(), first=2, tolerance=0.9) is None
    rises = np.array([1.0, 0.0, 0.0, 1.0])
    assert decay_rate(rises, 1) == np.inf
    assert decay_rate([1.0, 0.5, 0.0, 0.0], 0) == 0.5
    assert decay_rate([1.0, 0.0, 0.0, 0.0], 1) == 0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: decay_rate([1.0, 0.5, 0.2], 1), "at least two lags beyond"),
        (lambda: decay_rate([1.0, -0.5, 0.2], 0), "of at least 0"),
        (lambda: decay_rate([1.0, np.nan, 0.2], 0), "finite"),
        (lambda: relative_bias([1.0, 0.5, 0.2], [1.0] * 4, 0), "one a lag, 3, got 4"),
        (
            lambda: choose_reach([1.0, 0.5, 0.2], [1.0] * 3, first=0, tolerance=0),
            "tolerance must be above 0",
        ),
    ],
)
def test_bad_input(call, words):
    with pytest.raises(ValueError, match=words):
        call()
